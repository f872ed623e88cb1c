/*
 * A CPU miner over getwork and getblocktemplate, as the deployed ones behave towards a server: when
 * they fetch, fall back, wait, give a share up or send it again (wallet.md C). X-Stratum is shown
 * and not followed.
 *
 * All fetches and submissions go through one connection, one after the other; a thread of its own
 * has the longpoll.
 */
#ifndef PENSTOCK_TESTS_TOOLS_GETWORK_MINER_H
#define PENSTOCK_TESTS_TOOLS_GETWORK_MINER_H

#include "common/coin/hash.h"
#include "tests/tools/lib/rpc_miner.h"

struct getwork_miner_conf {
    struct rpc_miner_conf pool; /* `stop` is filled in */
    const struct pow_algorithm *pow;
    bool use_template, use_getwork; /* both: the second when the pool lacks the first */
    bool use_longpoll;
    unsigned threads;
    uint64_t shares;        /* accepted ones to end after; 0: never */
    int64_t pace_ms;        /* between a thread's shares */
    int64_t block_every_ms; /* > 0: no share that is a block, but one every so often */
    int64_t refetch_ms;     /* the age at which work is replaced while nothing tells of blocks */
    int64_t retry_ms;       /* after a failure of the network */
    int64_t give_up_ms;     /* without a share accepted; 0: never */
};

/* Asks a running miner to end soon. May be called by a signal handler. */
void getwork_miner_stop(void);

/* Returns the exit status: 0 when SHARES was reached or getwork_miner_stop() was called, 1 when it
 * gave up. */
int getwork_miner_run(const struct getwork_miner_conf *conf);

#endif
