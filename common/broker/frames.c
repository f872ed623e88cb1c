#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/broker/broker-private.h"

#include <stdio.h>
#include <string.h>

enum broker_result broker_code_result(int code)
{
    switch (code) {
    case AMQP_ACCESS_REFUSED:
    case AMQP_NOT_FOUND:
    case AMQP_NOT_ALLOWED: /* no such vhost, or not for this account */
        return BROKER_FORBIDDEN;
    default:
        return BROKER_UNAVAILABLE;
    }
}

static enum broker_result protocol_error(struct broker *b, const char *what)
{
    return broker_fail(b, BROKER_UNAVAILABLE, "protocol error: %s", what);
}

static enum broker_result on_ack(struct broker *b, const void *decoded)
{
    const amqp_basic_ack_t *m = decoded;

    broker_confirmed(b, m->delivery_tag, m->multiple, BROKER_OK);
    return BROKER_OK;
}

static enum broker_result on_nack(struct broker *b, const void *decoded)
{
    const amqp_basic_nack_t *m = decoded;

    broker_confirmed(b, m->delivery_tag, m->multiple, BROKER_NACKED);
    return BROKER_OK;
}

static enum broker_result on_return(struct broker *b, const void *decoded)
{
    (void)decoded;
    b->content.kind = CONTENT_RETURN;
    return BROKER_OK;
}

static enum broker_result on_deliver(struct broker *b, const void *decoded)
{
    b->content.kind = CONTENT_DELIVERY;
    broker_delivery_begin(b, decoded);
    return BROKER_OK;
}

static enum broker_result on_cancel(struct broker *b, const void *decoded)
{
    const amqp_basic_cancel_t *m = decoded;

    return broker_fail(b, BROKER_UNAVAILABLE, "the broker cancelled the consumer of %.*s",
                       (int)m->consumer_tag.len, (const char *)m->consumer_tag.bytes);
}

/* The same for a channel and a connection: both messages start with code and text. */
static enum broker_result on_close(struct broker *b, const void *decoded)
{
    const amqp_channel_close_t *m = decoded;

    return broker_fail(b, broker_code_result(m->reply_code), "closed by the broker: %d %.*s",
                       m->reply_code, (int)m->reply_text.len, (const char *)m->reply_text.bytes);
}

static enum broker_result on_blocked(struct broker *b, const void *decoded)
{
    const amqp_connection_blocked_t *m = decoded;

    snprintf(b->error, sizeof(b->error), "blocked by the broker: %.*s", (int)m->reason.len,
             (const char *)m->reason.bytes);
    b->blocked = true;
    log_warning("broker.blocked", LOG_STR("reason", b->error));
    return BROKER_OK;
}

static enum broker_result on_unblocked(struct broker *b, const void *decoded)
{
    (void)decoded;
    b->blocked = false;
    log_info("broker.unblocked", LOG_UINT("generation", b->generation));
    return BROKER_OK;
}

typedef enum broker_result method_fn(struct broker *b, const void *decoded);

static const struct {
    amqp_channel_t channel;
    amqp_method_number_t id;
    method_fn *fn;
} methods[] = {
    {BROKER_CHANNEL, AMQP_BASIC_ACK_METHOD, on_ack},
    {BROKER_CHANNEL, AMQP_BASIC_NACK_METHOD, on_nack},
    {BROKER_CHANNEL, AMQP_BASIC_RETURN_METHOD, on_return},
    {BROKER_CHANNEL, AMQP_BASIC_DELIVER_METHOD, on_deliver},
    {BROKER_CHANNEL, AMQP_BASIC_CANCEL_METHOD, on_cancel},
    {BROKER_CHANNEL, AMQP_CHANNEL_CLOSE_METHOD, on_close},
    {0, AMQP_CONNECTION_CLOSE_METHOD, on_close},
    {0, AMQP_CONNECTION_BLOCKED_METHOD, on_blocked},
    {0, AMQP_CONNECTION_UNBLOCKED_METHOD, on_unblocked},
};

static enum broker_result on_method(struct broker *b, const amqp_frame_t *f)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (methods[i].channel != f->channel || methods[i].id != f->payload.method.id)
            continue;
        if (f->channel == BROKER_CHANNEL && b->content.kind != CONTENT_NONE &&
            methods[i].fn != on_close)
            return protocol_error(b, "a method inside a message");
        return methods[i].fn(b, f->payload.method.decoded);
    }
    return BROKER_OK; /* late answers on the probe channel, and what RabbitMQ may add one day */
}

static enum broker_result content_end(struct broker *b)
{
    enum broker_result r = BROKER_OK;

    if (b->content.kind == CONTENT_DELIVERY)
        r = broker_delivery_end(b);
    if (r == BROKER_OK)
        b->content = (struct content){0};
    return r;
}

static enum broker_result on_header(struct broker *b, const amqp_frame_t *f)
{
    const amqp_basic_properties_t *p = f->payload.properties.decoded;
    struct content *c = &b->content;

    if (c->kind == CONTENT_NONE || c->have_header ||
        f->payload.properties.class_id != AMQP_BASIC_CLASS)
        return protocol_error(b, "a header without its method");
    c->have_header = true;
    c->left = f->payload.properties.body_size;
    if (c->kind == CONTENT_DELIVERY)
        broker_delivery_header(b, p, c->left);
    else if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        broker_returned(b, p->message_id);
    return c->left == 0 ? content_end(b) : BROKER_OK;
}

static enum broker_result on_body(struct broker *b, const amqp_frame_t *f)
{
    const amqp_bytes_t *part = &f->payload.body_fragment;
    struct content *c = &b->content;

    if (!c->have_header || part->len > c->left)
        return protocol_error(b, "a body without its header, or longer than announced");
    if (c->kind == CONTENT_DELIVERY && !c->too_long) {
        struct broker_delivery *d = &c->ready->delivery;

        memcpy((char *)d->body + (d->len - c->left), part->bytes, part->len);
    }
    c->left -= part->len;
    return c->left == 0 ? content_end(b) : BROKER_OK;
}

static enum broker_result on_frame(struct broker *b, const amqp_frame_t *f)
{
    if (f->frame_type == AMQP_FRAME_METHOD)
        return on_method(b, f);
    if (f->channel != BROKER_CHANNEL)
        return protocol_error(b, "content on a channel without");
    if (f->frame_type == AMQP_FRAME_HEADER)
        return on_header(b, f);
    if (f->frame_type == AMQP_FRAME_BODY)
        return on_body(b, f);
    return protocol_error(b, "a frame of unknown type");
}

enum broker_result broker_read(struct broker *b, int64_t deadline)
{
    int64_t left = deadline ? clock_left_ms(deadline) : 0;
    struct timeval tv = broker_timeval(left);
    amqp_frame_t frame;

    watchdog_arm(b->watchdog, clock_mono_ms() + left + BROKER_SLACK_MS);
    int status = amqp_simple_wait_frame_noblock(b->amqp, &frame, &tv);
    watchdog_disarm(b->watchdog);
    if (status == AMQP_STATUS_TIMEOUT)
        return BROKER_IDLE;
    if (status != AMQP_STATUS_OK)
        return broker_check_status(b, status, "read");
    enum broker_result r = on_frame(b, &frame);
    if (r == BROKER_OK) /* else the connection is gone, and the frame with it */
        amqp_maybe_release_buffers_on_channel(b->amqp, frame.channel);
    return r;
}

/* The library sends it only when there is nothing to read. */
static enum broker_result send_heartbeat(struct broker *b)
{
    const amqp_frame_t beat = {.frame_type = AMQP_FRAME_HEARTBEAT};

    watchdog_arm(b->watchdog, clock_mono_ms() + b->conf->confirm_timeout_ms);
    return broker_check_status(b, amqp_send_frame(b->amqp, &beat), "heartbeat");
}

enum broker_result broker_drain(struct broker *b)
{
    enum broker_result r = BROKER_OK;

    while (r == BROKER_OK && b->ready_bytes < BROKER_READY_BYTES)
        r = broker_read(b, 0);
    if (r == BROKER_OK)
        r = send_heartbeat(b);
    return r == BROKER_IDLE ? BROKER_OK : r;
}
