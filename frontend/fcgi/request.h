/*
 * A request as the protocols see it, independent of FastCGI so that tests can make one.
 *
 * Everything in it is the sender's word, except the address.
 */
#ifndef PENSTOCK_FRONTEND_FCGI_REQUEST_H
#define PENSTOCK_FRONTEND_FCGI_REQUEST_H

#include "common/base/buf.h"

#include <stddef.h>

#define REQUEST_MAX_PATH    255
#define REQUEST_SEGMENTS    2
#define REQUEST_MAX_SEGMENT 127

struct request {
    char *const *env; /* NAME=VALUE of RFC 3875 (CGI), ends with NULL */
    /* The next bytes of the body, at most SIZE; 0 at its end. */
    size_t (*read)(void *ctx, void *data, size_t size);
    void *ctx;
    const char *ip; /* the client's where a trusted proxy told it; NULL: the peer's */
    /* What stands in the path where the route has a '*'; set by the router. */
    char segment[REQUEST_SEGMENTS][REQUEST_MAX_SEGMENT + 1];
};

/* A CGI variable; NULL when it is not set. */
const char *request_variable(const struct request *rq, const char *name);

const char *request_method(const struct request *rq); /* "" when unknown */

/* The URL's path without the query. False when it is longer than REQUEST_MAX_PATH. */
bool request_path(const struct request *rq, char out[REQUEST_MAX_PATH + 1]);

/* A header's value; NULL when the header is missing, "" when it is empty. NAME in any case, at most
 * 63 letters, digits and '-'. */
const char *request_header(const struct request *rq, const char *name);

/* The client's address: the peer's as the web server saw it, unless IP says otherwise. */
const char *request_ip(const struct request *rq);

enum body_result {
    BODY_OK,
    BODY_TOO_LONG, /* longer than RET->max */
    BODY_SHORT,    /* ended before its announced length */
};

/* Reads the whole body into RET, which bounds it. */
enum body_result request_body(const struct request *rq, struct buf *ret);

#endif
