/*
 * roll-stats: the hourly statistics from those by the minute.
 *
 * An hour is computed as a whole from its minutes, so each statement may be repeated, and a death
 * between two of them leaves older sums until the next run. The last hours are done every time:
 * what is received is recorded within them, except after a longer outage; clean-up does each hour
 * once more before its minutes go.
 *
 * It also tells the frontends by what terms the network pays.
 */
#include "backend/task/roll.h"
#include "backend/task/task.h"
#include "common/base/clock.h"
#include "common/base/fault.h"

#include <inttypes.h>

#define HOURS_BACK   3
#define MINUTES_BACK 60

#define ROLL(CONDITION)                                                                            \
    "INSERT INTO share_stats_hour (worker_id, hour, network, shares, rejected, difficulty) "       \
    "SELECT worker_id, minute DIV 60, network, SUM(shares), SUM(rejected), SUM(difficulty) "       \
    "FROM share_stats WHERE network = ? AND " CONDITION " "                                        \
    "GROUP BY worker_id, minute DIV 60, network "                                                  \
    "ON DUPLICATE KEY UPDATE "

enum db_result roll_from(struct db *db, const char *network, uint64_t hour)
{
    static const char sql[] = ROLL("minute >= ?") "shares = VALUES(shares), "
                                                  "rejected = VALUES(rejected), "
                                                  "difficulty = VALUES(difficulty)";
    enum db_result r =
        db_exec(db, sql, (const struct db_value[]){DB_TEXT(network), DB_UINT(hour * 60)}, 2, NULL);

    FAULT_POINT("roll_stats.workers");
    return r;
}

enum db_result roll_oldest(struct db *db, const char *network, uint64_t hour)
{
    static const char sql[] =
        ROLL("minute < ?") "shares = GREATEST(share_stats_hour.shares, VALUES(shares)), "
                           "rejected = GREATEST(share_stats_hour.rejected, VALUES(rejected)), "
                           "difficulty = GREATEST(share_stats_hour.difficulty, VALUES(difficulty))";
    enum db_result r =
        db_exec(db, sql, (const struct db_value[]){DB_TEXT(network), DB_UINT(hour * 60)}, 2, NULL);

    FAULT_POINT("roll_stats.oldest");
    return r;
}

enum db_result roll_network(struct db *db, const char *network, uint64_t hour)
{
    static const char sql[] =
        "INSERT INTO network_stats (network, hour, shares, rejected, difficulty, miners, workers, "
        "blocks, pool_blocks) "
        "SELECT b.network, b.hour, COALESCE(h.shares, 0), r.rejected, COALESCE(h.difficulty, 0), "
        "h.miners, h.workers, b.blocks, b.pool_blocks FROM "
        "(SELECT ? AS network, ? AS hour, COUNT(*) AS blocks, "
        "COUNT(IF(pool_block, 1, NULL)) AS pool_blocks FROM block WHERE network = ? "
        "AND status <> 'orphaned' "
        "AND created_at >= TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? HOUR "
        "AND created_at < TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? HOUR) b, "
        "(SELECT SUM(s.shares) AS shares, SUM(s.difficulty) AS difficulty, "
        "COUNT(DISTINCT w.miner_id) AS miners, COUNT(w.id) AS workers "
        "FROM share_stats_hour s JOIN worker w ON w.id = s.worker_id "
        "WHERE s.network = ? AND s.hour = ?) h, "
        "(SELECT COALESCE(SUM(rejected), 0) AS rejected FROM rejected_stats "
        "WHERE network = ? AND minute >= ? AND minute < ?) r "
        "ON DUPLICATE KEY UPDATE shares = VALUES(shares), rejected = VALUES(rejected), "
        "difficulty = VALUES(difficulty), miners = VALUES(miners), workers = VALUES(workers), "
        "blocks = VALUES(blocks), pool_blocks = VALUES(pool_blocks)";
    const struct db_value v[] = {
        DB_TEXT(network),   DB_UINT(hour),           DB_TEXT(network), DB_UINT(hour),
        DB_UINT(hour + 1),  DB_TEXT(network),        DB_UINT(hour),    DB_TEXT(network),
        DB_UINT(hour * 60), DB_UINT(hour * 60 + 60),
    };
    enum db_result r = db_exec(db, sql, v, sizeof(v) / sizeof(v[0]), NULL);

    FAULT_POINT("roll_stats.network");
    return r;
}

/* --- by the miner --- */

enum db_result roll_miners(struct db *db, const char *network, uint64_t hour)
{
    static const char sql[] =
        "INSERT INTO miner_stats_hour (miner_id, hour, network, shares, rejected, difficulty, "
        "workers) SELECT w.miner_id, s.hour, s.network, SUM(s.shares), SUM(s.rejected), "
        "SUM(s.difficulty), COUNT(*) FROM share_stats_hour s JOIN worker w ON w.id = s.worker_id "
        "WHERE s.network = ? AND s.hour >= ? GROUP BY w.miner_id, s.hour, s.network "
        "ON DUPLICATE KEY UPDATE shares = VALUES(shares), rejected = VALUES(rejected), "
        "difficulty = VALUES(difficulty), workers = VALUES(workers)";
    enum db_result r =
        db_exec(db, sql, (const struct db_value[]){DB_TEXT(network), DB_UINT(hour)}, 2, NULL);

    FAULT_POINT("roll_stats.miners");
    return r;
}

/* Of what is not in the day any more, zeros: the others have this run's stamp. */
static enum db_result clear_days(struct db *db, const char *network, uint64_t now_s)
{
    static const char workers_sql[] =
        "UPDATE worker_day SET shares = 0, rejected = 0, difficulty = 0, now_shares = 0, "
        "now_difficulty = 0 WHERE network = ? AND rolled_s <> ? AND shares + rejected > 0";
    static const char reasons_sql[] = "UPDATE rejected_day SET rejected = 0 "
                                      "WHERE network = ? AND rolled_s <> ? AND rejected > 0";
    const struct db_value v[] = {DB_TEXT(network), DB_UINT(now_s)};
    enum db_result r = db_exec(db, workers_sql, v, 2, NULL);

    FAULT_POINT("roll_stats.workers_cleared");
    if (r == DB_OK)
        r = db_exec(db, reasons_sql, v, 2, NULL);
    FAULT_POINT("roll_stats.reasons_cleared");
    return r;
}

/* The hours of the day, and the minutes since MINUTES_BACK: those of "now" by themselves, and the
 * last one with a share. */
static enum db_result roll_workers(struct db *db, const char *network, uint64_t now_s)
{
    static const char sql[] =
        "INSERT INTO worker_day (miner_id, worker_id, network, shares, rejected, difficulty, "
        "now_shares, now_difficulty, last_minute, rolled_s) "
        "SELECT w.miner_id, w.id, ?, h.shares, h.rejected, h.difficulty, COALESCE(m.shares, 0), "
        "COALESCE(m.difficulty, 0), COALESCE(m.last_minute, 0), ? FROM (SELECT worker_id, "
        "SUM(shares) AS shares, SUM(rejected) AS rejected, SUM(difficulty) AS difficulty "
        "FROM share_stats_hour WHERE network = ? AND hour >= ? GROUP BY worker_id) h "
        "JOIN worker w ON w.id = h.worker_id LEFT JOIN (SELECT worker_id, "
        "SUM(IF(minute >= ? AND minute < ?, shares, 0)) AS shares, "
        "SUM(IF(minute >= ? AND minute < ?, difficulty, 0)) AS difficulty, "
        "MAX(IF(shares > 0, minute, 0)) AS last_minute FROM share_stats "
        "WHERE network = ? AND minute >= ? GROUP BY worker_id) m ON m.worker_id = w.id "
        "ON DUPLICATE KEY UPDATE shares = VALUES(shares), rejected = VALUES(rejected), "
        "difficulty = VALUES(difficulty), now_shares = VALUES(now_shares), "
        "now_difficulty = VALUES(now_difficulty), "
        "last_minute = GREATEST(worker_day.last_minute, VALUES(last_minute)), "
        "rolled_s = VALUES(rolled_s)";
    const struct db_value from = DB_UINT(now_s / 60 - ROLL_NOW_MINUTES), to = DB_UINT(now_s / 60);
    const struct db_value v[] = {
        DB_TEXT(network),
        DB_UINT(now_s),
        DB_TEXT(network),
        DB_UINT(now_s / 3600 - ROLL_DAY_HOURS),
        from,
        to,
        from,
        to,
        DB_TEXT(network),
        DB_UINT(now_s / 60 - MINUTES_BACK),
    };
    enum db_result r = db_exec(db, sql, v, sizeof(v) / sizeof(v[0]), NULL);

    FAULT_POINT("roll_stats.days");
    return r;
}

static enum db_result roll_reasons(struct db *db, const char *network, uint64_t now_s)
{
    static const char sql[] =
        "INSERT INTO rejected_day (miner_id, worker_id, reason, network, rejected, rolled_s) "
        "SELECT w.miner_id, w.id, r.reason, r.network, SUM(r.rejected), ? "
        "FROM rejected_worker_stats r JOIN worker w ON w.id = r.worker_id "
        "WHERE r.network = ? AND r.hour >= ? GROUP BY w.miner_id, w.id, r.reason, r.network "
        "ON DUPLICATE KEY UPDATE rejected = VALUES(rejected), rolled_s = VALUES(rolled_s)";
    enum db_result r = db_exec(db, sql,
                               (const struct db_value[]){DB_UINT(now_s), DB_TEXT(network),
                                                         DB_UINT(now_s / 3600 - ROLL_DAY_HOURS)},
                               3, NULL);

    FAULT_POINT("roll_stats.reasons");
    return r;
}

enum db_result roll_days(struct db *db, const char *network, uint64_t now_s)
{
    enum db_result r = roll_workers(db, network, now_s);

    if (r == DB_OK)
        r = roll_reasons(db, network, now_s);
    return r == DB_OK ? clear_days(db, network, now_s) : r;
}

/* For the frontends' pages, so that nobody sets it twice. */
static enum db_result tell_terms(struct task_run *run)
{
    static const char sql[] =
        "INSERT INTO network_terms (network, scheme, fee_bp, minimum_payout, told_at) "
        "VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE scheme = VALUES(scheme), "
        "fee_bp = VALUES(fee_bp), minimum_payout = VALUES(minimum_payout), "
        "told_at = VALUES(told_at)";
    const struct backend_network *net = run->net;
    const struct db_value v[] = {DB_TEXT(run->network), DB_TEXT(scheme_names[net->scheme]),
                                 DB_INT(net->fee_bp), DB_INT(net->minimum_payout)};
    enum db_result r = db_exec(run->db, sql, v, sizeof(v) / sizeof(v[0]), NULL);

    FAULT_POINT("roll_stats.terms");
    return r;
}

static enum task_result run_roll_stats(struct task_run *run)
{
    uint64_t now_s = (uint64_t)clock_real_us() / 1000000;
    uint64_t now = now_s / 3600, from = now + 1 - HOURS_BACK;
    enum db_result r;

    if (run->options->dry_run) {
        task_say(run, "would sum up the last %d hours", HOURS_BACK);
        return TASK_DONE;
    }
    r = tell_terms(run);
    if (r == DB_OK)
        r = roll_from(run->db, run->network, from);
    for (uint64_t hour = from; r == DB_OK && hour <= now; hour++)
        r = roll_network(run->db, run->network, hour);
    if (r == DB_OK)
        r = roll_miners(run->db, run->network, from);
    if (r == DB_OK)
        r = roll_days(run->db, run->network, now_s);
    return task_db(run, r, "the sums of the last hours");
}

const struct task roll_stats_task = {
    .name = "roll-stats",
    .text = "sum up the statistics by the hour; tell the pages by what terms is paid",
    .run = run_roll_stats,
};
