/*
 * clean-up: what is no longer needed, daily. Partitions of shares and rejections are dropped whole,
 * rows of the other tables go in pieces, archived solutions as files. The database decides itself
 * what is old (sql/ledger.sql): it keeps each share that is not paid, whatever it is asked.
 *
 * Each step is for itself, and finds what is left of it when a run died on the way.
 */
#include "backend/task/roll.h"
#include "backend/task/task.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROWS_AT_ONCE 10000
#define DAY_S        86400
#define CLOSED       ".jsonl.gz" /* an archive file that no worker writes any more */

struct cleaning {
    struct task_run *run;
    uint64_t days, held, rows, files;
};

/* --- partitions --- */

static bool take_day(void *ctx, const struct db_value *v, size_t n)
{
    struct cleaning *c = ctx;

    (void)n;
    c->days += !db_is_null(&v[0]);
    c->held = db_is_null(&v[1]) ? 0 : db_uint(&v[1]);
    return false;
}

/* The oldest day that may go; *RET_DROPPED is false when there is none. */
static enum db_result drop_day(struct cleaning *c, const char *table, int64_t keep_days,
                               bool *ret_dropped)
{
    struct db *db = c->run->db;
    uint64_t before = c->days;
    enum db_result r;

    r = db_exec(db, "CALL drop_old_day(?, ?, @day, @held)",
                (const struct db_value[]){DB_TEXT(table), DB_INT(keep_days)}, 2, NULL);
    FAULT_POINT("clean_up.day");
    if (r == DB_OK)
        r = db_query(db, "SELECT CAST(@day AS SIGNED), CAST(@held AS SIGNED)", NULL, 0, take_day,
                     c);
    FAULT_POINT("clean_up.day_read");
    *ret_dropped = c->days > before;
    return r;
}

static enum task_result drop_days(struct cleaning *c)
{
    const struct task_conf *keep = &c->run->conf->task;
    const struct {
        const char *table;
        int64_t days;
    } days[] = {
        {"job", keep->job_keep_days},
        {"rejected", keep->share_keep_days},
        {"share", keep->share_keep_days}, /* `held` is that of the last */
    };
    enum db_result r = DB_OK;
    bool dropped = true;

    for (size_t i = 0; r == DB_OK && i < sizeof(days) / sizeof(days[0]); i++, dropped = true)
        while (r == DB_OK && dropped)
            r = drop_day(c, days[i].table, days[i].days, &dropped);
    if (c->held > 0)
        log_warning("clean_up.unpaid", LOG_UINT("days", c->held),
                    LOG_STR("why", "they hold shares that no finished block has"));
    return task_db(c->run, r, "old shares, rejections and jobs");
}

/* --- rows --- */

static bool take_rows(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(uint64_t *)ctx = db_uint(&v[0]);
    return false;
}

static enum db_result delete_old(struct cleaning *c, const char *table, const char *network,
                                 int64_t keep_days)
{
    struct db *db = c->run->db;
    uint64_t rows = ROWS_AT_ONCE;
    enum db_result r = DB_OK;

    while (r == DB_OK && rows == ROWS_AT_ONCE) {
        r = db_exec(db, "CALL delete_old(?, ?, ?, ?, @rows)",
                    (const struct db_value[]){DB_TEXT(table), DB_TEXT(network), DB_INT(keep_days),
                                              DB_INT(ROWS_AT_ONCE)},
                    4, NULL);
        FAULT_POINT("clean_up.rows");
        if (r == DB_OK)
            r = db_query(db, "SELECT CAST(@rows AS UNSIGNED)", NULL, 0, take_rows, &rows);
        FAULT_POINT("clean_up.rows_read");
        c->rows += r == DB_OK ? rows : 0;
    }
    return r;
}

static enum task_result delete_rows(struct cleaning *c)
{
    const struct task_conf *keep = &c->run->conf->task;
    const struct {
        const char *table;
        int64_t days;
    } rows[] = {
        {"work", keep->share_keep_days + WORK_KEEP_DAYS},
        {"task_run", keep->stats_keep_days},
        {"lane_progress", 1},
        {"notify_answer", keep->stats_keep_days},
        {"notify_queue", keep->stats_keep_days},
        {"notify_token", keep->stats_keep_days},
    };
    enum db_result r = DB_OK;

    for (size_t i = 0; r == DB_OK && i < sizeof(rows) / sizeof(rows[0]); i++)
        r = delete_old(c, rows[i].table, "", rows[i].days);
    return task_db(c->run, r, "old rows");
}

/* Each hour once more before its minutes go. */
static enum task_result delete_minutes(struct cleaning *c)
{
    const struct backend_conf *conf = c->run->conf;
    int64_t keep = conf->task.stats_keep_days;
    int64_t first_kept = clock_real_us() / 1000000 / 3600 - keep * 24;
    enum db_result r = DB_OK;

    for (size_t i = 0; r == DB_OK && i < conf->networks.n; i++) {
        const char *network = backend_network_at(conf, i)->base.label;

        r = roll_oldest(c->run->db, network, (uint64_t)first_kept);
        if (r == DB_OK)
            r = delete_old(c, "share_stats", network, keep);
        if (r == DB_OK)
            r = delete_old(c, "rejected_stats", network, keep);
        if (r == DB_OK)
            r = delete_old(c, "rejected_worker_stats", network, keep);
    }
    return task_db(c->run, r, "statistics by the minute");
}

/* --- the archive --- */

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_old_file(int dir, const char *name, int64_t before_s)
{
    struct stat st;

    return ends_with(name, CLOSED) && name[0] != '.' &&
           fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_mtime < before_s;
}

/* Files of PATH that were closed before BEFORE_S. A folder that is not there holds none. */
static enum task_result clean_folder(struct cleaning *c, const char *path, int64_t before_s)
{
    DIR *dir = opendir(path);
    const struct dirent *file;
    enum task_result result = TASK_DONE;

    if (dir == NULL)
        return errno == ENOENT ? TASK_DONE
                               : task_fail(c->run, "archive: %s: %s", path, strerror(errno));
    while (result == TASK_DONE && (file = readdir(dir)) != NULL) {
        if (!is_old_file(dirfd(dir), file->d_name, before_s))
            continue;
        c->files++;
        if (c->run->options->dry_run)
            continue;
        if (unlinkat(dirfd(dir), file->d_name, 0) != 0 && errno != ENOENT)
            result = task_fail(c->run, "archive: %s/%s: %s", path, file->d_name, strerror(errno));
        FAULT_POINT("clean_up.file");
    }
    closedir(dir);
    return result;
}

static enum task_result clean_archive(struct cleaning *c)
{
    const struct backend_conf *conf = c->run->conf;
    int64_t before = clock_real_us() / 1000000 - conf->task.archive_keep_days * DAY_S;
    enum task_result result = TASK_DONE;

    for (size_t i = 0; result == TASK_DONE && i < conf->networks.n; i++) {
        char *path =
            mem_sprintf("%s/%s", conf->worker.archive_dir, backend_network_at(conf, i)->base.label);

        result = clean_folder(c, path, before);
        free(path);
    }
    return result;
}

static enum task_result run_clean_up(struct task_run *run)
{
    static enum task_result (*const steps[])(struct cleaning *) = {clean_archive, delete_minutes,
                                                                   delete_rows, drop_days};
    struct cleaning c = {.run = run};
    enum task_result worst = TASK_DONE;

    if (run->options->dry_run) {
        worst = clean_archive(&c);
        task_say(run, "%" PRIu64 " files of the archive would go, and what is old in the database",
                 c.files);
        return worst;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum task_result result = steps[i](&c); /* one that fails keeps none from its turn */

        worst = result > worst ? result : worst;
    }
    if (worst == TASK_DONE)
        task_say(run,
                 "%" PRIu64 " days of shares, rejections and jobs, %" PRIu64 " rows, %" PRIu64
                 " files are gone; %" PRIu64 " days wait to be paid",
                 c.days, c.rows, c.files, c.held);
    return worst;
}

const struct task clean_up_task = {
    .name = "clean-up",
    .text = "drop old shares, work, statistics and archived solutions",
    .flags = TASK_OF_ALL,
    .run = run_clean_up,
};
