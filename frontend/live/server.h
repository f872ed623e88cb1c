/*
 * Connections on one listening socket, inside a libuv loop: requests come as http.h reads them, and
 * are answered now or much later. All calls from the loop's thread.
 *
 * A connection costs its reader and nothing else while it waits. One that is silent in the middle
 * of a request, does not take its answer, or has been idle, is closed after SERVER_*_MS.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_SERVER_H
#define PENSTOCK_FRONTEND_LIVE_SERVER_H

#include "common/base/buf.h"
#include "frontend/live/http.h"

#include <stdint.h>
#include <uv.h>

#define SERVER_REQUEST_MS 10000
#define SERVER_ANSWER_MS  30000
/* Longer than the proxy keeps idle connections (ttl), so that it is never the one whose connection
 * goes just when it is used. */
#define SERVER_IDLE_MS 90000

struct server;
struct client;

struct server_ops {
    /* A request came. ASK is good during the call; C until it is answered or gone. */
    void (*ask)(void *ctx, struct client *c, const struct http_ask *ask);
    /* Whoever asked has gone: C is not to be answered, or touched, any more. */
    void (*gone)(void *ctx, struct client *c);
    /* An answer was sent to its end, MS after client_answer(); or given up. */
    void (*sent)(void *ctx, struct client *c);
};

/* Listens at ADDRESS ("127.0.0.1:8080", "[::1]:8080"), or takes over the socket FD that does (-1:
 * none). At most MAX connections; more are closed as they come. NULL, with a reason in ERR. */
struct server *server_open(uv_loop_t *loop, const char *address, int fd, size_t max,
                           const struct server_ops *ops, void *ctx, char *err, size_t err_size);

/* Takes no new connections, and closes those that are idle; each other one after its answer. */
void server_end(struct server *s);
/* Looks at what has been silent for too long; to be called each second or so. */
void server_tick(struct server *s);
size_t server_clients(const struct server *s);
/* Bytes of answers that are still to be sent. */
size_t server_unsent(const struct server *s);
/* The listening socket, for whoever follows this process. */
int server_fd(const struct server *s);
/* Closes everything at once; the memory is free once the loop has run to its end. */
void server_close(struct server **s);

struct answer {
    int status;
    const char *type;    /* of the body; NULL: none */
    const char *headers; /* further lines, each with its CRLF; "": none */
    struct buf *body;    /* its memory is taken; NULL: none */
};

/* To be called once for each request. */
void client_answer(struct client *c, const struct answer *a);

/* What the caller wants to find again with the request; NULL at its begin. */
void client_set(struct client *c, void *mine);
void *client_get(const struct client *c);
/* The peer's address. */
const char *client_peer(const struct client *c);

#endif
