/* A scripted HTTP server on 127.0.0.1 for tests: each request, on whichever connection, gets the
 * next step of the script; the last step repeats. A failing system call aborts. */
#ifndef PENSTOCK_TESTS_TOOLS_HTTP_PEER_H
#define PENSTOCK_TESTS_TOOLS_HTTP_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct peer_step {
    int status;           /* 0: no answer, the connection is closed */
    const char *type;     /* Content-Type; NULL: application/json */
    const char *body;     /* NULL: a JSON-RPC reply whose result is the request's own body */
    size_t body_len;      /* 0: strlen(body) */
    size_t missing;       /* bytes that Content-Length promises and that never come */
    size_t until_at_once; /* so many requests must have been there at once before it is answered */
    unsigned delay_ms;    /* before the answer */
    bool close;           /* the connection after the answer, unannounced */
    const char *location; /* header of that name */
};

struct peer;

/* STEPS is borrowed. With STEPS == NULL connections are left to the kernel's backlog: accepted,
 * never read. */
struct peer *peer_start(const struct peer_step *steps, size_t n);
void peer_stop(struct peer **peer);

const char *peer_url(const struct peer *peer);
size_t peer_requests(struct peer *peer);    /* received so far */
size_t peer_connections(struct peer *peer); /* accepted so far */
size_t peer_closed(struct peer *peer);      /* of these, by the peer itself or by the client */
size_t peer_most_at_once(struct peer *peer);
/* The I-th request's head and body, until peer_stop(). */
const char *peer_head(struct peer *peer, size_t i);
const char *peer_body(struct peer *peer, size_t i);

#endif
