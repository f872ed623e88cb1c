#include "frontend/fcgi/router.h"

#include "frontend/action/action.h"
#include "frontend/api/api.h"
#include "frontend/fcgi/warm_up.h"
#include "frontend/getwork/mining.h"
#include "frontend/health/health.h"
#include "frontend/notify/notify.h"
#include "frontend/site/site.h"
#include "frontend/web/answer.h"

#include <string.h>

/* A protocol is a folder with a handler, and its rows here. A '*' stands for one segment of the
 * path, a '@' for one that names a network; a '/' at the end may be missing. Who may GET may also
 * ask for the HEAD. */
static const struct route {
    const char *method, *path;
    handler_fn *handle;
} routes[] = {
    {"POST", "/Action.aspx", action_handle},
    {"POST", "/", mining_handle},
    {"POST", "/@/", mining_handle},
    {"GET", "/warm-up", warm_up_handle},
    {"GET", "/isalive", health_isalive},
    {"GET", "/metrics", health_metrics},
    {"POST", "/notify/subscribe", notify_subscribe},
    {"GET", "/notify/confirm", notify_confirm},
    {"POST", "/notify/confirm", notify_confirm},
    {"GET", "/notify/stop", notify_stop},
    {"POST", "/notify/stop", notify_stop},
    {"GET", "/api/pools", api_pools},
    {"GET", "/api/pools/*", api_pool},
    {"GET", "/api/pools/*/blocks", api_blocks},
    {"GET", "/api/pools/*/payments", api_payments},
    {"GET", "/api/pools/*/performance", api_performance},
    {"GET", "/api/pools/*/miners", api_miners},
    {"GET", "/api/pools/*/miners/*", api_miner},
    {"GET", "/api/pools/*/miners/*/payments", api_miner_payments},
    {"GET", "/api/pools/*/miners/*/balancechanges", api_miner_changes},
    {"GET", "/api/pools/*/miners/*/earnings/daily", api_miner_earnings},
    {"GET", "/api/pools/*/miners/*/performance", api_miner_performance},
    {"GET", "/*/api/statistics", api_statistics},
    {"GET", "/*/api/block_subsidysum/*", api_subsidy_sum},
    {"GET", "/", site_root},
    {"GET", "/@/", site_home},
    {"GET", "/@/howtojoin/", site_join},
    {"GET", "/@/statistics/", site_statistics},
    {"GET", "/@/blocks/", site_blocks},
    {"GET", "/@/payments/", site_payments},
    {"GET", "/@/transparency/", site_transparency},
    {"GET", "/@/miner/", site_find},
    {"GET", "/@/miner/*/", site_miner},
    {"GET", "/@/miner/*/workers.csv", site_workers_csv},
    {"GET", "/@/miner/*/credits.csv", site_credits_csv},
    {"GET", "/@/miner/*/payments.csv", site_payments_csv},
};

/* Does PATH have the shape of PATTERN? What stands for each '*' and '@' goes into RQ. */
static bool matches(const struct service *s, const char *pattern, const char *path,
                    struct request *rq)
{
    size_t n = 0;

    for (const char *start = pattern; *pattern;) {
        if (*path == '\0' && strcmp(pattern, "/") == 0 && pattern != start)
            return true;
        if (*pattern != '*' && *pattern != '@') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");

        if (len == 0 || len > REQUEST_MAX_SEGMENT || n == REQUEST_SEGMENTS)
            return false;
        memcpy(rq->segment[n], path, len);
        rq->segment[n++][len] = '\0';
        if (*pattern == '@' && !service_network(s, rq->segment[n - 1]))
            return false;
        path += len;
        pattern++;
    }
    return *path == '\0';
}

static bool takes(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* A program that reads the API is told in JSON, a browser by a page, a miner in its own form. */
static void refuse(struct service *s, const struct request *rq, const char *path,
                   struct reply *reply, int status, const char *count, const char *message)
{
    if (strstr(path, "/api/"))
        answer_error(s, reply, status, count, message);
    else
        site_refuse(s, rq, reply, status, count, message);
}

/* What a 405 says would do, when ROUTE does, beside what was found before. */
static const char *allowed(const struct route *route, const char *before)
{
    static const char get[] = "GET, HEAD", all[] = "GET, HEAD, POST";
    const char *this = strcmp(route->method, "GET") == 0 ? get : route->method;

    return before && strcmp(before, this) != 0 ? all : this;
}

void router_handle(struct service *s, const struct request *rq, struct reply *reply)
{
    char path[REQUEST_MAX_PATH + 1];
    struct request routed = *rq;
    const char *allow = NULL;

    if (!request_path(rq, path)) {
        refuse(s, &routed, path, reply, 414, "uri_too_long", "URI Too Long");
        return;
    }
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (!matches(s, routes[i].path, path, &routed))
            continue;
        if (takes(&routes[i], request_method(rq))) {
            reply->route = routes[i].path;
            routes[i].handle(s, &routed, reply);
            return;
        }
        allow = allowed(&routes[i], allow);
    }
    if (allow)
        refuse(s, &routed, path, reply, 405, "method_not_allowed", "Method Not Allowed");
    else
        refuse(s, &routed, path, reply, 404, "not_found", "Not Found");
    reply->allow = allow;
}
