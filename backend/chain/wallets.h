/* The wallets of one network, in the order of their priority, and which of them can be asked. */
#ifndef PENSTOCK_BACKEND_CHAIN_WALLETS_H
#define PENSTOCK_BACKEND_CHAIN_WALLETS_H

#include "backend/conf/settings.h"
#include "common/base/backoff.h"
#include "common/base/histogram.h"
#include "common/rpc/rpc.h"

/* How often a wallet that is not in use is looked at; after failures more and more rarely. */
#define WALLET_LOOK_MS      2000
#define WALLET_LOOK_MOST_MS 60000

struct wallet {
    const struct wallet_conf *conf;
    struct rpc *rpc;
    bool
        away; /* its last call failed: asked last, that it does not cost every batch its time-out */
    int64_t failed_ms; /* monotonic: the last failure; 0: none */
    int64_t look_ms;   /* monotonic: when to look at it next */
    struct backoff backoff;
    int64_t height;                 /* as it said last; -1: it is unfit, or was not asked yet */
    struct value_histogram latency; /* of answers; any thread may read these two */
    _Atomic uint64_t failures;      /* calls without one, and answers that are not to be believed */
};

struct wallets {
    size_t n;
    struct wallet wallet[]; /* by priority */
};

/* NULL, with a reason in ERR, when a password file is unusable. CONF must outlive the result. */
struct wallets *wallets_open(const struct backend_conf *conf, const char *network, char *err,
                             size_t err_size);
void wallets_close(struct wallets **w);

/* The wallets in the order in which to ask them now: by priority, those away last. ORDER has room
 * for w->n. */
void wallets_order(struct wallets *w, struct wallet **order);

/* What is known of a wallet when one is to be chosen. */
struct wallet_view {
    bool fit; /* it answered, and nothing it said makes it unfit to judge by */
    int64_t height;
};

/* The first of VIEW, which are in the order of preference, that is fit and lags behind neither
 * another fit one nor SEEN, the greatest height known otherwise. N when there is none. */
size_t wallets_choose(const struct wallet_view *view, size_t n, int64_t seen);

/* Notes from an answer, or the lack of one, whether W is away. True when it answered (RPC_OK,
 * RPC_ERROR). */
bool wallet_note(struct wallet *w, const struct rpc_call *call);

/* It answered METHOD with what no sound wallet answers: as good as no answer. */
void wallet_fault(struct wallet *w, const char *method, const char *what);

#endif
