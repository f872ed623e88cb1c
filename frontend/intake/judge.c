#include "frontend/intake/judge.h"

#include "common/base/clock.h"
#include "common/message/solution.h"

#include <stdio.h>

/* What is no address, which no web server sends, is one sender. */
static struct ip sender_of(const struct request *rq)
{
    struct ip ip = {{0}};

    ip_parse(request_ip(rq), &ip);
    return ip;
}

static enum judgement refused(struct service *s, const char *count, enum judgement why)
{
    service_count(s, count);
    return why;
}

enum judgement judge_ban(struct service *s, const struct request *rq)
{
    const struct bans *bans = service_bans(s);
    const struct ip ip = sender_of(rq);

    return bans && bans_ip(bans, &ip) ? refused(s, "ip_banned", JUDGE_IP_BANNED) : JUDGE_FINE;
}

enum judgement judge_ip(struct service *s, const struct request *rq, enum limit limit)
{
    const struct ip ip = sender_of(rq);

    if (!s->limits || limits_by_ip(s->limits, limit, &ip, clock_mono_ms()))
        return JUDGE_FINE;
    return refused(s, limit_meanings[limit].count, JUDGE_TOO_MANY);
}

enum judgement judge_sender(struct service *s, const struct request *rq, enum limit limit)
{
    enum judgement j = judge_ban(s, rq);

    return j == JUDGE_FINE ? judge_ip(s, rq, limit) : j;
}

enum judgement judge_name(struct service *s, const struct network *net, const struct request *rq,
                          enum limit limit, const char *name)
{
    char key[NETWORK_MAX_NAME + 1 + ADDRESS_MAX_TEXT + 1];
    const struct ip ip = sender_of(rq);

    snprintf(key, sizeof key, "%s %s", net->name, name);
    if (!s->limits || limits_by_miner(s->limits, limit, &ip, key, clock_mono_ms()))
        return JUDGE_FINE;
    return refused(s, limit_meanings[limit].count, JUDGE_TOO_MANY);
}

enum judgement judge_address(struct service *s, const struct network *net, const struct request *rq,
                             enum limit limit, const char *address)
{
    const struct bans *bans = service_bans(s);

    if (bans && bans_address(bans, net->name, address))
        return refused(s, "miner_banned", JUDGE_BANNED);
    if (bans && bans_disabled(bans, net->name, address))
        return refused(s, "miner_disabled", JUDGE_DISABLED);
    return judge_name(s, net, rq, limit, address);
}
