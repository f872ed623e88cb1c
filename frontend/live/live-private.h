/* Inside frontend/live: what live.c and vital.c share. */
#ifndef PENSTOCK_FRONTEND_LIVE_PRIVATE_H
#define PENSTOCK_FRONTEND_LIVE_PRIVATE_H

#include "common/base/histogram.h"
#include "frontend/live/ask.h"
#include "frontend/live/clerk.h"
#include "frontend/live/desk.h"
#include "frontend/live/follow.h"
#include "frontend/live/live.h"
#include "frontend/live/seen.h"
#include "frontend/live/tally.h"

#define LIVE_DESKS 2 /* that hand out */

/* Why a caller was answered; words in vital.c. */
enum live_why { WHY_TIP, WHY_AT_ONCE, WHY_TIME, WHY_END, WHYS };

/* Refusals are counted by their reason: as many as there are static texts. */
#define LIVE_REASONS 24
struct live_reason {
    const char *name;
    uint64_t n;
};

struct live {
    const struct frontend_conf *conf;
    uv_loop_t *loop;
    struct server *server;
    struct net *nets;
    size_t nets_n;
    struct ipnet *proxies, *exempt;
    struct limits *limits;
    struct clerk *clerk;
    struct follow *follow;
    struct broker_conf broker; /* [broker], with the account of [live] */
    const char **names;        /* of the networks */
    struct desk *look_up, *hand_out[LIVE_DESKS];
    struct desk_ops look_ops, hand_ops;
    struct tally *per_ip, *per_address;
    struct seen *seen;
    uv_timer_t tick;
    uv_async_t news;
    size_t callers; /* that exist: held, at a desk, or being answered */
    uint64_t epoch; /* counts databases, as far as another connection may mean another one */
    int64_t end_ms; /* 0: not ending */

    uint64_t answered[WHYS], jobs, tips;
    struct live_reason refused[LIVE_REASONS];
    struct value_histogram wake_us; /* from the news of a tip to the last byte, each caller */
};

/* vital.c: GET /metrics and /isalive. False when PATH is neither. */
bool live_answer_vital(struct live *l, struct client *c, const char *path);

#endif
