/* The Action protocol (BiblePay style): one path, two actions, all data in request headers. */
#ifndef PENSTOCK_FRONTEND_ACTION_ACTION_H
#define PENSTOCK_FRONTEND_ACTION_ACTION_H

#include "frontend/fcgi/router.h"

handler_fn action_handle;

/* --- for the actions --- */

typedef void action_fn(struct service *s, const struct network *net, const struct request *rq,
                       struct reply *reply);

action_fn action_readytomine2; /* ready.c */
action_fn action_solution;     /* solution.c */

/* Refuses: HTTP 200 with the text in both elements, counted under COUNT. */
void action_refuse(struct service *s, struct reply *reply, const char *count, const char *message);

/* The same for texts around an echo of what was sent. */
void action_refuse_echo(struct service *s, struct reply *reply, const char *count,
                        const char *before, const char *sent, const char *after);
/* The same for what was counted already. */
void action_echo(struct reply *reply, const char *before, const char *sent, const char *after);

/* A server that the request needs is away; whoever found that has counted it. The miner falls back
 * to solo mining on exactly this text. */
void action_health_down(struct reply *reply);

/* A header as text for a column of MAX_CHARS characters; DEFLT when the header is missing. */
void action_header_text(const struct request *rq, const char *name, const char *deflt,
                        size_t max_chars, char *out, size_t out_size);

#endif
