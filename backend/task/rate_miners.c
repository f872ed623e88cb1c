/*
 * rate-miners: how many blocks each miner found for its share of the work in the last 30 days,
 * compared with the pool as a whole (10000: as many as the average). A miner that keeps its blocks
 * to itself shows over time by a low one. For people: nothing is paid by it.
 *
 * One statement; whoever sent no shares meanwhile keeps the rating of then, with its time.
 */
#include "backend/task/task.h"
#include "common/base/clock.h"
#include "common/base/fault.h"

#include <inttypes.h>

#define DAYS 30

static enum task_result run_rate_miners(struct task_run *run)
{
    static const char sql[] =
        "INSERT INTO miner_rating (miner_id, network, shares, blocks, rating_bp, rated_at) "
        "WITH mine AS (SELECT w.miner_id, SUM(h.shares) AS shares, SUM(h.difficulty) AS work "
        "FROM share_stats_hour h JOIN worker w ON w.id = h.worker_id "
        "WHERE h.network = ? AND h.hour >= ? GROUP BY w.miner_id), "
        "found AS (SELECT finder_id, COUNT(*) AS blocks FROM block WHERE network = ? "
        "AND created_at >= TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? HOUR "
        "AND pool_block AND status <> 'orphaned' AND finder_id IS NOT NULL GROUP BY finder_id), "
        "pool AS (SELECT COALESCE(SUM(mine.work), 0) AS work, COALESCE(SUM(found.blocks), 0) AS "
        "blocks FROM mine LEFT JOIN found ON found.finder_id = mine.miner_id) "
        "SELECT mine.miner_id, ?, mine.shares, COALESCE(found.blocks, 0), "
        "IF(pool.blocks = 0, 10000, LEAST(1000000000, "
        "10000 * COALESCE(found.blocks, 0) * pool.work DIV (mine.work * pool.blocks))), "
        "UTC_TIMESTAMP(6) FROM mine LEFT JOIN found ON found.finder_id = mine.miner_id "
        "CROSS JOIN pool WHERE mine.work > 0 "
        "ON DUPLICATE KEY UPDATE shares = VALUES(shares), blocks = VALUES(blocks), "
        "rating_bp = VALUES(rating_bp), rated_at = VALUES(rated_at)";
    uint64_t from = (uint64_t)clock_real_us() / 3600000000 - DAYS * 24, rows = 0;
    const struct db_value v[] = {DB_TEXT(run->network), DB_UINT(from), DB_TEXT(run->network),
                                 DB_UINT(from), DB_TEXT(run->network)};
    enum db_result r;

    if (run->options->dry_run) {
        task_say(run, "would rate the miners of the last %d days", DAYS);
        return TASK_DONE;
    }
    r = db_exec(run->db, sql, v, sizeof(v) / sizeof(v[0]), &rows);
    FAULT_POINT("rate_miners.rated");
    return task_db(run, r, "the ratings");
}

const struct task rate_miners_task = {
    .name = "rate-miners",
    .text = "compare each miner's luck with the pool's",
    .run = run_rate_miners,
};
