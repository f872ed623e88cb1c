#include "frontend/fcgi/warm_up.h"

#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* Of the whole request: mod_fcgid gives a program up that is silent for two seconds. */
enum { WAIT_MS = 1500, LOOK_MS = 10 };

static bool is_loopback(const char *ip)
{
    return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0 ||
           strncmp(ip, "::ffff:127.", 11) == 0;
}

static void wait_for_others(struct service *s, const char *query, int64_t until)
{
    char *end;
    unsigned long processes = strtoul(query, &end, 10);
    uint64_t token = *end == '.' ? strtoull(end + 1, NULL, 10) : 0;

    if (processes > UINT16_MAX)
        processes = UINT16_MAX;
    health_meet(s->health, token);
    while (!health_met(s->health, token, (unsigned)processes) && clock_left_ms(until) > 0)
        clock_sleep_ms(LOOK_MS);
}

void warm_up_handle(struct service *s, const struct request *rq, struct reply *reply)
{
    const char *query = request_variable(rq, "QUERY_STRING");
    int64_t until = clock_mono_ms() + WAIT_MS;
    bool db = false, broker = false;

    if (!is_loopback(request_ip(rq))) {
        service_count(s, "not_found");
        reply_error(reply, 404, "Not Found");
        return;
    }
    if (service_begin_db(s))
        db = service_settle_db(s, db_ping(s->db));
    service_bans(s);
    if (service_begin_broker(s))
        broker = service_settle_broker(s, broker_ping(s->broker), 0);
    wait_for_others(s, query ? query : "", until);
    reply->content_type = "text/plain; charset=utf-8";
    reply_addf(reply, "%lld database=%s broker=%s\n", (long long)s->pid, db ? "ok" : "away",
               broker ? "ok" : "away");
}
