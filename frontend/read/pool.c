#include "frontend/read/column.h"
#include "frontend/read/read.h"

#include <stdio.h>
#include <string.h>

/* --- how fast the pool is now --- */

static bool take_rates(void *ctx, const struct db_value *v, size_t n)
{
    struct read_pulse *p = ctx;

    (void)n;
    p->hash_rate = column_real(&v[0]) / (READ_RATE_MINUTES * 60);
    p->shares_per_second = column_real(&v[1]) / (READ_RATE_MINUTES * 60);
    return false;
}

static bool take_present(void *ctx, const struct db_value *v, size_t n)
{
    struct read_pulse *p = ctx;

    (void)n;
    p->miners = column_uint(&v[0]);
    p->workers = column_uint(&v[1]);
    return false;
}

enum db_result read_pulse(struct db *db, const char *network, int64_t now_s, struct read_pulse *ret)
{
    static const char rates_sql[] = "SELECT COALESCE(SUM(difficulty), 0), COALESCE(SUM(shares), 0) "
                                    "FROM site_minute "
                                    "WHERE network = ? AND minute >= ? AND minute < ?";
    static const char present_sql[] = "SELECT COALESCE(MAX(miners), 0), COALESCE(MAX(workers), 0) "
                                      "FROM site_network_hour WHERE network = ? AND hour >= ?";
    int64_t minute = now_s / 60;

    *ret = (struct read_pulse){0};
    enum db_result r = db_query(
        db, rates_sql, PARAMS(DB_TEXT(network), DB_INT(minute - READ_RATE_MINUTES), DB_INT(minute)),
        take_rates, ret);
    if (r == DB_OK)
        r = db_query(db, present_sql, PARAMS(DB_TEXT(network), DB_INT(now_s / 3600 - 1)),
                     take_present, ret);
    return r;
}

/* --- the network --- */

#define RATE_BLOCKS 40 /* over which the network's hash rate is taken */

struct chain_walk {
    struct read_chain *c;
    double work;      /* of all blocks read so far but the lowest */
    double lowest;    /* the lowest block's */
    double from, top; /* the lowest block's time, the highest one's */
};

/* From the tip downwards. */
static bool take_chain(void *ctx, const struct db_value *v, size_t n)
{
    struct chain_walk *w = ctx;
    double difficulty = column_real(&v[1]), time = column_real(&v[3]);

    (void)n;
    if (!w->c->known) {
        w->c->known = true;
        w->c->height = column_uint(&v[0]);
        w->c->difficulty = difficulty;
        column_copy(&v[2], w->c->last_block, sizeof w->c->last_block);
        w->top = time;
    } else {
        w->work += w->lowest;
    }
    w->lowest = difficulty;
    w->from = time;
    return true;
}

enum db_result read_chain(struct db *db, const char *network, struct read_chain *ret)
{
    static const char sql[] =
        "SELECT height, difficulty, chain_time, TIMESTAMPDIFF(SECOND, '1970-01-01', chain_time) "
        "FROM site_block WHERE network = ? AND status <> 'orphaned' ORDER BY height DESC LIMIT ?";
    struct chain_walk w = {.c = ret};

    *ret = (struct read_chain){.known = false};
    enum db_result r =
        db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(RATE_BLOCKS)), take_chain, &w);
    if (w.top > w.from)
        ret->hash_rate = w.work / (w.top - w.from);
    return r;
}

/* --- what the pool has done so far --- */

static bool add_blocks(void *ctx, const struct db_value *v, size_t n)
{
    struct read_totals *t = ctx;
    const char *status = db_text(&v[0]);
    bool lost = strcmp(status, "stale") == 0 || strcmp(status, "orphaned") == 0;
    uint64_t *sum = lost ? &t->lost : strcmp(status, "finished") == 0 ? &t->confirmed : &t->pending;

    (void)n;
    *sum += column_uint(&v[1]);
    return true;
}

static bool take_paid(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(uint64_t *)ctx = column_uint(&v[0]);
    return false;
}

static bool take_last_block(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    column_copy(&v[0], ((struct read_totals *)ctx)->last_block, READ_TIME_SIZE);
    return false;
}

enum db_result read_totals(struct db *db, const char *network, struct read_totals *ret)
{
    static const char blocks_sql[] = "SELECT status, COUNT(*) FROM site_block "
                                     "WHERE network = ? AND pool_block = 1 GROUP BY status";
    static const char last_sql[] =
        "SELECT COALESCE(chain_time, created_at) FROM site_block "
        "WHERE network = ? AND pool_block = 1 ORDER BY height DESC LIMIT 1";
    static const char paid_sql[] =
        "SELECT COALESCE(SUM(amount), 0) FROM site_payout "
        "WHERE network = ? AND kind = 'payment' AND status IN ('sent', 'confirmed')";

    *ret = (struct read_totals){0};
    enum db_result r = db_query(db, blocks_sql, PARAMS(DB_TEXT(network)), add_blocks, ret);
    if (r == DB_OK)
        r = db_query(db, last_sql, PARAMS(DB_TEXT(network)), take_last_block, ret);
    if (r == DB_OK)
        r = db_query(db, paid_sql, PARAMS(DB_TEXT(network)), take_paid, &ret->paid);
    return r;
}

static bool take_days(void *ctx, const struct db_value *v, size_t n)
{
    struct read_days *d = ctx;

    (void)n;
    d->blocks = column_uint(&v[0]);
    d->pool_blocks = column_uint(&v[1]);
    d->pool_subsidy = column_uint(&v[2]);
    return false;
}

enum db_result read_days(struct db *db, const char *network, uint64_t days, struct read_days *ret)
{
    static const char sql[] =
        "SELECT COUNT(*), COALESCE(SUM(pool_block), 0), "
        "COALESCE(SUM(IF(pool_block, CAST(subsidy AS DECIMAL(30,0)), 0)), 0) FROM site_block "
        "WHERE network = ? AND chain_time > UTC_TIMESTAMP() - INTERVAL ? DAY "
        "AND status NOT IN ('orphaned', 'stale')";

    *ret = (struct read_days){0};
    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(days)), take_days, ret);
}

/* --- lists --- */

struct hours_list {
    read_hour_fn *fn;
    void *ctx;
};

static bool take_hour(void *ctx, const struct db_value *v, size_t n)
{
    const struct hours_list *list = ctx;
    const struct read_hour h = {.hour = column_uint(&v[0]),
                                .shares = column_uint(&v[1]),
                                .rejected = column_uint(&v[2]),
                                .difficulty = column_real(&v[3]),
                                .miners = column_uint(&v[4]),
                                .workers = column_uint(&v[5]),
                                .blocks = column_uint(&v[6]),
                                .pool_blocks = column_uint(&v[7])};

    (void)n;
    return list->fn(list->ctx, &h);
}

enum db_result read_hours(struct db *db, const char *network, uint64_t from_hour, read_hour_fn *fn,
                          void *ctx)
{
    static const char sql[] =
        "SELECT hour, shares, rejected, difficulty, miners, workers, blocks, pool_blocks "
        "FROM site_network_hour WHERE network = ? AND hour >= ? ORDER BY hour LIMIT ?";
    struct hours_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(from_hour), DB_UINT(READ_MAX_ROWS)),
                    take_hour, &list);
}

struct rates_list {
    read_miner_rate_fn *fn;
    void *ctx;
    double seconds;
};

static bool take_rate(void *ctx, const struct db_value *v, size_t n)
{
    const struct rates_list *list = ctx;
    const struct read_miner_rate m = {.address = db_text(&v[0]),
                                      .hash_rate = column_real(&v[1]) / list->seconds,
                                      .shares_per_second = column_real(&v[2]) / list->seconds};

    (void)n;
    return list->fn(list->ctx, &m);
}

enum db_result read_miner_rates(struct db *db, const char *network, int64_t now_s,
                                const struct page *page, read_miner_rate_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT address, SUM(difficulty) AS done, SUM(shares) "
                              "FROM site_miner_hour WHERE network = ? AND hour >= ? "
                              "GROUP BY address ORDER BY done DESC, address LIMIT ? OFFSET ?";
    int64_t hour = now_s / 3600 - 1;
    struct rates_list list = {fn, ctx, (double)(now_s - hour * 3600)};

    return db_query(
        db, sql, PARAMS(DB_TEXT(network), DB_INT(hour), DB_UINT(page->size), DB_UINT(page->offset)),
        take_rate, &list);
}
