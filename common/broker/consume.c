#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"
#include "common/broker/broker-private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLLOW_MAX_MESSAGES 64 /* of one that does not read: the newest say all */

void broker_delivery_free(struct broker_delivery **d)
{
    if (!*d)
        return;
    free((*d)->queue);
    free((*d)->routing_key);
    free((*d)->message_id);
    free((*d)->type);
    broker_death_free(&(*d)->death);
    free((*d)->body);
    free(*d); /* the start of a struct ready */
    *d = NULL;
}

/* --- a delivery's frames --- */

void broker_delivery_begin(struct broker *b, const amqp_basic_deliver_t *m)
{
    struct ready *r = mem_zalloc(sizeof(*r));

    r->delivery.tag = m->delivery_tag;
    r->delivery.generation = b->generation;
    r->delivery.redelivered = m->redelivered;
    /* subscribe() names consumers by their queue */
    r->delivery.queue = broker_bytes_dup(m->consumer_tag);
    r->delivery.routing_key = broker_bytes_dup(m->routing_key);
    b->content.ready = r;
}

void broker_delivery_header(struct broker *b, const amqp_basic_properties_t *p, uint64_t size)
{
    struct broker_delivery *d = &b->content.ready->delivery;

    broker_properties_read(p, d);
    b->content.too_long = size > b->max_body;
    if (b->content.too_long)
        return; /* the frames of the body are read and thrown away */
    d->len = (size_t)size;
    d->body = mem_zalloc(d->len + 1); /* a NUL behind it, for those who print it */
}

enum broker_result broker_delivery_end(struct broker *b)
{
    struct ready *r = b->content.ready;
    struct broker_delivery *d = &r->delivery;
    enum broker_result result;

    b->content.ready = NULL;
    if (!b->content.too_long) {
        STAILQ_INSERT_TAIL(&b->ready, r, link);
        b->ready_bytes += d->len;
        return BROKER_OK;
    }
    b->too_long++;
    log_warning("broker.too_long", LOG_STR("queue", d->queue), LOG_STR("message_id", d->message_id),
                LOG_UINT("max_body", b->max_body), LOG_UINT("count", b->too_long));
    result = b->follow_key ? BROKER_OK : broker_dead_letter(b, d->generation, d->tag);
    broker_delivery_free(&d);
    return result;
}

/* --- the consumer --- */

void broker_consume(struct broker *b, const char *const *queues, size_t n, unsigned prefetch)
{
    assert(b->n_queues == 0 && n > 0 && prefetch >= n && prefetch <= UINT16_MAX);
    b->queues = mem_zalloc(n * sizeof(*b->queues));
    for (size_t i = 0; i < n; i++)
        b->queues[i] = mem_strdup(queues[i]);
    b->n_queues = n;
    b->prefetch = prefetch;
}

void broker_follow(struct broker *b, const char *exchange, const char *key, const char *prefix)
{
    const char *const unnamed[] = {""};

    broker_consume(b, unnamed, 1, 1);
    b->follow_exchange = mem_strdup(exchange);
    b->follow_key = mem_strdup(key);
    b->follow_prefix = mem_strdup(prefix);
}

static enum broker_result declare_own(struct broker *b, amqp_bytes_t queue)
{
    amqp_table_entry_t bound = {amqp_cstring_bytes("x-max-length"),
                                {AMQP_FIELD_KIND_I32, {.i32 = FOLLOW_MAX_MESSAGES}}};
    amqp_table_t arguments = {1, &bound};

    amqp_queue_declare(b->amqp, BROKER_CHANNEL, queue, 0, 0, 1, 1, arguments);
    return broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "queue.declare");
}

/* Another name each time: the broker may not know yet that the connection before is lost. */
static enum broker_result make_own_queue(struct broker *b, int64_t deadline)
{
    char text[UUID_TEXT_LEN + 1];
    struct uuid id;

    uuid_v7(&id);
    uuid_format(&id, text);
    free(b->queues[0]);
    b->queues[0] = mem_sprintf("%s%s", b->follow_prefix, text);
    amqp_bytes_t queue = amqp_cstring_bytes(b->queues[0]);
    broker_rpc_begin(b, deadline);
    enum broker_result r = declare_own(b, queue);
    if (r != BROKER_OK)
        return r;
    broker_rpc_begin(b, deadline);
    amqp_queue_bind(b->amqp, BROKER_CHANNEL, queue, amqp_cstring_bytes(b->follow_exchange),
                    amqp_cstring_bytes(b->follow_key), amqp_empty_table);
    return broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "queue.bind");
}

/* Quorum queues refuse a limit for the whole channel, so each consumer gets its part of it. */
static enum broker_result subscribe(struct broker *b)
{
    int64_t deadline = clock_mono_ms() + b->conf->connect_timeout_ms;
    uint16_t part = (uint16_t)(b->prefetch / b->n_queues);
    enum broker_result r;

    broker_rpc_begin(b, deadline);
    amqp_basic_qos(b->amqp, BROKER_CHANNEL, 0, part, 0);
    r = broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "basic.qos");
    if (r == BROKER_OK && b->follow_key)
        r = make_own_queue(b, deadline);
    for (size_t i = 0; i < b->n_queues && r == BROKER_OK; i++) {
        amqp_bytes_t queue = amqp_cstring_bytes(b->queues[i]);

        b->subscribed = true;
        broker_rpc_begin(b, deadline);
        amqp_basic_consume(b->amqp, BROKER_CHANNEL, queue, queue, 0, b->follow_key != NULL, 0,
                           amqp_empty_table);
        r = broker_check_reply(b, amqp_get_rpc_reply(b->amqp), b->queues[i]);
    }
    return r;
}

/* The end of the connection that gave out the unacknowledged deliveries, told once. */
static bool report_loss(struct broker *b)
{
    bool lost = b->consumer_lost;

    b->consumer_lost = false;
    return lost;
}

/* Connected and subscribed. */
static enum broker_result be_consumer(struct broker *b)
{
    enum broker_result r = BROKER_OK;

    if (!b->amqp)
        r = broker_connect(b, INT64_MAX);
    if (r == BROKER_OK && !b->subscribed)
        r = subscribe(b);
    return r;
}

enum broker_result broker_receive(struct broker *b, size_t max_body, int64_t timeout_ms,
                                  struct broker_delivery **ret)
{
    enum broker_result r;

    assert(b->n_queues > 0);
    b->max_body = max_body;
    if (report_loss(b))
        return BROKER_UNAVAILABLE;
    r = be_consumer(b);
    int64_t deadline = clock_mono_ms() + timeout_ms;
    while (r == BROKER_OK && STAILQ_EMPTY(&b->ready))
        r = broker_read(b, deadline);
    if (r == BROKER_OK) {
        *ret = &STAILQ_FIRST(&b->ready)->delivery;
        STAILQ_REMOVE_HEAD(&b->ready, link);
        b->ready_bytes -= (*ret)->len;
    } else if (r != BROKER_IDLE) {
        report_loss(b);
    }
    return r;
}

/* --- settling --- */

static enum broker_result same_connection(struct broker *b, uint64_t generation)
{
    if (b->amqp && b->generation == generation)
        return BROKER_OK;
    return BROKER_UNAVAILABLE;
}

enum broker_result broker_ack(struct broker *b, uint64_t generation, uint64_t tag, bool up_to)
{
    if (same_connection(b, generation) != BROKER_OK)
        return BROKER_UNAVAILABLE;
    watchdog_arm(b->watchdog, clock_mono_ms() + b->conf->confirm_timeout_ms);
    return broker_check_status(b, amqp_basic_ack(b->amqp, BROKER_CHANNEL, tag, up_to), "ack");
}

enum broker_result broker_dead_letter(struct broker *b, uint64_t generation, uint64_t tag)
{
    if (same_connection(b, generation) != BROKER_OK)
        return BROKER_UNAVAILABLE;
    watchdog_arm(b->watchdog, clock_mono_ms() + b->conf->confirm_timeout_ms);
    return broker_check_status(b, amqp_basic_reject(b->amqp, BROKER_CHANNEL, tag, 0), "reject");
}
