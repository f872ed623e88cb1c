/* An Action miner: some threads that fetch work, mine and send solutions. */
#ifndef PENSTOCK_TESTS_TOOLS_MINER_H
#define PENSTOCK_TESTS_TOOLS_MINER_H

#include "common/rpc/rpc.h"
#include "tests/tools/lib/candidate.h"
#include "tests/tools/lib/pool_client.h"

struct miner_conf {
    struct pool_conf pool; /* its thread_id: of the first thread */
    struct rpc_conf node;
    const struct pow_algorithm *pow;
    enum blocks_mode blocks;
    int64_t block_every_ms; /* > 0: no blocks, but one every so often */
    int64_t interval_ms;    /* between a thread's solutions */
    int64_t give_up_ms;     /* of nothing but failures; 0: never */
    uint64_t count;         /* accepted solutions to stop after; 0: never */
    unsigned threads;
    unsigned shares_per_work;
    bool submit_own;
    const char *tag; /* goes into the coinbase; may be "" */
};

/* Asks a running miner to end soon. May be called by a signal handler. */
void miner_stop(void);

/* Returns the exit status: 0 when COUNT was reached or miner_stop() was called, 1 when it gave up.
 */
int miner_run(const struct miner_conf *conf);

#endif
