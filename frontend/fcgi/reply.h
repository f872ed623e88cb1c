/* A reply as the protocols fill it in. */
#ifndef PENSTOCK_FRONTEND_FCGI_REPLY_H
#define PENSTOCK_FRONTEND_FCGI_REPLY_H

#include "common/base/buf.h"

#define REPLY_MAX_BODY  (1u << 20)
#define REPLY_HEADERS   3
#define REPLY_MAX_VALUE 207

struct reply {
    int status;
    const char *content_type; /* static text */
    const char *route;        /* the pattern of the path that was found; NULL: none */
    const char *allow;        /* of a 405: the methods that would do; else NULL */
    bool page;                /* for browsers: with the headers that bound what it may do there */
    char location[512];       /* of a redirection: a path of this site; else "" */
    char file_name[160];      /* of a download: a name without quotes; else "" */
    char etag[32];            /* quoted; "": none */
    int max_age_s;            /* how long it keeps, for everyone; 0: nobody keeps it */
    bool public;              /* any site's scripts may read it (CORS) */
    struct reply_header {
        const char *name; /* static text */
        char value[REPLY_MAX_VALUE + 1];
    } header[REPLY_HEADERS]; /* a protocol's own */
    size_t headers;
    struct buf body;
};

#define REPLY_INIT                                                                                 \
    ((struct reply){.status = 200,                                                                 \
                    .content_type = "text/html; charset=utf-8",                                    \
                    .body = BUF_INIT(REPLY_MAX_BODY)})

#define REPLY_HEAD_SIZE 2560

/* The head as FastCGI wants it, with the empty line at its end; returns its length. */
size_t reply_head(const struct reply *reply, char out[REPLY_HEAD_SIZE]);

/* Appends to the body; a reply that would pass REPLY_MAX_BODY is a bug. */
void reply_addf(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a header; at most REPLY_HEADERS, VALUE at most REPLY_MAX_VALUE characters that may stand in
 * one. */
void reply_header(struct reply *reply, const char *name, const char *value);

/* An error in the form that a deployed miner shows to its user, with the terminators without which
 * it would wait for more (protocol document "Action", section 1). MESSAGE must not need escaping.
 */
void reply_error(struct reply *reply, int status, const char *message);

#endif
