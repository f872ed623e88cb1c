/* Which handler answers which request: the whole public surface of the frontend is one table. */
#ifndef PENSTOCK_FRONTEND_FCGI_ROUTER_H
#define PENSTOCK_FRONTEND_FCGI_ROUTER_H

#include "frontend/fcgi/reply.h"
#include "frontend/fcgi/request.h"
#include "frontend/fcgi/service.h"

/* REPLY comes as REPLY_INIT. */
typedef void handler_fn(struct service *s, const struct request *rq, struct reply *reply);

void router_handle(struct service *s, const struct request *rq, struct reply *reply);

#endif
