#include "common/coin/merkle.h"

#include "common/coin/block.h"

#include <assert.h>
#include <string.h>

static void pair(const uint8_t left[32], const uint8_t right[32], uint8_t out[32])
{
    sha256d_parts((const struct span[]){{left, 32}, {right, 32}}, 2, out);
}

/* On each level the coinbase's side is the first, and its neighbour belongs to the branch. */
size_t merkle_branch(uint8_t (*ids)[32], size_t n, uint8_t branch[MERKLE_MAX_BRANCH][32])
{
    size_t depth = 0;

    assert(n < BLOCK_MAX_TX);
    while (n > 0) {
        memcpy(branch[depth++], ids[0], 32);
        size_t up = 0;
        for (size_t i = 1; i < n; i += 2, up++)
            pair(ids[i], ids[i + 1 < n ? i + 1 : i], ids[up]);
        n = up;
    }
    return depth;
}

void merkle_fold(const uint8_t id[32], const uint8_t (*branch)[32], size_t n, uint8_t root[32])
{
    memcpy(root, id, 32);
    for (size_t i = 0; i < n; i++)
        pair(root, branch[i], root);
}
