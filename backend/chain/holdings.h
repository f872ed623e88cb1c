/*
 * What the pool's own wallet holds and what it has sent, for the audit: it only asks. Both
 * families' wallets answer the same calls here (getwalletinfo, gettransaction, listtransactions).
 *
 * To be asked after a chain_look() or chain_refresh(). CHAIN_HOLD: no answer, or no sound one;
 * chain_error() has the reason. Amounts are base units.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_HOLDINGS_H
#define PENSTOCK_BACKEND_CHAIN_HOLDINGS_H

#include "backend/chain/chain.h"
#include "common/coin/address.h"

#define SENT_COMMENT_MAX 64
#define SENT_OUTPUTS_MAX 4096 /* of one transaction; one with more is no payment of the pool */

struct wallet;

/* The first wallet of the network that answers, is in sync and holds the key of the pool's address.
 * NULL in *RET when all have answered and none holds it: the pool's address is kept elsewhere. */
enum chain_result chain_purse(struct chain *c, struct wallet **ret);
/* The wallet of the settings' name LABEL, if it is in sync. CHAIN_HOLD: it is not, or there is
 * none.
 */
enum chain_result chain_purse_named(struct chain *c, const char *label, struct wallet **ret);
const char *chain_purse_label(const struct wallet *w); /* as in the settings */
/* Two networks may live in one wallet; then it answers for both. */
bool chain_same_purse(const struct wallet *w, const struct backend_conf *conf,
                      const char *other_network);

/* All of it: spendable, on its way in or back to itself, immature. */
enum chain_result chain_held(struct chain *c, struct wallet *w, int64_t *ret);

struct sent_output {
    char address[ADDRESS_MAX_TEXT + 1]; /* "" when it has none */
    int64_t amount;
};

/* A transaction that took coins from the wallet. */
struct sent_tx {
    struct u256 txid;
    int64_t confirmations; /* 0: not in a block; below 0: it lost against another one */
    bool in_pool;          /* without confirmations: waits in the node's memory to be mined */
    bool abandoned;
    int64_t fee;  /* -1: not told */
    int64_t time; /* when the wallet learned of it, seconds */
    char comment[SENT_COMMENT_MAX + 1];
    size_t n;
    struct sent_output *output; /* but for the change */
    char *hex;                  /* the whole transaction, or NULL */
};

void sent_tx_clear(struct sent_tx *t);

/* *RET_FOUND is false when the wallet does not know it; else *RET is to be cleared. */
enum chain_result chain_sent(struct chain *c, struct wallet *w, const struct u256 *txid,
                             bool *ret_found, struct sent_tx *ret);

/* Every transaction that took coins from the wallet since SINCE (seconds), each once or more often,
 * in no order. False from FN stops. */
typedef bool sent_fn(void *ctx, const struct u256 *txid);
enum chain_result chain_sent_since(struct chain *c, struct wallet *w, int64_t since, sent_fn *fn,
                                   void *ctx);

#endif
