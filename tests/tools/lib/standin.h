/* A small HTTP/1.1 server for stand-ins of wallets: one thread, many kept-alive connections, each
 * request handed to a function that may also ask for the answer to be spoilt. */
#ifndef PENSTOCK_TESTS_TOOLS_STANDIN_H
#define PENSTOCK_TESTS_TOOLS_STANDIN_H

#include "common/base/buf.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define STANDIN_MAX_REQUEST (64u * 1024 * 1024)

struct standin_request {
    bool is_post;
    const char *path, *authorization; /* "" when there is none */
    const char *body;                 /* NUL-terminated */
    size_t body_len;
};

struct standin_reply {
    int status;
    const char *type; /* Content-Type */
    struct buf body;  /* freed by the server */
    int64_t delay_ms; /* before it is sent */
    bool drop;        /* closed without an answer */
    bool half;        /* closed after half of the body */
    bool twice;       /* the whole answer is sent twice */
};

typedef void standin_fn(void *ctx, const struct standin_request *request,
                        struct standin_reply *reply);

/* Binds 127.0.0.1, PORT (0: any), and returns the port in *PORT; -1 with errno. */
int standin_listen(uint16_t *port);

/* Serves until *STOP. A failing system call aborts. */
void standin_serve(int listen_fd, standin_fn *handle, void *ctx, const volatile sig_atomic_t *stop);

#endif
