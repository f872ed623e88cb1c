#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/broker/broker-private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAREWELL_MS 1000

const char *broker_result_name(enum broker_result r)
{
    static const char *const names[] = {
        [BROKER_OK] = "ok",
        [BROKER_IDLE] = "idle",
        [BROKER_UNAVAILABLE] = "unavailable",
        [BROKER_UNCERTAIN] = "uncertain",
        [BROKER_NACKED] = "nacked",
        [BROKER_UNROUTABLE] = "unroutable",
        [BROKER_FORBIDDEN] = "forbidden",
    };

    return names[r];
}

struct broker *broker_open(const struct broker_conf *conf, const char *client_name, char *err,
                           size_t err_size)
{
    char *password = secret_read(conf->password_file, err, err_size);

    if (!password)
        return NULL;
    struct broker *b = mem_zalloc(sizeof(*b));
    b->conf = conf;
    b->password = password;
    b->client_name = mem_strdup(client_name);
    STAILQ_INIT(&b->ready);
    return b;
}

/* Frees what belongs to the connection. Close(2) alone: whatever made us give up would make a
 * polite close wait. */
void broker_drop(struct broker *b)
{
    if (!b->amqp)
        return;
    amqp_destroy_connection(b->amqp);
    b->amqp = NULL;
    watchdog_detach(b->watchdog);
    while (!STAILQ_EMPTY(&b->ready)) {
        struct broker_delivery *d = &STAILQ_FIRST(&b->ready)->delivery;

        STAILQ_REMOVE_HEAD(&b->ready, link);
        broker_delivery_free(&d);
    }
    b->ready_bytes = 0;
    if (b->content.ready) {
        struct broker_delivery *d = &b->content.ready->delivery;

        broker_delivery_free(&d);
    }
    b->content = (struct content){0};
    b->consumer_lost |= b->subscribed;
    b->established = b->blocked = b->subscribed = b->probe_open = false;
}

enum broker_result broker_fail(struct broker *b, enum broker_result result, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(b->error, sizeof(b->error), format, ap);
    va_end(ap);
    if (b->established)
        log_warning("broker.lost", LOG_STR("reason", b->error),
                    LOG_UINT("generation", b->generation));
    broker_drop(b);
    return result;
}

/* A close with unread data makes the kernel reset the connection, and the broker may then lose
 * acknowledgements that are on their way. So a healthy connection is closed by the book. The
 * library's own call would keep every delivery that comes before the answer in memory. */
static void farewell(struct broker *b)
{
    int64_t deadline = clock_mono_ms() + FAREWELL_MS;
    amqp_connection_close_t m = {.reply_code = AMQP_REPLY_SUCCESS};
    amqp_frame_t frame;
    int status;

    broker_rpc_begin(b, deadline);
    status = amqp_send_method(b->amqp, 0, AMQP_CONNECTION_CLOSE_METHOD, &m);
    while (status == AMQP_STATUS_OK) {
        struct timeval tv = broker_timeval(clock_left_ms(deadline));

        status = amqp_simple_wait_frame_noblock(b->amqp, &frame, &tv);
        if (status == AMQP_STATUS_OK && frame.frame_type == AMQP_FRAME_METHOD &&
            frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD)
            break;
        amqp_maybe_release_buffers(b->amqp);
    }
}

void broker_close(struct broker **b)
{
    if (!*b)
        return;
    if ((*b)->amqp && !(*b)->blocked)
        farewell(*b);
    broker_drop(*b);
    watchdog_free(&(*b)->watchdog);
    for (size_t i = 0; i < (*b)->n_queues; i++)
        free((*b)->queues[i]);
    free((*b)->queues);
    free((*b)->follow_exchange);
    free((*b)->follow_key);
    free((*b)->follow_prefix);
    free((*b)->client_name);
    secret_free(&(*b)->password);
    free(*b);
    *b = NULL;
}

enum broker_result broker_ready(struct broker *b, int64_t deadline)
{
    if (b->amqp && broker_drain(b) == BROKER_OK)
        return BROKER_OK;
    return broker_connect(b, deadline);
}

enum broker_result broker_ping(struct broker *b)
{
    enum broker_result r = broker_ready(b, INT64_MAX);

    if (r == BROKER_OK && b->blocked)
        return BROKER_UNAVAILABLE;
    return r;
}

const char *broker_error(const struct broker *b)
{
    return b->error;
}

void broker_rpc_begin(struct broker *b, int64_t deadline)
{
    struct timeval tv = broker_timeval(clock_left_ms(deadline));

    amqp_set_rpc_timeout(b->amqp, &tv);
    watchdog_arm(b->watchdog, deadline + BROKER_SLACK_MS);
}

enum broker_result broker_check_status(struct broker *b, int status, const char *what)
{
    watchdog_disarm(b->watchdog);
    if (status == AMQP_STATUS_OK)
        return BROKER_OK;
    return broker_fail(b, BROKER_UNAVAILABLE, "%s: %s", what, amqp_error_string2(status));
}

enum broker_result broker_check_reply(struct broker *b, amqp_rpc_reply_t reply, const char *what)
{
    const amqp_connection_close_t *close = reply.reply.decoded;

    watchdog_disarm(b->watchdog);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return BROKER_OK;
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return broker_check_status(
            b, reply.library_error ? reply.library_error : AMQP_STATUS_UNEXPECTED_STATE, what);
    /* channel.close starts with the same two members as connection.close */
    return broker_fail(b, broker_code_result(close->reply_code), "%s: %d %.*s", what,
                       close->reply_code, (int)close->reply_text.len,
                       (const char *)close->reply_text.bytes);
}
