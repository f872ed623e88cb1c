/* Reading the state of the pool from the roll-ups and the broker. */
#include "backend/ctl/status.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/message/queues.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_MINUTES 5  /* these may still grow and are read every time */
#define FAR_MINUTES  60 /* "to": clocks of frontends may run ahead */
#define SAMPLES      60 /* rates are over as many readings */
#define RATE_MIN_MS  3000

struct sample {
    int64_t at_ms;
    uint64_t work, shares, rejected;
};

struct history {
    struct sample sample[SAMPLES];
    size_t n; /* ever taken */
};

struct status_reader {
    struct db *db;
    struct broker *broker;
    int64_t since_min, settled_min; /* settled: what lies before is in SETTLED */
    struct status settled, current;
    struct history *history; /* one per network */
};

void status_count(struct status_counts *c, const char *name, uint64_t n)
{
    size_t i = 0;

    while (i < c->n && strcmp(c->item[i].name, name) != 0)
        i++;
    if (i == STATUS_NAMES_MAX)
        i--; /* the last one stands for all others */
    if (i == c->n)
        snprintf(c->item[c->n++].name, sizeof c->item[0].name, "%s",
                 i == STATUS_NAMES_MAX - 1 ? "other" : name);
    c->item[i].n += n;
}

uint64_t status_counted(const struct status_counts *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->item[i].name, name) == 0)
            return c->item[i].n;
    return 0;
}

/* --- the database: each statement takes network, from, to (minutes) and gives name, number --- */

static bool add_work(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    ((struct network_status *)ctx)->work += db_uint(&row[1]);
    return true;
}

static bool add_shares(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    ((struct network_status *)ctx)->shares += db_uint(&row[1]);
    return true;
}

static bool add_rejected(void *ctx, const struct db_value *row, size_t n)
{
    struct network_status *s = ctx;

    (void)n;
    s->rejected += db_uint(&row[1]);
    status_count(&s->reasons, db_text(&row[0]), db_uint(&row[1]));
    return true;
}

static bool add_outcome(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    status_count(&((struct network_status *)ctx)->outcomes, db_text(&row[0]), db_uint(&row[1]));
    return true;
}

static const struct {
    const char *sql;
    db_row_fn *add;
} counts[] = {
    {"SELECT '', COUNT(*) FROM work WHERE network = ? AND created_at >= FROM_UNIXTIME(? * 60) "
     "AND created_at < FROM_UNIXTIME(? * 60)",
     add_work},
    {"SELECT '', CAST(COALESCE(SUM(shares), 0) AS UNSIGNED) FROM share_stats "
     "WHERE network = ? AND minute >= ? AND minute < ?",
     add_shares},
    {"SELECT reason, CAST(SUM(rejected) AS UNSIGNED) FROM rejected_stats "
     "WHERE network = ? AND minute >= ? AND minute < ? GROUP BY reason",
     add_rejected},
    {"SELECT outcome, COUNT(*) FROM block_candidate WHERE network = ? "
     "AND submitted_at >= FROM_UNIXTIME(? * 60) AND submitted_at < FROM_UNIXTIME(? * 60) "
     "GROUP BY outcome",
     add_outcome},
};

static bool take_tip(void *ctx, const struct db_value *row, size_t n)
{
    struct network_status *s = ctx;

    (void)n;
    s->tip_known = true;
    s->tip_height = db_uint(&row[0]);
    return false;
}

static enum db_result read_range(struct db *db, struct network_status *s, int64_t from, int64_t to)
{
    const struct db_value params[] = {DB_TEXT(s->name), DB_INT(from), DB_INT(to)};
    enum db_result r = DB_OK;

    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && r == DB_OK; i++)
        r = db_query(db, counts[i].sql, params, 3, counts[i].add, s);
    return r;
}

static enum db_result read_tip(struct db *db, struct network_status *s)
{
    static const char sql[] =
        "SELECT height FROM tip WHERE network = ? ORDER BY seen_at DESC, height DESC LIMIT 1";

    return db_query(db, sql, (const struct db_value[]){DB_TEXT(s->name)}, 1, take_tip, s);
}

static void copy_networks(struct status *to, const struct status *from)
{
    memcpy(to->network, from->network, from->n * sizeof *from->network);
}

/* Sums of minutes that hardly change any more; a late batch is noticed at the next full reading. */
static enum db_result settle(struct status_reader *r, int64_t until_min)
{
    enum db_result result = DB_OK;

    for (size_t i = 0; i < r->settled.n && result == DB_OK; i++) {
        struct network_status *s = &r->settled.network[i];
        *s = (struct network_status){.name = s->name, .unpaid = s->unpaid};
        result = read_range(r->db, s, r->since_min, until_min);
    }
    r->settled_min = result == DB_OK ? until_min : -1;
    return result;
}

static enum db_result read_counts(struct status_reader *r, struct status *fresh)
{
    int64_t now_min = r->current.now_s / 60, until = now_min - OPEN_MINUTES;
    enum db_result result = DB_OK;

    if (until < r->since_min)
        until = r->since_min;
    if (r->settled_min != until)
        result = settle(r, until);
    copy_networks(fresh, &r->settled);
    for (size_t i = 0; i < fresh->n && result == DB_OK; i++) {
        result = read_range(r->db, &fresh->network[i], until, now_min + FAR_MINUTES);
        if (result == DB_OK)
            result = read_tip(r->db, &fresh->network[i]);
    }
    return result;
}

static void read_database(struct status_reader *r)
{
    struct status fresh = r->current;
    char *problem = r->current.problem[0];

    fresh.network = mem_zalloc(fresh.n * sizeof *fresh.network);
    enum db_result result = read_counts(r, &fresh);
    for (size_t i = 0; i < fresh.n && result == DB_OK; i++)
        result = status_read_money(r->db, r->current.network[i].name, r->current.since_s,
                                   &fresh.network[i].money);
    for (size_t i = 0; i < fresh.n && result == DB_OK; i++)
        result = jobs_seen_read(r->db, r->current.network[i].name, &fresh.network[i].jobs);
    if (result == DB_OK)
        result = status_read_tasks(r->db, &r->current, &fresh.tasks);
    if (result == DB_OK) {
        copy_networks(&r->current, &fresh);
        r->current.tasks = fresh.tasks;
        problem[0] = '\0';
    } else {
        snprintf(problem, sizeof r->current.problem[0], "database: %s", db_error(r->db));
    }
    free(fresh.network);
}

/* --- the broker --- */

static enum broker_result read_waiting(struct broker *b, struct network_status *s)
{
    uint64_t depth[NETWORK_QUEUES] = {0};
    enum broker_result r = BROKER_OK;
    char queue[SOLUTION_ROUTE_SIZE];

    for (enum network_queue q = 0; r == BROKER_OK && q < NETWORK_QUEUES; q++) {
        network_queue_name(s->name, q, queue);
        r = broker_queue_depth(b, queue, &depth[q]);
    }
    s->waiting_known = r == BROKER_OK;
    if (r == BROKER_OK) {
        s->waiting = depth[QUEUE_SOLUTIONS] + depth[QUEUE_LARGE] + depth[QUEUE_SHARES];
        s->waiting_large = depth[QUEUE_LARGE];
        s->waiting_jobs = depth[QUEUE_SHARES];
    }
    return r;
}

static void read_broker(struct status_reader *r)
{
    char *problem = r->current.problem[1];
    enum broker_result result = BROKER_OK;

    for (size_t i = 0; i < r->current.n && result == BROKER_OK; i++)
        result = read_waiting(r->broker, &r->current.network[i]);
    if (result == BROKER_OK)
        result = broker_queue_depth(r->broker, "dead", &r->current.dead);
    r->current.dead_known = result == BROKER_OK;
    problem[0] = '\0';
    if (result != BROKER_OK)
        snprintf(problem, sizeof r->current.problem[1], "broker: %s", broker_error(r->broker));
}

/* --- rates --- */

static double per_minute(uint64_t now, uint64_t before, int64_t ms)
{
    return now >= before && ms >= RATE_MIN_MS ? (double)(now - before) * 60000.0 / (double)ms : -1;
}

static void take_rates(struct history *h, struct network_status *s)
{
    struct sample now = {clock_mono_ms(), s->work, s->shares, s->rejected};
    struct sample first = h->n == 0        ? now
                          : h->n < SAMPLES ? h->sample[0]
                                           : h->sample[h->n % SAMPLES];

    h->sample[h->n++ % SAMPLES] = now;
    s->work_rate = per_minute(now.work, first.work, now.at_ms - first.at_ms);
    s->share_rate = per_minute(now.shares, first.shares, now.at_ms - first.at_ms);
    s->rejection_rate = per_minute(now.rejected, first.rejected, now.at_ms - first.at_ms);
}

const struct status *status_read(struct status_reader *r)
{
    r->current.now_s = clock_real_us() / 1000000;
    read_database(r);
    read_broker(r);
    for (size_t i = 0; i < r->current.n; i++)
        take_rates(&r->history[i], &r->current.network[i]);
    return &r->current;
}

struct status_reader *status_reader_new(const struct backend_conf *conf, struct db *db,
                                        struct broker *broker, int64_t since_s)
{
    struct status_reader *r = mem_zalloc(sizeof *r);
    size_t n = conf->networks.n;

    r->db = db;
    r->broker = broker;
    r->since_min = since_s / 60;
    r->settled_min = -1;
    r->history = mem_zalloc(n * sizeof *r->history);
    r->settled.n = r->current.n = n;
    r->settled.network = mem_zalloc(n * sizeof *r->settled.network);
    r->current.network = mem_zalloc(n * sizeof *r->current.network);
    r->current.since_s = r->since_min * 60;
    for (size_t i = 0; i < n; i++) {
        r->settled.network[i].name = backend_network_at(conf, i)->base.label;
        r->current.network[i].name = backend_network_at(conf, i)->base.label;
        r->settled.network[i].unpaid = r->current.network[i].unpaid =
            !backend_network_at(conf, i)->payouts;
    }
    return r;
}

void status_reader_free(struct status_reader **r)
{
    if (*r == NULL)
        return;
    free((*r)->settled.network);
    free((*r)->current.network);
    free((*r)->history);
    free(*r);
    *r = NULL;
}
