#include "backend/share/received.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct origin {
    char host[ORIGIN_HOST_KEPT];
    int64_t pid;
    int64_t latest_us; /* 0: a free slot */
};

struct origins {
    struct origin slot[ORIGINS_KEPT];
    size_t n;
};

struct origins *origins_new(void)
{
    return mem_zalloc(sizeof(struct origins));
}

void origins_free(struct origins **o)
{
    free(*o);
    *o = NULL;
}

/* The slot of this origin; that of the longest silent one when all are taken. */
static struct origin *find(struct origins *o, const char *host, int64_t pid)
{
    struct origin *oldest = &o->slot[0];

    for (size_t i = 0; i < o->n; i++) {
        struct origin *slot = &o->slot[i];

        if (slot->pid == pid && strncmp(slot->host, host, ORIGIN_HOST_KEPT - 1) == 0)
            return slot;
        if (slot->latest_us < oldest->latest_us)
            oldest = slot;
    }
    if (o->n < ORIGINS_KEPT)
        oldest = &o->slot[o->n++];
    snprintf(oldest->host, sizeof(oldest->host), "%s", host);
    oldest->pid = pid;
    oldest->latest_us = 0;
    return oldest;
}

static int64_t bounded(const struct share *s, struct origins *o, int64_t now_us)
{
    const struct solution_message *m = s->msg;
    int64_t t = m->received_us < now_us ? m->received_us : now_us;

    if (!s->redelivered) {
        struct origin *origin = find(o, m->host != NULL ? m->host : "", m->pid);

        if (t < origin->latest_us - ORIGIN_SLACK_US)
            t = origin->latest_us - ORIGIN_SLACK_US;
        if (t > origin->latest_us)
            origin->latest_us = t;
    }
    if (s->work.found && t < s->work.created_us)
        t = s->work.created_us;
    return t;
}

void share_receive(struct share *s, const struct backend_network *net, struct origins *o,
                   int64_t now_us)
{
    struct u256 limit;
    bool ok = u256_from_hex(net->share_target_limit, strlen(net->share_target_limit), &limit);

    assert(ok); /* CONF_U256 */
    s->target = s->work.found && u256_cmp(&s->work.target, &limit) < 0 ? s->work.target : limit;
    if (s->received_set)
        return;
    s->received_us = bounded(s, o, now_us);
    s->received_set = true;
}
