#include "backend/ctl/ctl.h"
#include "backend/ctl/replay.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_MAX   256
#define WINDOW_BYTES (16u * 1024 * 1024) /* one message may exceed it */
#define PATIENCE_MS  60000
#define RETRY_MS     100
#define RETRY_MAX_MS 5000

struct slot {
    char id[UUID_TEXT_LEN + 1];
    char key[SOLUTION_ROUTE_SIZE];
    const char *kind;
    char *body;
    size_t len;
    uint64_t timestamp_s;
};

struct replay_window {
    struct broker *broker;
    struct slot slot[WINDOW_MAX];
    size_t n, bytes;
    bool failed;
    uint64_t sent, refused;
};

struct replay_window *replay_window_new(struct broker *broker)
{
    struct replay_window *w = mem_zalloc(sizeof *w);

    w->broker = broker;
    return w;
}

void replay_window_free(struct replay_window **w)
{
    if (*w == NULL)
        return;
    for (size_t i = 0; i < (*w)->n; i++)
        free((*w)->slot[i].body);
    free(*w);
    *w = NULL;
}

static struct broker_message message_of(const struct slot *s)
{
    return (struct broker_message){
        .exchange = SOLUTION_EXCHANGE,
        .routing_key = s->key,
        .message_id = s->id,
        .type = s->kind,
        .timestamp_s = s->timestamp_s,
        .body = s->body,
        .len = s->len,
    };
}

static bool may_be_retried(enum broker_result r)
{
    return r == BROKER_UNAVAILABLE || r == BROKER_UNCERTAIN || r == BROKER_NACKED;
}

/* Keeps what has to be sent again. Returns how many are settled. */
static size_t sort_out(struct replay_window *w, const enum broker_result *results)
{
    size_t kept = 0, before = w->n;

    for (size_t i = 0; i < before; i++) {
        struct slot *s = &w->slot[i];
        if (may_be_retried(results[i]) || results[i] == BROKER_FORBIDDEN) {
            w->slot[kept++] = *s;
            w->failed |= results[i] == BROKER_FORBIDDEN;
            continue;
        }
        w->sent += results[i] == BROKER_OK;
        if (results[i] != BROKER_OK) {
            w->refused++;
            ctl_complain(&replay_command, "%s: no queue takes %s", s->id, s->key);
        }
        free(s->body);
    }
    w->n = kept;
    return before - kept;
}

bool replay_window_flush(struct replay_window *w)
{
    struct backoff backoff = BACKOFF_INIT(RETRY_MS, RETRY_MAX_MS);
    int64_t give_up = clock_mono_ms() + PATIENCE_MS;
    struct broker_message messages[WINDOW_MAX];
    enum broker_result results[WINDOW_MAX];

    while (w->n > 0 && !w->failed) {
        for (size_t i = 0; i < w->n; i++)
            messages[i] = message_of(&w->slot[i]);
        broker_publish_many(w->broker, messages, w->n, results);
        if (sort_out(w, results) > 0) {
            give_up = clock_mono_ms() + PATIENCE_MS;
            backoff_reset(&backoff);
        } else if (clock_left_ms(give_up) == 0) {
            w->failed = true;
        }
        if (w->n > 0 && !w->failed)
            clock_sleep_ms(backoff_next_ms(&backoff));
    }
    if (w->failed)
        ctl_complain(&replay_command, "the broker does not take them: %s", broker_error(w->broker));
    else
        w->bytes = 0;
    return !w->failed;
}

bool replay_window_add(struct replay_window *w, const struct intake *in, const char *body,
                       size_t len)
{
    const struct solution_message *m = &in->msg;
    struct slot *s = &w->slot[w->n++];

    *s = (struct slot){.len = len, .timestamp_s = (uint64_t)(m->received_us / 1000000)};
    uuid_format(&m->id, s->id);
    s->kind = in->of_job ? SHARE_KIND : SOLUTION_KIND;
    network_queue_name(m->network, intake_queue(in, len), s->key);
    s->body = mem_zalloc(len);
    memcpy(s->body, body, len);
    w->bytes += len;
    return (w->n < WINDOW_MAX && w->bytes < WINDOW_BYTES) || replay_window_flush(w);
}

bool replay_window_empty(const struct replay_window *w)
{
    return w->n == 0;
}

bool replay_window_failed(const struct replay_window *w)
{
    return w->failed;
}

uint64_t replay_window_sent(const struct replay_window *w)
{
    return w->sent;
}

uint64_t replay_window_refused(const struct replay_window *w)
{
    return w->refused;
}
