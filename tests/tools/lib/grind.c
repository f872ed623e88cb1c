/* Proof of work, the slow and plain way. */
#include "common/base/clock.h"
#include "tests/tools/lib/candidate.h"

#define NONCE_AT      76
#define LOOK_UP_EVERY 64 /* hashes between two looks at the clock */

uint32_t candidate_nonce(const struct candidate *c)
{
    const uint8_t *p = c->header + NONCE_AT;

    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool candidate_next_nonce(struct candidate *c)
{
    uint32_t nonce = candidate_nonce(c) + 1;

    for (unsigned i = 0; i < 4; i++)
        c->header[NONCE_AT + i] = (uint8_t)(nonce >> (8 * i));
    return nonce != 0;
}

static bool wanted(struct grind *g)
{
    if (u256_cmp(&g->pow_hash, &g->share_target) >= 0)
        return false;
    g->is_block = u256_cmp(&g->pow_hash, &g->network_target) <= 0;
    return g->mode == BLOCKS_ANY || g->is_block == (g->mode == BLOCKS_ONLY);
}

enum grind_result candidate_grind(struct candidate *c, struct grind *g)
{
    for (unsigned i = 1;; i++) {
        g->pow->hash(c->header, &g->pow_hash);
        g->hashes++;
        if (wanted(g))
            return GRIND_FOUND;
        if (!candidate_next_nonce(c))
            return GRIND_EXHAUSTED;
        if (i % LOOK_UP_EVERY == 0 && (atomic_load(g->stop) || clock_left_ms(g->deadline_ms) == 0))
            return GRIND_PAUSED;
    }
}
