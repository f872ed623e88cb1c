/* What is wrong with the scheduled tasks, by their history (table task_run). */
#include "backend/ctl/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STUCK_S 21600 /* a run that began so long ago, and says nothing, was killed */

/* Each runs several times within LATE_S (cron/penstock.crontab); pay rests for most of the day. */
static const struct rule {
    const char *task;
    bool of_all;
    int64_t late_s;
} rules[] = {
    {"find-blocks", false, 300},  {"assign-shares", false, 300}, {"share-out", false, 900},
    {"pay", false, 86400},        {"audit", false, 3600},        {"roll-stats", false, 1200},
    {"rate-miners", false, 9000}, {"clean-up", true, 180000},
};

struct last_run {
    bool any;
    char outcome[16];
    int64_t age_s;
    char detail[160];
};

static bool take_run(void *ctx, const struct db_value *row, size_t n)
{
    struct last_run *run = ctx;

    (void)n;
    run->any = true;
    snprintf(run->outcome, sizeof run->outcome, "%s", db_text(&row[0]));
    run->age_s = db_int(&row[1]);
    snprintf(run->detail, sizeof run->detail, "%s", db_text(&row[2]));
    return false;
}

/* Text for people; false when all is well. */
static bool describe(const struct rule *rule, const char *network, const struct last_run *run,
                     char *out, size_t size)
{
    bool running = strcmp(run->outcome, "running") == 0;
    const char *space = *network != '\0' ? " " : "";
    int64_t minutes = run->age_s / 60;

    if (strcmp(run->outcome, "failed") == 0 || strcmp(run->outcome, "waiting") == 0)
        snprintf(out, size, "%s%s%s %s %" PRId64 " min ago: %s", rule->task, space, network,
                 *run->outcome == 'f' ? "failed" : "had to wait", minutes, run->detail);
    else if (running && run->age_s > STUCK_S)
        snprintf(out, size, "%s%s%s was killed %" PRId64 " min ago, or still runs", rule->task,
                 space, network, minutes);
    else if (!running && run->age_s > rule->late_s)
        snprintf(out, size, "%s%s%s has not run for %" PRId64 " min", rule->task, space, network,
                 minutes);
    else
        return false;
    return true;
}

static enum db_result look_at(struct db *db, const struct rule *rule, const char *network,
                              struct status_tasks *ret)
{
    static const char sql[] =
        "SELECT outcome, TIMESTAMPDIFF(SECOND, started_at, UTC_TIMESTAMP(6)), detail FROM task_run "
        "WHERE task = ? AND network = ? ORDER BY id DESC LIMIT 1";
    struct last_run run = {.any = false};
    enum db_result r =
        db_query(db, sql, (const struct db_value[]){DB_TEXT(rule->task), DB_TEXT(network)}, 2,
                 take_run, &run);

    ret->ever |= run.any;
    if (r == DB_OK && run.any && ret->n < STATUS_TASKS_MAX)
        ret->n += describe(rule, network, &run, ret->line[ret->n], sizeof ret->line[0]);
    return r;
}

enum db_result status_read_tasks(struct db *db, const struct status *s, struct status_tasks *ret)
{
    enum db_result r = DB_OK;

    *ret = (struct status_tasks){.known = true};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        for (size_t k = 0; r == DB_OK && k < (rules[i].of_all ? 1 : s->n); k++)
            r = look_at(db, &rules[i], rules[i].of_all ? "" : s->network[k].name, ret);
    return r;
}
