/* One mail by the local MTA's sendmail program. */
#ifndef PENSTOCK_BACKEND_NOTIFY_MAIL_H
#define PENSTOCK_BACKEND_NOTIFY_MAIL_H

#include "backend/conf/settings.h"
#include "common/base/buf.h"

/* What is sent, by mail or to a webhook. */
struct notice {
    uint64_t id; /* the same at every attempt: receivers may drop what they know */
    const char *network;
    const char *kind;      /* confirm, block, payout, silent, audit */
    const char *detail;    /* one sentence */
    const char *target;    /* a mail address or a URL */
    const char *token;     /* to confirm or stop with; "": the operator's, who needs none */
    const uint8_t *secret; /* 16 bytes, signs what a webhook is sent; NULL: not signed */
};

/* The characters that a mail address may have here: no header can be made of it. */
bool mail_address_ok(const char *text);

/* Writes headers and body. False: the address is none, or it gets too long. */
bool mail_build(const struct notify_conf *conf, const struct notice *n, struct buf *out);

/* Within some seconds. False, with the reason in ERR. */
bool mail_send(const struct notify_conf *conf, const struct notice *n, char *err, size_t err_size);

#endif
