/* One HTTP exchange's worth of calls as JSON: a single call is an object, several are a batch.
 * No I/O. Private to rpc.c, its tests and its fuzz target. */
#ifndef PENSTOCK_COMMON_RPC_EXCHANGE_H
#define PENSTOCK_COMMON_RPC_EXCHANGE_H

#include "common/rpc/rpc.h"

/* The request; the calls' ids are FIRST_ID, FIRST_ID + 1, … malloc'd. */
char *exchange_encode(const struct rpc_call *calls, size_t n, int64_t first_id, size_t *ret_len);

/* Fills in all calls from the body of a complete HTTP answer; HTTP_STATUS of each call is set. */
void exchange_decode(struct rpc_call *calls, size_t n, int64_t first_id, const char *body,
                     size_t len);

/* The same outcome for all calls. MESSAGE may hold anything; what is stored is printable. */
void exchange_fail(struct rpc_call *calls, size_t n, enum rpc_result result, const char *message);

#endif
