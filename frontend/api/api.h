/*
 * The pool as programs read it: JSON over GET, described by openapi.json beside this file, to which
 * tests/integration/test_api.py holds the answers.
 *
 * Two shapes: Purepool's two addresses with their exact fields, and the one that existing pool
 * front ends and apps consume (Miningcore's /api/pools…). Errors are JSON with a code. What names
 * no network, or no address of its chain, is refused before the database is asked.
 */
#ifndef PENSTOCK_FRONTEND_API_API_H
#define PENSTOCK_FRONTEND_API_API_H

#include "frontend/read/read.h"
#include "frontend/web/answer.h"

handler_fn api_pools, api_pool;                                   /* pools.c */
handler_fn api_blocks, api_payments, api_performance, api_miners; /* lists.c */
handler_fn api_miner, api_miner_payments, api_miner_changes;      /* miner.c */
handler_fn api_miner_earnings, api_miner_performance;             /* miner.c */
handler_fn api_statistics, api_subsidy_sum;                       /* purepool.c */

/* --- for the handlers --- */

/* How long an answer keeps. */
#define API_KEEP_S 30

/* One request under way. */
struct api {
    struct service *s;
    const struct request *rq;
    struct reply *reply;
    const struct network *net; /* of the first segment; NULL where there is none */
    struct jsonw j;
    int64_t now_s;
    struct page page;
    char address[ADDRESS_MAX_TEXT +
                 1]; /* canonical, of the second segment; "" where there is none */
};

#define API_NETWORK 1u /* the first segment names a network */
#define API_ADDRESS 2u /* the second one an address of its chain */
#define API_PAGE    4u /* the query says which page */

/* Checks what NEEDS says, and the sender's limit, and opens the database. False: the answer is
 * written, and says why not. Otherwise api_end() must follow. */
bool api_begin(struct api *a, unsigned needs, struct service *s, const struct request *rq,
               struct reply *reply);

/* R is what became of the last read: settles the use of the database, and answers. */
void api_end(struct api *a, enum db_result r);

/* The same when the address is unknown to the pool. */
void api_end_unknown_miner(struct api *a);

/* TEMPLATE of a setting such as block_url, filled in; null when it is empty or WHAT is NULL. */
void api_link(struct jsonw *j, const char *key, const char *template, const char *what);

unsigned api_decimals(const struct api *a);
/* From the hours' number, as jsonw_time(). */
void api_hour(struct jsonw *j, const char *key, uint64_t hour);

/* Rows of lists, as the functions of read.h call them. */
bool api_payment(void *api, const struct read_payment *p);
bool api_miner_rate(void *jsonw, const struct read_miner_rate *m);

#endif
