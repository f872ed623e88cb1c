#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/broker/broker-private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORTSTR_MAX 255 /* AMQP's bound for names; the library would truncate the length byte */

static void settle(struct window *w, size_t i, enum broker_result result)
{
    if (w->fate[i].settled)
        return;
    w->fate[i].settled = true;
    w->settled++;
    /* basic.return comes before the ack, which says only that the broker is done with it */
    w->results[i] = w->fate[i].returned && result == BROKER_OK ? BROKER_UNROUTABLE : result;
}

void broker_confirmed(struct broker *b, uint64_t tag, bool multiple, enum broker_result result)
{
    struct window *w = b->window;

    if (b->posts)
        posts_confirmed(b->posts, tag, multiple, result);
    if (!w || tag < w->first_tag || tag - w->first_tag >= w->sent)
        return; /* of a message that nobody waits for any more */
    size_t last = (size_t)(tag - w->first_tag);
    for (size_t i = multiple ? w->lowest : last; i <= last; i++)
        settle(w, i, result);
    while (w->lowest < w->sent && w->fate[w->lowest].settled)
        w->lowest++;
}

void broker_returned(struct broker *b, amqp_bytes_t message_id)
{
    struct window *w = b->window;

    if (b->posts)
        posts_returned(b->posts, message_id);
    if (!w)
        return;
    for (size_t i = w->lowest; i < w->sent; i++) {
        const char *id = w->message[i].message_id;

        if (w->fate[i].settled || w->fate[i].returned || strlen(id) != message_id.len ||
            memcmp(id, message_id.bytes, message_id.len) != 0)
            continue;
        w->fate[i].returned = true;
        return;
    }
}

static amqp_bytes_t shortstr(const char *s)
{
    assert(strlen(s) <= SHORTSTR_MAX);
    return amqp_cstring_bytes(s);
}

enum broker_result broker_send(struct broker *b, const struct broker_message *m, int64_t deadline)
{
    amqp_basic_properties_t p = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_TIMESTAMP_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .message_id = shortstr(m->message_id),
        .type = shortstr(m->type),
        .timestamp = m->timestamp_s,
    };
    amqp_bytes_t body = {m->len, (void *)(uintptr_t)m->body};

    watchdog_arm(b->watchdog, deadline);
    int status = amqp_basic_publish(b->amqp, BROKER_CHANNEL, shortstr(m->exchange),
                                    shortstr(m->routing_key), 1, 0, &p, body);
    return broker_check_status(b, status, "publish");
}

/* Sends what is left of the window. Reads between the messages: the broker must never wait for us
 * to take its confirms and returns, and an alarm or a close ends the sending at once. */
static enum broker_result send_all(struct broker *b, struct window *w, int64_t deadline)
{
    enum broker_result r = BROKER_OK;

    while (w->sent < w->n && r == BROKER_OK) {
        if (b->blocked)
            return BROKER_UNAVAILABLE;
        r = broker_send(b, &w->message[w->sent], deadline);
        if (r != BROKER_OK)
            return r;
        w->results[w->sent++] = BROKER_UNCERTAIN;
        b->next_tag++;
        if (w->sent < w->n)
            r = broker_drain(b);
    }
    return r;
}

/* True if the window holds one kind of message only, so that a refusal is meant for all of them. */
static bool uniform(const struct window *w)
{
    for (size_t i = 1; i < w->n; i++)
        if (strcmp(w->message[i].exchange, w->message[0].exchange) != 0 ||
            strcmp(w->message[i].routing_key, w->message[0].routing_key) != 0)
            return false;
    return true;
}

/* The broker closed the channel because of one message that it does not name. What came before may
 * be in a queue: only where there is no doubt which one it was is it called forbidden. */
static void forbid(struct window *w)
{
    if (w->sent - w->settled > 1 && (w->settled > 0 || !uniform(w)))
        return;
    for (size_t i = 0; i < w->sent; i++)
        if (!w->fate[i].settled)
            settle(w, i, BROKER_FORBIDDEN);
}

/* BROKER_OK, or why some are still open; their fate is uncertain then. */
static enum broker_result await_confirms(struct broker *b, const struct window *w, int64_t deadline)
{
    enum broker_result r = BROKER_OK;

    while (w->settled < w->sent && r == BROKER_OK) {
        int64_t grace = clock_mono_ms() + BROKER_BLOCKED_GRACE_MS;

        if (b->blocked && grace < deadline)
            deadline = grace;
        r = broker_read(b, deadline);
    }
    if (r == BROKER_IDLE && !b->blocked) /* another connection, or node, may do better */
        broker_fail(b, r, "no confirm within %lld ms", (long long)b->conf->confirm_timeout_ms);
    return r;
}

enum broker_result broker_publish_many(struct broker *b, const struct broker_message *m, size_t n,
                                       enum broker_result *results)
{
    int64_t deadline = clock_mono_ms() + b->conf->confirm_timeout_ms;
    struct window w = {.message = m, .results = results, .n = n};
    enum broker_result r;

    w.fate = mem_zalloc(n * sizeof(*w.fate));
    b->window = &w;
    r = broker_ready(b, deadline); /* replaces what the broker closed while we were idle */
    if (r == BROKER_OK) {
        w.first_tag = b->next_tag;
        r = send_all(b, &w, deadline);
    }
    for (size_t i = w.sent; i < n; i++)
        results[i] = r == BROKER_OK || b->blocked ? BROKER_UNAVAILABLE : r;
    if (b->amqp)
        r = await_confirms(b, &w, deadline);
    if (r == BROKER_FORBIDDEN)
        forbid(&w);
    b->window = NULL;
    free(w.fate);
    for (size_t i = 0; i < n; i++)
        if (results[i] != BROKER_OK)
            return results[i];
    return BROKER_OK;
}

enum broker_result broker_publish(struct broker *b, const struct broker_message *m)
{
    enum broker_result result;

    return broker_publish_many(b, m, 1, &result);
}
