#include "frontend/fcgi/router.h"

#include "frontend/action/action.h"
#include "frontend/fcgi/warm_up.h"

#include <string.h>

/* A protocol is a folder with a handler, and its rows here. */
static const struct route {
    const char *method, *path;
    handler_fn *handle;
} routes[] = {
    {"POST", "/Action.aspx", action_handle},
    {"GET", "/warm-up", warm_up_handle},
};

void router_handle(struct service *s, const struct request *rq, struct reply *reply)
{
    char path[REQUEST_MAX_PATH + 1];
    const char *allow = NULL;

    if (!request_path(rq, path)) {
        service_count(s, "uri_too_long");
        reply_error(reply, 414, "URI Too Long");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        if (strcmp(routes[i].method, request_method(rq)) == 0) {
            routes[i].handle(s, rq, reply);
            return;
        }
        allow = routes[i].method;
    }
    service_count(s, allow ? "method_not_allowed" : "not_found");
    reply_error(reply, allow ? 405 : 404, allow ? "Method Not Allowed" : "Not Found");
    reply->allow = allow;
}
