#include "common/broker/trial.h"

#include "common/base/clock.h"
#include "common/broker/broker-private.h"

#define CH BROKER_PROBE_CHANNEL

typedef void act_fn(struct broker *b, const struct broker_trial *t);

static amqp_bytes_t text(const char *s)
{
    return amqp_cstring_bytes(s);
}

static void act_consume(struct broker *b, const struct broker_trial *t)
{
    amqp_table_entry_t wrong = {amqp_cstring_bytes("x-priority"),
                                {AMQP_FIELD_KIND_UTF8, {.bytes = amqp_cstring_bytes("none")}}};
    amqp_table_t arguments = {1, &wrong};

    amqp_basic_consume(b->amqp, CH, text(t->queue), amqp_empty_bytes, 0, 0, 0, arguments);
}

static void act_purge(struct broker *b, const struct broker_trial *t)
{
    amqp_queue_purge(b->amqp, CH, text(t->queue));
}

static void act_declare(struct broker *b, const struct broker_trial *t)
{
    amqp_queue_declare(b->amqp, CH, text(t->queue), 0, 0, 1, 1, amqp_empty_table);
}

static void act_delete(struct broker *b, const struct broker_trial *t)
{
    amqp_queue_delete(b->amqp, CH, text(t->queue), 0, 0);
}

static void act_bind(struct broker *b, const struct broker_trial *t)
{
    amqp_queue_bind(b->amqp, CH, text(t->queue), text(t->exchange), text(t->routing_key),
                    amqp_empty_table);
}

/* The refusal of the message comes as the answer to the rollback. */
static void act_publish(struct broker *b, const struct broker_trial *t)
{
    if (amqp_tx_select(b->amqp, CH) &&
        amqp_basic_publish(b->amqp, CH, text(t->exchange), text(t->routing_key), 0, 0, NULL,
                           text("tried by penstockctl doctor")) == AMQP_STATUS_OK)
        amqp_tx_rollback(b->amqp, CH);
}

static act_fn *const acts[] = {
    [BROKER_CONSUME] = act_consume, [BROKER_PURGE] = act_purge, [BROKER_DECLARE] = act_declare,
    [BROKER_DELETE] = act_delete,   [BROKER_BIND] = act_bind,   [BROKER_PUBLISH] = act_publish,
};

static amqp_rpc_reply_t perform(struct broker *b, const struct broker_trial *t)
{
    if (t->act == BROKER_GET) /* the only one whose answer is not kept in the connection */
        return amqp_basic_get(b->amqp, CH, text(t->queue), 0);
    acts[t->act](b, t);
    return amqp_get_rpc_reply(b->amqp);
}

enum broker_result broker_try(struct broker *b, const struct broker_trial *t, int *ret_code)
{
    int64_t deadline = clock_mono_ms() + b->conf->confirm_timeout_ms;
    enum broker_result r = broker_probe_open(b, deadline);

    if (r != BROKER_OK)
        return r;
    broker_rpc_begin(b, deadline);
    amqp_rpc_reply_t reply = perform(b, t);
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION ||
        reply.reply.id != AMQP_CHANNEL_CLOSE_METHOD) {
        *ret_code = 0;
        return broker_check_reply(b, reply, "trial");
    }
    const amqp_channel_close_t *close = reply.reply.decoded;
    *ret_code = close->reply_code;
    return broker_probe_refused(b, "trial", close, deadline) == BROKER_UNAVAILABLE && !b->amqp
               ? BROKER_UNAVAILABLE
               : BROKER_OK;
}
