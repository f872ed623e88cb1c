#include "backend/worker/lane-private.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS       250 /* how often an idle lane looks at the tip and at what is parked */
#define SLICE_MS      100 /* how soon a held lane notices that it is to stop */
#define HELD_LOG_MS   30000
#define HOLD_FIRST_MS 100
#define HOLD_MOST_MS  5000
#define ALONE_FROM    3 /* deliveries: it may be what killed the worker before */

/* Of the large ones few are under way, so that other workers have their part; half of them may be
 * parked. */
#define LARGE_PREFETCH 16

struct lane *lane_open(const struct backend_conf *conf, const struct backend_network *net,
                       enum network_queue kind, char *err, size_t err_size)
{
    struct lane *l = mem_zalloc(sizeof(*l));
    char name[128];

    l->conf = conf;
    l->net = net;
    l->kind = kind;
    l->prefetch = kind == QUEUE_LARGE ? LARGE_PREFETCH : (unsigned)conf->worker.prefetch;
    network_queue_name(net->base.label, kind, l->queue);
    l->backoff = BACKOFF_INIT(HOLD_FIRST_MS, HOLD_MOST_MS);
    l->origins = origins_new();
    l->jobs = jobs_new();
    progress_init(&l->progress);
    l->parked = mem_zalloc(l->prefetch * sizeof(struct item *));
    l->archive = archive_new(&(struct archive_conf){
        .dir = conf->worker.archive_dir,
        .network = net->base.label,
        .rotate_bytes = conf->worker.archive_rotate_bytes,
        .rotate_s = conf->worker.archive_rotate_s,
    });
    snprintf(name, sizeof(name), "penstock-worker %ld %s", (long)getpid(), l->queue);
    l->db = db_open(&conf->database, err, err_size);
    if (l->db != NULL)
        l->broker = broker_open(&conf->broker, name, err, err_size);
    if (l->broker != NULL)
        l->chain = chain_open(conf, net, err, err_size);
    if (l->chain == NULL)
        lane_close(&l);
    return l;
}

/* --- parking --- */

static _Atomic int64_t parked_bytes;

static int64_t bytes_of(const struct item *item)
{
    return (int64_t)item->delivery->len * 3 / 2; /* half of it is the block, decoded */
}

int64_t lane_parked_bytes(void)
{
    return atomic_load(&parked_bytes);
}

void lane_park(struct lane *l, struct item *item)
{
    l->parked[l->parked_n++] = item;
    atomic_fetch_add(&parked_bytes, bytes_of(item));
}

size_t lane_unpark(struct lane *l, struct item **ret)
{
    size_t n = l->parked_n;

    for (size_t i = 0; i < n; i++) {
        ret[i] = l->parked[i];
        atomic_fetch_sub(&parked_bytes, bytes_of(ret[i]));
    }
    l->parked_n = 0;
    return n;
}

void lane_close(struct lane **l)
{
    if (*l == NULL)
        return;
    for (size_t i = 0; i < (*l)->parked_n; i++)
        item_free(&(*l)->parked[i]);
    free((*l)->parked);
    broker_delivery_free(&(*l)->alone);
    broker_close(&(*l)->broker);
    db_close(&(*l)->db);
    chain_close(&(*l)->chain);
    archive_close(&(*l)->archive);
    origins_free(&(*l)->origins);
    jobs_free(&(*l)->jobs);
    free(*l);
    *l = NULL;
}

/* --- waiting --- */

static void show_life(struct lane *l)
{
    atomic_store(&l->alive_ms, clock_mono_ms());
}

static void log_held(struct lane *l, const char *why)
{
    const char *network = l->net->base.label;
    int64_t now = clock_mono_ms();

    if (l->held_since_ms == 0) {
        l->held_since_ms = l->held_logged_ms = now;
        log_warning("worker.held", LOG_STR("network", network), LOG_STR("queue", l->queue),
                    LOG_STR("why", why));
    } else if (now - l->held_logged_ms >= HELD_LOG_MS) {
        l->held_logged_ms = now;
        log_error("worker.still_held", LOG_STR("network", network), LOG_STR("queue", l->queue),
                  LOG_STR("why", why), LOG_INT("seconds", (now - l->held_since_ms) / 1000));
    }
}

bool lane_hold(struct lane *l, const char *why)
{
    int64_t end = clock_mono_ms() + backoff_next_ms(&l->backoff);

    log_held(l, why);
    atomic_store(&l->signs.held, true);
    while (!atomic_load(&l->stop) && clock_left_ms(end) > 0) {
        int64_t left = clock_left_ms(end);

        show_life(l);
        progress_tell(&l->progress, l->db, l->net->base.label);
        clock_sleep_ms(left < SLICE_MS ? left : SLICE_MS);
    }
    broker_ping(l->broker); /* whatever it says: the batch is judged without the broker */
    FAULT_POINT("lane.held");
    show_life(l);
    return !atomic_load(&l->stop);
}

void lane_resume(struct lane *l)
{
    if (l->held_since_ms != 0)
        log_info("worker.resumed", LOG_STR("network", l->net->base.label),
                 LOG_STR("queue", l->queue),
                 LOG_INT("held_ms", clock_mono_ms() - l->held_since_ms));
    l->held_since_ms = 0;
    atomic_store(&l->signs.held, false);
    backoff_reset(&l->backoff);
}

/* --- receiving --- */

/* NULL when D was poison, which is then out of the way. */
static struct item *read_delivery(struct lane *l, struct broker_delivery *d)
{
    const char *wrong;
    struct item *item = item_new(d, l->net->base.label, l->kind == QUEUE_SHARES, &wrong);

    if (item != NULL)
        return item;
    log_warning("worker.poison", LOG_STR("network", l->net->base.label),
                LOG_STR("message_id", d->message_id), LOG_STR("wrong", wrong),
                LOG_UINT("bytes", d->len));
    broker_dead_letter(l->broker, d->generation, d->tag);
    FAULT_POINT("lane.dead_lettered");
    l->tally.dead++;
    atomic_fetch_add(&l->signs.dead, 1);
    broker_delivery_free(&d);
    return NULL;
}

struct gathering {
    struct item **item;
    size_t n, room;
    int64_t bytes_left;
    bool closed;
};

/* A long message would make a batch of others as large as itself. */
static bool goes_alone(const struct lane *l, const struct broker_delivery *d)
{
    return d->delivery_count >= ALONE_FROM || d->len > (size_t)l->conf->worker.batch_max_bytes / 2;
}

static void gather(struct lane *l, struct gathering *g, struct broker_delivery *d)
{
    struct item *item;

    if (goes_alone(l, d)) {
        l->alone = d;
        g->closed = true;
        return;
    }
    g->bytes_left -= (int64_t)d->len;
    item = read_delivery(l, d);
    if (item != NULL)
        g->item[g->n++] = item;
    g->closed = g->n == g->room || g->bytes_left <= 0;
}

/* What came until the batch is full, or the time after its first message is over. */
static enum broker_result receive(struct lane *l, struct gathering *g)
{
    int64_t wait = TICK_MS, linger_end = 0;
    struct broker_delivery *d;
    enum broker_result r;

    while (!g->closed) {
        r = broker_receive(l->broker, SOLUTION_MAX_BODY, wait, &d);
        if (r != BROKER_OK)
            return r;
        FAULT_POINT("lane.received");
        gather(l, g, d);
        if (linger_end == 0)
            linger_end = clock_mono_ms() + l->conf->worker.batch_linger_ms;
        wait = clock_left_ms(linger_end);
    }
    return BROKER_OK;
}

/* --- the loop --- */

/* Whatever is parked is looked at again with every batch, in front of what is new. */
static bool run_gathered(struct lane *l, struct gathering *g)
{
    struct item **items = mem_zalloc((l->parked_n + g->n) * sizeof(struct item *));
    size_t n = lane_unpark(l, items);
    bool ok = true;

    for (size_t i = 0; i < g->n; i++)
        items[n++] = g->item[i];
    if (n > 0)
        ok = batch_run(l, items, n);
    free(items);
    return ok;
}

static bool run_alone(struct lane *l)
{
    struct broker_delivery *d = l->alone;
    struct item *item;

    if (d == NULL)
        return true;
    l->alone = NULL;
    if (d->delivery_count >= ALONE_FROM)
        log_info("worker.alone", LOG_STR("network", l->net->base.label),
                 LOG_STR("message_id", d->message_id), LOG_UINT("deliveries", d->delivery_count));
    item = read_delivery(l, d);
    FAULT_POINT("lane.alone");
    return item == NULL || batch_run(l, &item, 1);
}

static void do_chores(struct lane *l)
{
    /* The lane of the small ones looks at the tip for all. */
    if (l->kind == QUEUE_SOLUTIONS && clock_mono_ms() - l->refreshed_ms >= TICK_MS) {
        /* When it fails nothing is judged either, and the next batch says why. */
        chain_refresh(l->chain, l->db);
        FAULT_POINT("lane.refreshed");
        l->refreshed_ms = clock_mono_ms();
    }
    chain_tend(l->chain);
    FAULT_POINT("lane.tended");
    archive_tick(l->archive);
    FAULT_POINT("lane.archive_ticked");
    progress_tell(&l->progress, l->db, l->net->base.label);
    atomic_store(&l->signs.parked, l->parked_n);
    tally_log(&l->tally, l->net->base.label, l->queue, l->parked_n);
}

/* One batch, if there is one. False when it was told to stop while it was held. */
static bool turn(struct lane *l, struct item **room)
{
    struct gathering g = {.item = room,
                          .room = (size_t)l->conf->worker.batch_max,
                          .bytes_left = l->conf->worker.batch_max_bytes};
    enum broker_result r = receive(l, &g);
    char why[256];

    show_life(l);
    if (g.n > 0 || l->alone != NULL)
        progress_busy(&l->progress);
    else if (r == BROKER_IDLE && l->parked_n == 0)
        progress_idle(&l->progress, l->broker, l->queue);
    if (!run_gathered(l, &g) || !run_alone(l))
        return false;
    do_chores(l);
    if (r == BROKER_OK || r == BROKER_IDLE) {
        lane_resume(l);
        return true;
    }
    snprintf(why, sizeof(why), "broker: %s: %s", broker_result_name(r), broker_error(l->broker));
    return lane_hold(l, why);
}

static void *run(void *ctx)
{
    struct lane *l = ctx;
    struct item **room = mem_zalloc((size_t)l->conf->worker.batch_max * sizeof(struct item *));

    broker_consume(l->broker, (const char *const[]){l->queue}, 1, l->prefetch);
    while (!atomic_load(&l->stop) && turn(l, room))
        ;
    progress_end(&l->progress, l->db, l->net->base.label);
    free(room);
    return NULL;
}

void lane_start(struct lane *l)
{
    show_life(l);
    if (pthread_create(&l->thread, NULL, run, l) != 0) {
        log_fatal("worker.no_thread", LOG_STR("network", l->net->base.label));
        abort();
    }
}

void lane_stop(struct lane *l)
{
    atomic_store(&l->stop, true);
}

void lane_join(struct lane *l)
{
    pthread_join(l->thread, NULL);
}

int64_t lane_alive_ms(const struct lane *l)
{
    return atomic_load(&l->alive_ms);
}

const struct signs *lane_signs(const struct lane *l)
{
    return &l->signs;
}

const char *lane_network(const struct lane *l)
{
    return l->net->base.label;
}

const char *lane_queue(const struct lane *l)
{
    return l->queue;
}

const struct chain *lane_chain(const struct lane *l)
{
    return l->chain;
}
