/* The miner's end of the Action protocol (the protocol document, sections 1 to 3). One per thread.
 */
#ifndef PENSTOCK_TESTS_TOOLS_POOL_CLIENT_H
#define PENSTOCK_TESTS_TOOLS_POOL_CLIENT_H

#include "common/coin/u256.h"

struct pool_conf {
    const char *url; /* without /Action.aspx */
    const char *ca;  /* PEM file, or NULL for the system's */
    const char *network, *miner;
    unsigned thread_id;
    bool keep_alive; /* one connection for all requests, unlike the deployed wallets */
    int64_t timeout_ms;
};

struct pool_work {
    char address[128], miner_guid[64], work_id[64];
    struct u256 target;
};

enum pool_result {
    POOL_OK,
    POOL_REFUSED, /* the pool says no, and why */
    POOL_DOWN,    /* HEALTH_DOWN, or a server error */
    POOL_SILENT,  /* no connection, or no complete and sensible answer */
};

const char *pool_result_name(enum pool_result r);

struct pool_client;

struct pool_client *pool_open(const struct pool_conf *conf); /* CONF's strings are borrowed */
void pool_close(struct pool_client **pool);

enum pool_result pool_ready(struct pool_client *pool, struct pool_work *ret);

/* SOLUTION: the 16 fields. Beyond 60,000 bytes it travels as the body. */
enum pool_result pool_solution(struct pool_client *pool, const char *solution, const char *work_id);

/* Why the last call did not end with POOL_OK. */
const char *pool_message(const struct pool_client *pool);

#endif
