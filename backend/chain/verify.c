#include "backend/chain/verify.h"

#include "backend/chain/bitcoin.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void verify_bitcoin(struct chain *c, struct share **shares, size_t n)
{
    /* of a parent that nobody ever saw nothing can be demanded */
    const struct parent unseen = {.state = PARENT_UNSEEN, .seen_before = -1};
    struct share **open = mem_zalloc(n * sizeof(struct share *));
    size_t open_n = 0;

    for (size_t i = 0; i < n; i++) {
        bitcoin_rules(c, shares[i], &unseen);
        if (shares[i]->state == SHARE_OPEN)
            open[open_n++] = shares[i];
    }
    bitcoin_hash(c->data, open, open_n);
    for (size_t i = 0; i < open_n; i++) {
        char hex[65];

        u256_to_hex(&open[i]->true_hash, hex);
        if (u256_cmp(&open[i]->true_hash, &open[i]->pow_hash) != 0)
            share_reject(open[i], REASON_HASH_WRONG, "the header hashes to %s", hex);
    }
    free(open);
}

/* One row per family whose proof of work needs no wallet. */
static const struct {
    const char *family;
    void (*verify)(struct chain *c, struct share **shares, size_t n);
} verifiers[] = {{"bitcoin", verify_bitcoin}};

static size_t find(const struct chain *c)
{
    size_t i = 0, n = sizeof(verifiers) / sizeof(verifiers[0]);

    while (i < n && strcmp(verifiers[i].family, c->ops->family) != 0)
        i++;
    return i;
}

bool chain_can_verify(const struct chain *c)
{
    return find(c) < sizeof(verifiers) / sizeof(verifiers[0]);
}

void chain_verify(struct chain *c, struct share **shares, size_t n)
{
    assert(chain_can_verify(c));
    verifiers[find(c)].verify(c, shares, n);
}
