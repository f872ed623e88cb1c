/* JSON-RPC over HTTP as CPU miners speak it, byte for byte where servers may notice (wallet.md C).
 * It is not the backend's client: that one is for wallets, and never sends twice. */
#ifndef PENSTOCK_TESTS_TOOLS_RPC_MINER_H
#define PENSTOCK_TESTS_TOOLS_RPC_MINER_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum miner_style { STYLE_MINERD, STYLE_MULTI, STYLES }; /* minerd 2.5.1, cpuminer-multi 1.3.7 */

extern const struct miner_habits {
    const char *name;
    const char *agent;
    bool chunked; /* the body, although its length is stated, and 100 Continue is waited for */
    bool judges_status;           /* 404 means no such method, other errors that the pool is away */
    const char *template_request; /* the parameter of getblocktemplate, without its last brace */
    int submit_id;                /* of getwork; fetches are 0 */
} miner_habits[STYLES];

enum rpc_answer {
    ANSWER_RESULT,
    ANSWER_REFUSED, /* an answer without a result that can be used: an error, or nothing at all */
    ANSWER_AWAY,    /* no answer, or one that is taken for a failure of the network */
    ANSWER_LATE,    /* the time was over */
};

struct rpc_reply {
    enum rpc_answer answer;
    bool empty; /* refused, by a body of no bytes or HTTP 404 as far as that is looked at */
    json_t *result;
    char message[256];
    char longpoll[256], stratum[256], reason[128]; /* X-Long-Polling, …; "": none */
};

struct rpc_miner_conf {
    const char *url, *user, *password;
    const char *ca; /* PEM file; NULL: the system's */
    enum miner_style style;
    const atomic_bool *stop; /* ends calls under way */
};

/* One connection at a time, kept alive. Not thread-safe. CONF's texts must outlive it. */
struct rpc_miner;
struct rpc_miner *rpc_miner_open(const struct rpc_miner_conf *conf);
void rpc_miner_close(struct rpc_miner **m);

/* URL NULL: the pool's. PARAMS: a JSON array. TIMEOUT_MS 0: none. */
void rpc_miner_call(struct rpc_miner *m, const char *url, const char *method, const char *params,
                    int id, int64_t timeout_ms, struct rpc_reply *ret);
void rpc_reply_clear(struct rpc_reply *reply);

#endif
