#include "common/broker/post.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/broker/broker-private.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SIZE 64 /* a UUID's text is what comes; a longer one is never "returned" */

struct post {
    bool under_way, returned;
    uint64_t cookie;
    int64_t deadline;
    char id[ID_SIZE];
};

/* Messages are numbered over all connections; number N is post[N % POSTS_MAX]. Those before LOWEST
 * are settled. Over the present connection, number N has the tag N - BASE. */
struct posts {
    struct broker *b;
    struct post post[POSTS_MAX];
    uint64_t next, lowest, base, generation;
    size_t under_way;
    struct settled {
        uint64_t cookie;
        enum broker_result result;
    } settled[POSTS_MAX];
    size_t first, n; /* of SETTLED, a ring */
    int64_t blocked_ms;
    bool corked;
};

struct posts *posts_open(struct broker *b)
{
    struct posts *p = mem_zalloc(sizeof *p);

    p->b = b;
    b->posts = p;
    return p;
}

void posts_close(struct posts **p)
{
    if (!*p)
        return;
    (*p)->b->posts = NULL;
    free(*p);
    *p = NULL;
}

static void settle(struct posts *p, uint64_t number, enum broker_result r)
{
    struct post *post = &p->post[number % POSTS_MAX];

    if (!post->under_way)
        return;
    post->under_way = false;
    p->under_way--;
    p->settled[(p->first + p->n++) % POSTS_MAX] =
        (struct settled){post->cookie, post->returned && r == BROKER_OK ? BROKER_UNROUTABLE : r};
    while (p->lowest < p->next && !p->post[p->lowest % POSTS_MAX].under_way)
        p->lowest++;
}

static void give_up(struct posts *p)
{
    for (uint64_t number = p->lowest; number < p->next; number++)
        settle(p, number, BROKER_UNCERTAIN);
}

/* Whatever dropped the connection, here or in a call of the library, says it by this alone. */
static void look_at_connection(struct posts *p)
{
    if (!p->b->amqp || p->b->generation != p->generation)
        give_up(p);
}

/* --- what the broker says (frames.c, by way of publish.c) --- */

void posts_confirmed(struct posts *p, uint64_t tag, bool multiple, enum broker_result result)
{
    uint64_t last = p->base + tag;

    if (tag == 0 || last < p->lowest || last >= p->next)
        return; /* of a message that nobody waits for any more */
    for (uint64_t number = multiple ? p->lowest : last; number <= last; number++)
        settle(p, number, result);
}

void posts_returned(struct posts *p, amqp_bytes_t message_id)
{
    for (uint64_t number = p->lowest; number < p->next; number++) {
        struct post *post = &p->post[number % POSTS_MAX];

        if (!post->under_way || post->returned || strlen(post->id) != message_id.len ||
            memcmp(post->id, message_id.bytes, message_id.len) != 0)
            continue;
        post->returned = true;
        return;
    }
}

/* --- sending --- */

/* Between messages that follow each other at once, no packet is sent for each. */
static void cork(struct posts *p, int on)
{
    if (p->corked == on || !p->b->amqp)
        return;
    setsockopt(amqp_get_sockfd(p->b->amqp), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    p->corked = on;
}

static enum broker_result be_connected(struct posts *p, int64_t deadline)
{
    enum broker_result r = BROKER_OK;

    look_at_connection(p);
    if (!p->b->amqp)
        r = broker_connect(p->b, deadline);
    if (r != BROKER_OK || p->b->generation == p->generation)
        return r;
    p->generation = p->b->generation;
    p->base = p->next - p->b->next_tag;
    p->corked = false;
    p->blocked_ms = 0;
    return r;
}

enum broker_result posts_send(struct posts *p, const struct broker_message *m, uint64_t cookie,
                              int64_t deadline)
{
    struct post *post = &p->post[p->next % POSTS_MAX];

    if (p->under_way + p->n >= POSTS_MAX || p->next - p->lowest >= POSTS_MAX)
        return BROKER_UNAVAILABLE;
    enum broker_result r = be_connected(p, deadline);
    if (r != BROKER_OK)
        return r;
    if (p->b->blocked)
        return BROKER_UNAVAILABLE;
    cork(p, 1);
    r = broker_send(p->b, m, deadline);
    if (r != BROKER_OK) {
        look_at_connection(p);
        return r;
    }
    *post = (struct post){.under_way = true, .cookie = cookie, .deadline = deadline};
    snprintf(post->id, sizeof post->id, "%s", m->message_id);
    p->b->next_tag++;
    p->next++;
    p->under_way++;
    return BROKER_OK;
}

/* A blocked broker may still confirm what came before the alarm, but not for long. */
static void look_at_clock(struct posts *p)
{
    int64_t now = clock_mono_ms();

    if (!p->b->blocked)
        p->blocked_ms = 0;
    else if (p->blocked_ms == 0)
        p->blocked_ms = now;
    else if (now - p->blocked_ms > BROKER_BLOCKED_GRACE_MS)
        give_up(p);
    if (p->under_way > 0 && now >= p->post[p->lowest % POSTS_MAX].deadline && !p->b->blocked)
        broker_fail(p->b, BROKER_UNCERTAIN, "no confirm within %lld ms",
                    (long long)p->b->conf->confirm_timeout_ms);
}

void posts_work(struct posts *p)
{
    cork(p, 0);
    if (p->b->amqp && broker_drain(p->b) == BROKER_OK)
        look_at_clock(p);
    look_at_connection(p);
}

bool posts_next(struct posts *p, uint64_t *ret_cookie, enum broker_result *ret)
{
    if (p->n == 0)
        return false;
    *ret_cookie = p->settled[p->first].cookie;
    *ret = p->settled[p->first].result;
    p->first = (p->first + 1) % POSTS_MAX;
    p->n--;
    return true;
}

size_t posts_under_way(const struct posts *p)
{
    return p->under_way;
}

int posts_fd(const struct posts *p)
{
    return p->b->amqp ? amqp_get_sockfd(p->b->amqp) : -1;
}

uint64_t posts_generation(const struct posts *p)
{
    return p->b->generation;
}
