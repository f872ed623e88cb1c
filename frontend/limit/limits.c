#include "frontend/limit/limits.h"

#include "common/base/mem.h"
#include "frontend/limit/buckets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 255, V6_SENDER_BYTES = 8 };

struct limits {
    const struct limits_conf *conf;
    struct ipnet *exempt;
    struct buckets *buckets;
};

struct limits *limits_open(const struct limits_conf *conf, const char *health_file, char *err,
                           size_t err_size)
{
    struct limits *l = mem_zalloc(sizeof *l);
    char *path = mem_sprintf("%s.limits", health_file);

    l->conf = conf;
    l->exempt = limits_networks(&conf->exempt);
    l->buckets = buckets_open(path, err, err_size);
    free(path);
    if (!l->buckets)
        limits_close(&l);
    return l;
}

void limits_close(struct limits **l)
{
    if (!*l)
        return;
    buckets_close(&(*l)->buckets);
    free((*l)->exempt);
    free(*l);
    *l = NULL;
}

static bool is_exempt(const struct limits *l, const struct ip *sender)
{
    return ipnet_any_has(l->exempt, l->conf->exempt.n, sender);
}

static bool take(struct limits *l, enum limit which, const void *key, size_t len, int64_t now_ms)
{
    const struct bucket_rate rate = {l->conf->rate[which], limit_meanings[which].period_s,
                                     l->conf->burst[which]};
    unsigned char whole[1 + KEY_MAX];

    assert(len <= KEY_MAX);
    whole[0] = (unsigned char)which;
    memcpy(whole + 1, key, len);
    return buckets_take(l->buckets, whole, 1 + len, &rate, now_ms);
}

bool limits_by_ip(struct limits *l, enum limit which, const struct ip *sender, int64_t now_ms)
{
    size_t len = ip_is_v4(sender) ? sizeof sender->byte : V6_SENDER_BYTES;

    return is_exempt(l, sender) || take(l, which, sender->byte, len, now_ms);
}

bool limits_by_miner(struct limits *l, enum limit which, const struct ip *sender, const char *key,
                     int64_t now_ms)
{
    return is_exempt(l, sender) || take(l, which, key, strlen(key), now_ms);
}
