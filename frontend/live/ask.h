/* From an HTTP request to a caller: who asks, and what for; or why not. No sockets, no servers. */
#ifndef PENSTOCK_FRONTEND_LIVE_ASK_H
#define PENSTOCK_FRONTEND_LIVE_ASK_H

#include "frontend/getwork/longpoll.h"
#include "frontend/live/net.h"

struct ask_rules {
    struct net *nets;
    size_t nets_n;
    const struct ipnet *proxies; /* whose X-Forwarded-For is believed, beside this machine's */
    size_t proxies_n;
};

struct refusal {
    int status;         /* of HTTP */
    const char *reason; /* for the counter; static */
    const char *text;   /* for people; static */
    int code;           /* JSON-RPC's where the status is 200 */
};

/* NULL and *RET filled in, or a static refusal; then *RET has the call's id as far as one was read.
 * PEER is whose connection it is. */
const struct refusal *ask_read(const struct ask_rules *rules, const struct http_ask *ask,
                               const char *peer, struct caller *ret);

/* Headers that go with the refusal; "" or whole lines. */
const char *refusal_headers(const struct refusal *r);

#endif
