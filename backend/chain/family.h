/* What a wallet family provides, and what all families share. For backend/chain/ only. */
#ifndef PENSTOCK_BACKEND_CHAIN_FAMILY_H
#define PENSTOCK_BACKEND_CHAIN_FAMILY_H

#include "backend/chain/blocks.h"
#include "backend/chain/chain.h"
#include "backend/chain/tips.h"
#include "backend/chain/wallets.h"

/* What the family's file does; the contracts are those of chain.h. */
struct chain_ops {
    const char *family; /* as in the setting */

    /* Makes and frees DATA of the chain. NULL, or a static text saying what is wrong. */
    const char *(*open)(struct chain *c);
    void (*close)(struct chain *c);

    /* Asks W for its tip; TIMEOUT_MS 0 means the wallet's. False, with a reason in WHY, when W
     * does not answer or cannot be judged by. */
    bool (*tip)(struct chain *c, struct wallet *w, int64_t timeout_ms, struct tip *ret, char *why,
                size_t why_size);
    /* Compact target that the block behind TIP must state, if it can be had; may be NULL. */
    void (*next_bits)(struct chain *c, struct tip *tip);

    /* Fills in the rest of RET, whose height and hash are those of a block on W's chain. */
    enum chain_result (*block)(struct chain *c, struct wallet *w, struct chain_block *ret);

    enum chain_result (*check)(struct chain *c, struct db *db, struct share **shares, size_t n);
    enum chain_result (*submit)(struct chain *c, struct share **shares, size_t n);

    /* Of shares of jobs; NULL for a family that has none. */
    void (*hash_jobs)(struct chain *c, struct share **shares, size_t n);
    bool (*claims_block)(const struct chain *c, const struct share *s);
};

struct chain {
    const struct chain_ops *ops;
    const struct backend_network *net;
    struct wallets *wallets;
    struct wallet *best; /* the one that the last refresh or look chose */
    int64_t height;      /* of its tip */
    struct tips tips;
    void *data; /* the family's own */
    char error[256];
};

extern const struct chain_ops bitcoin_ops;
extern const struct chain_ops biblepay_ops;

/* Notes why the caller must wait; always CHAIN_HOLD. */
enum chain_result chain_hold(struct chain *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
