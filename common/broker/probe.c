#include "common/base/clock.h"
#include "common/broker/broker-private.h"

#include <stdio.h>

/* A channel of its own, because the refusal of a question closes the channel it was asked on. */
enum broker_result broker_probe_open(struct broker *b, int64_t deadline)
{
    enum broker_result r = broker_ready(b, deadline);

    if (r != BROKER_OK || b->probe_open)
        return r;
    broker_rpc_begin(b, deadline);
    amqp_channel_open(b->amqp, BROKER_PROBE_CHANNEL);
    r = broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "channel.open");
    b->probe_open = r == BROKER_OK;
    return r;
}

enum broker_result broker_probe_refused(struct broker *b, const char *what,
                                        const amqp_channel_close_t *close, int64_t deadline)
{
    enum broker_result r = broker_code_result(close->reply_code);
    amqp_channel_close_ok_t close_ok = {0};

    snprintf(b->error, sizeof(b->error), "%s: %d %.*s", what, close->reply_code,
             (int)close->reply_text.len, (const char *)close->reply_text.bytes);
    b->probe_open = false;
    watchdog_arm(b->watchdog, deadline + BROKER_SLACK_MS);
    int status =
        amqp_send_method(b->amqp, BROKER_PROBE_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok);
    return broker_check_status(b, status, "channel.close-ok") == BROKER_OK ? r : BROKER_UNAVAILABLE;
}

enum broker_result broker_queue_look(struct broker *b, const char *queue,
                                     struct broker_queue_state *ret)
{
    int64_t deadline = clock_mono_ms() + b->conf->confirm_timeout_ms;
    enum broker_result r = broker_probe_open(b, deadline);

    if (r != BROKER_OK)
        return r;
    broker_rpc_begin(b, deadline);
    const amqp_queue_declare_ok_t *ok = amqp_queue_declare(
        b->amqp, BROKER_PROBE_CHANNEL, amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(b->amqp);
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        return broker_probe_refused(b, "queue depth", reply.reply.decoded, deadline);
    if (ok)
        *ret = (struct broker_queue_state){ok->message_count, ok->consumer_count};
    r = broker_check_reply(b, reply, "queue.declare");
    if (r == BROKER_OK)
        amqp_maybe_release_buffers_on_channel(b->amqp, BROKER_PROBE_CHANNEL);
    return r;
}

enum broker_result broker_queue_depth(struct broker *b, const char *queue, uint64_t *ret)
{
    struct broker_queue_state state = {0, 0};
    enum broker_result r = broker_queue_look(b, queue, &state);

    if (r == BROKER_OK)
        *ret = state.messages;
    return r;
}
