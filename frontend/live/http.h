/*
 * HTTP/1.1 requests out of a stream of bytes, free of sockets.
 *
 * The grammar is http-parser's (Debian's libhttp-parser; a small C library that copies nothing and
 * knows no sockets, so it fits a loop of our own, and what it takes is fuzzed widely). Bounds are
 * ours: beyond one the request is refused with a status, and its connection is of no further use.
 *
 * Of the headers only those are kept that this program acts on. One request at a time: what comes
 * behind one that is not answered yet is refused; the proxy in front sends nothing of that kind.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_HTTP_H
#define PENSTOCK_FRONTEND_LIVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_READER_MAX_HEAD  16384 /* bytes of the request line and all headers */
#define HTTP_READER_MAX_PATH  127
#define HTTP_READER_MAX_FIELD 511  /* bytes of a header that is kept */
#define HTTP_READER_MAX_BODY  4096 /* a call without parameters worth speaking of */

struct http_ask {
    const char *method; /* "GET", …; static */
    char path[HTTP_READER_MAX_PATH + 1];
    /* values; "" when the header is missing */
    char authorization[HTTP_READER_MAX_FIELD + 1];
    char agent[HTTP_READER_MAX_FIELD + 1];     /* cut where it is longer */
    char forwarded[HTTP_READER_MAX_FIELD + 1]; /* X-Forwarded-For: its end, where it is longer */
    /* what the proxy was asked as: X-Forwarded-Host, X-Forwarded-Proto; their ends likewise */
    char host[HTTP_READER_MAX_FIELD + 1], scheme[HTTP_READER_MAX_FIELD + 1];
    const char *body; /* NUL-terminated; good until the next http_next() */
    size_t body_len;
    bool expects; /* "Expect: 100-continue" */
    bool keep_alive;
};

struct http_reader;

struct http_reader *http_reader_new(void);
void http_reader_free(struct http_reader **r);

enum http_state {
    HTTP_READ_PART,  /* more is to come */
    HTTP_READ_WAITS, /* as HTTP_READ_PART, and the sender waits for "100 Continue"; said once a
                        request */
    HTTP_READ_DONE,  /* http_reader_ask() has the whole request */
    HTTP_READ_BAD,   /* http_reader_status() says why; there is no going on */
};

/* Takes bytes that came. After HTTP_READ_DONE, and before http_next(), any further byte is
 * HTTP_READ_BAD. */
enum http_state http_feed(struct http_reader *r, const char *data, size_t len);
const struct http_ask *http_reader_ask(const struct http_reader *r);
int http_reader_status(const struct http_reader *r); /* 400, 413, 414, 417 or 431 */
/* Whether a request has begun and is not whole. */
bool http_reader_busy(const struct http_reader *r);

/* The request was answered: the next one may come. Its memory beyond the reader's own is freed. */
void http_next(struct http_reader *r);

#endif
