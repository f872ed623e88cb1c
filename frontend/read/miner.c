#include "frontend/read/column.h"
#include "frontend/read/read.h"

#include <string.h>

static bool take_miner(void *ctx, const struct db_value *v, size_t n)
{
    struct read_miner *m = ctx;

    (void)n;
    m->known = true;
    m->disabled = column_uint(&v[0]) != 0;
    m->balance = db_int(&v[1]);
    m->minimum_payout = column_uint(&v[2]);
    column_copy(&v[3], m->created_at, sizeof m->created_at);
    m->earned = column_uint(&v[4]) != 0;
    return false;
}

enum db_result read_miner(struct db *db, const char *network, const char *address,
                          struct read_miner *ret)
{
    static const char sql[] = "SELECT disabled, balance, minimum_payout, created_at, earned "
                              "FROM site_miner WHERE network = ? AND address = ?";

    *ret = (struct read_miner){.known = false};
    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_TEXT(address)), take_miner, ret);
}

/* --- workers --- */

/* A key's second column is only looked up by, not ranged over, where the first one comes from a
 * join: so these are the hours, one by one. Else all that a worker ever did is read. */
#define AND(n) " UNION ALL SELECT " #n
#define HOURS                                                                                      \
    "(SELECT 0 AS back" AND(1) AND(2) AND(3) AND(4) AND(5) AND(6) AND(7) AND(8) AND(9) AND(10)     \
        AND(11) AND(12) AND(13) AND(14) AND(15) AND(16) AND(17) AND(18) AND(19) AND(20) AND(21)    \
            AND(22) AND(23) AND(24) ")"

_Static_assert(READ_HOURS == 25, "as many as there are above");

struct worker_hours_list {
    read_worker_hour_fn *fn;
    void *ctx;
};

static bool take_worker_hour(void *ctx, const struct db_value *v, size_t n)
{
    const struct worker_hours_list *list = ctx;
    const struct read_worker_hour h = {.hour = column_uint(&v[0]),
                                       .name = db_text(&v[1]),
                                       .shares = column_uint(&v[2]),
                                       .rejected = column_uint(&v[3]),
                                       .difficulty = column_real(&v[4])};

    (void)n;
    return list->fn(list->ctx, &h);
}

enum db_result read_worker_hours(struct db *db, const char *network, const char *address,
                                 int64_t now_s, read_worker_hour_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT h.hour, h.worker, h.shares, h.rejected, h.difficulty FROM " HOURS " ago "
        "JOIN site_worker_hour h ON h.hour = ? - ago.back "
        "WHERE h.network = ? AND h.address = ? ORDER BY h.hour, h.worker LIMIT ?";
    struct worker_hours_list list = {fn, ctx};

    return db_query(
        db, sql,
        PARAMS(DB_INT(now_s / 3600), DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_MAX_ROWS)),
        take_worker_hour, &list);
}

enum db_result read_busiest_hours(struct db *db, const char *network, const char *address,
                                  int64_t now_s, read_worker_hour_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT h.hour, h.worker, h.shares, h.rejected, h.difficulty FROM "
        "(SELECT worker FROM site_worker_day WHERE network = ? AND address = ? "
        "ORDER BY difficulty DESC, worker LIMIT ?) busiest JOIN " HOURS " ago "
        "JOIN site_worker_hour h ON h.worker = busiest.worker AND h.hour = ? - ago.back "
        "WHERE h.network = ? AND h.address = ? ORDER BY h.hour, h.worker";
    struct worker_hours_list list = {fn, ctx};

    return db_query(db, sql,
                    PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_BUSIEST),
                           DB_INT(now_s / 3600), DB_TEXT(network), DB_TEXT(address)),
                    take_worker_hour, &list);
}

/* --- what lies side by side --- */

struct worker_days_list {
    read_worker_day_fn *fn;
    void *ctx;
};

static bool take_worker_day(void *ctx, const struct db_value *v, size_t n)
{
    const struct worker_days_list *list = ctx;
    const struct read_worker_day w = {.name = db_text(&v[0]),
                                      .last_minute = column_uint(&v[1]),
                                      .shares = column_uint(&v[2]),
                                      .rejected = column_uint(&v[3]),
                                      .difficulty = column_real(&v[4]),
                                      .hash_rate = column_real(&v[5]) / (READ_RATE_MINUTES * 60),
                                      .shares_per_second =
                                          column_real(&v[6]) / (READ_RATE_MINUTES * 60)};

    (void)n;
    return list->fn(list->ctx, &w);
}

enum db_result read_worker_days(struct db *db, const char *network, const char *address,
                                read_worker_day_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT worker, last_minute, shares, rejected, difficulty, now_difficulty, now_shares "
        "FROM site_worker_day WHERE network = ? AND address = ? ORDER BY worker LIMIT ?";
    struct worker_days_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_MAX_ROWS)),
                    take_worker_day, &list);
}

static bool take_worker_sums(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(struct read_worker_sums *)ctx = (struct read_worker_sums){
        .workers = column_uint(&v[0]),
        .active = column_uint(&v[1]),
        .shares = column_uint(&v[2]),
        .rejected = column_uint(&v[3]),
        .difficulty = column_real(&v[4]),
        .hash_rate = column_real(&v[5]) / (READ_RATE_MINUTES * 60),
    };
    return false;
}

enum db_result read_worker_sums(struct db *db, const char *network, const char *address,
                                struct read_worker_sums *ret)
{
    static const char sql[] =
        "SELECT COUNT(*), COALESCE(SUM(shares > 0), 0), COALESCE(SUM(shares), 0), "
        "COALESCE(SUM(rejected), 0), COALESCE(SUM(difficulty), 0), "
        "COALESCE(SUM(now_difficulty), 0) FROM site_worker_day WHERE network = ? AND address = ?";

    *ret = (struct read_worker_sums){0};
    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_TEXT(address)), take_worker_sums, ret);
}

struct rejects_list {
    read_reject_fn *fn;
    void *ctx;
};

static bool take_reject(void *ctx, const struct db_value *v, size_t n)
{
    const struct rejects_list *list = ctx;
    const struct read_reject r = {
        .worker = db_text(&v[0]), .reason = db_text(&v[1]), .rejected = column_uint(&v[2])};

    (void)n;
    return list->fn(list->ctx, &r);
}

enum db_result read_rejects(struct db *db, const char *network, const char *address,
                            read_reject_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT worker, reason, rejected FROM site_rejected_day "
                              "WHERE network = ? AND address = ? "
                              "ORDER BY rejected DESC, worker, reason LIMIT ?";
    struct rejects_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_MAX_REJECTS)),
                    take_reject, &list);
}

struct miner_hours_list {
    read_miner_hour_fn *fn;
    void *ctx;
};

static bool take_miner_hour(void *ctx, const struct db_value *v, size_t n)
{
    const struct miner_hours_list *list = ctx;
    const struct read_miner_hour h = {.hour = column_uint(&v[0]),
                                      .shares = column_uint(&v[1]),
                                      .rejected = column_uint(&v[2]),
                                      .workers = column_uint(&v[3]),
                                      .difficulty = column_real(&v[4])};

    (void)n;
    return list->fn(list->ctx, &h);
}

enum db_result read_miner_hours(struct db *db, const char *network, const char *address,
                                uint64_t from_hour, read_miner_hour_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT hour, shares, rejected, workers, difficulty "
                              "FROM site_address_hour WHERE network = ? AND address = ? "
                              "AND hour >= ? ORDER BY hour LIMIT ?";
    struct miner_hours_list list = {fn, ctx};

    return db_query(
        db, sql,
        PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(from_hour), DB_UINT(READ_MAX_ROWS)),
        take_miner_hour, &list);
}

/* --- money --- */

struct earnings_list {
    read_earning_fn *fn;
    void *ctx;
};

static bool take_earning(void *ctx, const struct db_value *v, size_t n)
{
    const struct earnings_list *list = ctx;
    const struct read_earning e = {.date = db_text(&v[0]), .amount = column_uint(&v[1])};

    (void)n;
    return list->fn(list->ctx, &e);
}

enum db_result read_earnings(struct db *db, const char *network, const char *address,
                             const struct page *page, read_earning_fn *fn, void *ctx)
{
    /* Of more, the earliest day may have had some that are not among them. */
    static const char sql[] =
        "SELECT day, SUM(amount) FROM (SELECT DATE(created_at) AS day, amount FROM site_credit "
        "WHERE network = ? AND address = ? ORDER BY number DESC LIMIT ?) newest "
        "WHERE day > COALESCE((SELECT DATE(created_at) FROM site_credit "
        "WHERE network = ? AND address = ? ORDER BY number DESC LIMIT 1 OFFSET ?), '1970-01-01') "
        "GROUP BY day ORDER BY day DESC LIMIT ? OFFSET ?";
    struct earnings_list list = {fn, ctx};

    return db_query(db, sql,
                    PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_MAX_CREDITS),
                           DB_TEXT(network), DB_TEXT(address), DB_UINT(READ_MAX_CREDITS - 1),
                           DB_UINT(page->size), DB_UINT(page->offset)),
                    take_earning, &list);
}

struct credits_list {
    read_credit_fn *fn;
    void *ctx;
};

static bool take_credit(void *ctx, const struct db_value *v, size_t n)
{
    const struct credits_list *list = ctx;
    const struct read_credit c = {.height = column_uint(&v[0]),
                                  .shares = column_uint(&v[1]),
                                  .amount = column_uint(&v[2]),
                                  .created_at = db_text(&v[3])};

    (void)n;
    return list->fn(list->ctx, &c);
}

enum db_result read_credits(struct db *db, const char *network, const char *address,
                            const struct page *page, read_credit_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT height, shares, amount, created_at FROM site_credit "
                              "WHERE network = ? AND address = ? "
                              "ORDER BY number DESC LIMIT ? OFFSET ?";
    struct credits_list list = {fn, ctx};

    return db_query(
        db, sql,
        PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(page->size), DB_UINT(page->offset)),
        take_credit, &list);
}

struct changes_list {
    read_change_fn *fn;
    void *ctx;
};

static bool take_change(void *ctx, const struct db_value *v, size_t n)
{
    const struct changes_list *list = ctx;
    const struct read_change c = {.amount = db_int(&v[0]),
                                  .kind = db_text(&v[1]),
                                  .note = db_text(&v[2]),
                                  .created_at = db_text(&v[3])};

    (void)n;
    return list->fn(list->ctx, &c);
}

enum db_result read_changes(struct db *db, const char *network, const char *address,
                            const struct page *page, read_change_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT amount, kind, note, created_at FROM site_balance_change "
                              "WHERE network = ? AND address = ? "
                              "ORDER BY number DESC LIMIT ? OFFSET ?";
    struct changes_list list = {fn, ctx};

    return db_query(
        db, sql,
        PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(page->size), DB_UINT(page->offset)),
        take_change, &list);
}
