#include "backend/chain/verify.h"

#include "backend/chain/biblepay.h"
#include "backend/chain/bitcoin.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static enum chain_result verify_bitcoin(struct chain *c, struct db *db, struct share **shares,
                                        size_t n)
{
    /* of a parent that nobody ever saw nothing can be demanded */
    const struct parent unseen = {.state = PARENT_UNSEEN, .seen_before = -1};
    struct share **open = mem_zalloc(n * sizeof(struct share *));
    size_t open_n = 0;

    (void)db;
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
    return CHAIN_OK;
}

/* One row per family. */
static const struct {
    const struct chain_ops *family;
    enum chain_result (*verify)(struct chain *c, struct db *db, struct share **shares, size_t n);
} verifiers[] = {{&bitcoin_ops, verify_bitcoin}, {&biblepay_ops, biblepay_verify}};

enum chain_result chain_verify(struct chain *c, struct db *db, struct share **shares, size_t n)
{
    for (size_t i = 0; i < sizeof(verifiers) / sizeof(verifiers[0]); i++)
        if (verifiers[i].family == c->ops)
            return verifiers[i].verify(c, db, shares, n);
    return chain_hold(c, "shares of family %s cannot be verified", c->ops->family);
}
