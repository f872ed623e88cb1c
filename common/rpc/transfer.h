/* One HTTP POST at a time over a libcurl handle that is set up once. Private to rpc.c. */
#ifndef PENSTOCK_COMMON_RPC_TRANSFER_H
#define PENSTOCK_COMMON_RPC_TRANSFER_H

#include "common/base/buf.h"
#include "common/rpc/rpc.h"

#include <curl/curl.h>

struct transfer {
    CURL *easy;
    struct curl_slist *headers;
    bool busy;
    bool sent;   /* libcurl was about to send: from here on the wallet may have seen the request */
    bool resent; /* libcurl wanted to send it once more */
    char *request;
    struct buf reply;
    char error[CURL_ERROR_SIZE];

    /* what the request stands for */
    struct rpc_call *calls;
    size_t n;
    int64_t first_id;
};

/* PASSWORD may be NULL; libcurl keeps a copy of it. */
void transfer_open(struct transfer *t, const struct rpc_conf *conf, const char *password);
void transfer_close(struct transfer *t);

/* Prepares the request for CALLS; the handle is then ready for a multi handle. */
void transfer_start(struct transfer *t, struct rpc_call *calls, size_t n, int64_t first_id,
                    int64_t default_timeout_ms);

/* Fills in the calls from what libcurl says of the ended transfer. */
void transfer_finish(struct transfer *t, CURLcode code);

#endif
