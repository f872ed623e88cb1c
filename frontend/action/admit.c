#include "frontend/action/admit.h"

#include "common/base/clock.h"
#include "common/base/uuid.h"
#include "common/message/solution.h"

#include <stdio.h>

void admit_refuse(struct reply *reply)
{
    reply_error(reply, 200, "Too many requests, slow down");
}

/* What is no address, which no web server sends, is one sender. */
static struct ip sender_of(const struct request *rq)
{
    struct ip ip = {{0}};

    ip_parse(request_ip(rq), &ip);
    return ip;
}

bool admit_quietly(struct service *s, const struct request *rq, enum limit limit)
{
    const struct ip ip = sender_of(rq);

    if (!s->limits || limits_by_ip(s->limits, limit, &ip, clock_mono_ms()))
        return true;
    service_count(s, limit_meanings[limit].count);
    return false;
}

bool admit_ip(struct service *s, const struct request *rq, enum limit limit, struct reply *reply)
{
    if (admit_quietly(s, rq, limit))
        return true;
    admit_refuse(reply);
    return false;
}

bool admit_sender(struct service *s, const struct request *rq, enum limit limit,
                  struct reply *reply)
{
    const struct bans *bans = service_bans(s);
    const struct ip ip = sender_of(rq);

    if (!bans || !bans_ip(bans, &ip))
        return admit_ip(s, rq, limit, reply);
    action_refuse_echo(s, reply, "ip_banned", "IP ", request_ip(rq), " is banned");
    return false;
}

/* NAME tells the miner among those of its network. */
static bool admit_miner(struct service *s, const struct network *net, const struct request *rq,
                        enum limit limit, const char *name, struct reply *reply)
{
    char key[NETWORK_MAX_NAME + 1 + ADDRESS_MAX_TEXT + 1];
    const struct ip ip = sender_of(rq);

    snprintf(key, sizeof key, "%s %s", net->name, name);
    if (!s->limits || limits_by_miner(s->limits, limit, &ip, key, clock_mono_ms()))
        return true;
    service_count(s, limit_meanings[limit].count);
    admit_refuse(reply);
    return false;
}

bool admit_address(struct service *s, const struct network *net, const struct request *rq,
                   const char *address, struct reply *reply)
{
    const struct bans *bans = service_bans(s);
    bool banned = bans && bans_address(bans, net->name, address);

    if (!banned && !(bans && bans_disabled(bans, net->name, address)))
        return admit_miner(s, net, rq, LIMIT_WORK_ADDRESS, address, reply);
    action_refuse_echo(s, reply, banned ? "miner_banned" : "miner_disabled", "Miner ", address,
                       " is disabled");
    return false;
}

bool admit_guid(struct service *s, const struct network *net, const struct request *rq,
                const char *guid, size_t len, struct reply *reply)
{
    const struct bans *bans = service_bans(s);
    char text[UUID_TEXT_LEN + 1];
    struct uuid uuid;

    if (!uuid_parse(guid, len, &uuid))
        return true;
    uuid_format(&uuid, text);
    if (!bans || !bans_miner(bans, net->name, text))
        return admit_miner(s, net, rq, LIMIT_SOLUTION_MINER, text, reply);
    action_refuse_echo(s, reply, "miner_banned", "Miner ", text, " is disabled");
    return false;
}
