/*
 * roll-stats: the hourly statistics from those by the minute.
 *
 * An hour is computed as a whole from its minutes, so each statement may be repeated, and a death
 * between two of them leaves older sums until the next run. The last hours are done every time:
 * what is received is recorded within them, except after a longer outage; clean-up does each hour
 * once more before its minutes go.
 */
#include "backend/task/task.h"
#include "common/base/clock.h"
#include "common/base/fault.h"

#define HOURS_BACK 3

static enum db_result roll_workers(struct task_run *run, uint64_t from_hour)
{
    static const char sql[] =
        "INSERT INTO share_stats_hour (worker_id, hour, network, shares, rejected, difficulty) "
        "SELECT worker_id, minute DIV 60, network, SUM(shares), SUM(rejected), SUM(difficulty) "
        "FROM share_stats WHERE network = ? AND minute >= ? "
        "GROUP BY worker_id, minute DIV 60, network "
        "ON DUPLICATE KEY UPDATE shares = VALUES(shares), rejected = VALUES(rejected), "
        "difficulty = VALUES(difficulty)";
    enum db_result r =
        db_exec(run->db, sql,
                (const struct db_value[]){DB_TEXT(run->network), DB_UINT(from_hour * 60)}, 2, NULL);

    FAULT_POINT("roll_stats.workers");
    return r;
}

static enum task_result run_roll_stats(struct task_run *run)
{
    uint64_t hour = (uint64_t)clock_real_us() / 3600000000;

    if (run->options->dry_run) {
        task_say(run, "would sum up the last %d hours", HOURS_BACK);
        return TASK_DONE;
    }
    return task_db(run, roll_workers(run, hour + 1 - HOURS_BACK), "the sums of the workers");
}

const struct task roll_stats_task = {
    .name = "roll-stats",
    .text = "sum up the statistics by the hour",
    .run = run_roll_stats,
};
