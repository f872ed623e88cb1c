/* A request that waits for work: who asks, what for, and what has been found out about it. */
#ifndef PENSTOCK_FRONTEND_LIVE_CALLER_H
#define PENSTOCK_FRONTEND_LIVE_CALLER_H

#include "common/base/ipnet.h"
#include "frontend/getwork/auth.h"
#include "frontend/getwork/call.h"
#include "frontend/getwork/handout.h"
#include "frontend/intake/intake.h"
#include "frontend/live/server.h"
#include "frontend/live/tip.h"

#include <sys/queue.h>

#define CALLER_AGENT_SIZE (4 * WORK_AGENT_CHARS + 1)
#define CALLER_URI_SIZE   320

enum caller_fate {
    CALLER_GOOD,
    CALLER_BANNED,  /* address or sender; or disabled */
    CALLER_NOT_NOW, /* too many new miners or workers of this sender */
    CALLER_AWAY,    /* the database did not answer, or refused */
    CALLER_STRANGE, /* it did over another connection: perhaps it is not the one that was asked for
                       the ids */
};

enum caller_place { CALLER_NOWHERE, CALLER_HELD, CALLER_AT_DESK };

struct caller {
    struct client *client; /* NULL: it has gone */
    size_t network;
    struct call call;
    struct auth auth;
    struct ip ip;
    char ip_text[IP_TEXT_SIZE], agent[CALLER_AGENT_SIZE];
    char uri[CALLER_URI_SIZE]; /* under which it asked */
    int64_t since_ms;          /* clock_mono_ms() */
    enum caller_place place;
    bool at_once;           /* does not wait for a new tip */
    unsigned attempts, why; /* at handing out; enum live_why */

    /* what was looked up */
    enum caller_fate fate;
    uint64_t epoch; /* of the database that said so (live.c) */
    uint64_t worker_id;
    struct u256 target;

    /* what is handed out */
    struct tip *tip; /* a reference */
    struct handout handout;
    struct buf text; /* the answer's body */

    TAILQ_ENTRY(caller) link;
};
TAILQ_HEAD(callers, caller);

#endif
