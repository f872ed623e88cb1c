/* A reply as the protocols fill it in. */
#ifndef PENSTOCK_FRONTEND_FCGI_REPLY_H
#define PENSTOCK_FRONTEND_FCGI_REPLY_H

#include "common/base/buf.h"

#define REPLY_MAX_BODY (1u << 20)

struct reply {
    int status;
    const char *content_type; /* static text */
    const char *allow;        /* of a 405: the method that would do; else NULL */
    struct buf body;
};

#define REPLY_INIT ((struct reply){200, "text/html; charset=utf-8", NULL, BUF_INIT(REPLY_MAX_BODY)})

/* Appends to the body; a reply that would pass REPLY_MAX_BODY is a bug. */
void reply_addf(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* An error in the form that a deployed miner shows to its user, with the terminators without which
 * it would wait for more (protocol document "Action", section 1). MESSAGE must not need escaping.
 */
void reply_error(struct reply *reply, int status, const char *message);

#endif
