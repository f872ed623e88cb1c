/*
 * penstock-task: the tasks that cron runs. One file per task, which fills in a struct task that the
 * table in main.c lists.
 *
 * A run of a task on a network holds a lock in the database (lock.h), so that there is one at a
 * time on all machines together. The lock only saves work and confusion: no task may rely on it.
 * Its unique keys, and the WHERE status = … of every change, make two runs at once harmless; and
 * whatever the instruction at which a run is killed, the next one goes on from what is stored.
 */
#ifndef PENSTOCK_BACKEND_TASK_TASK_H
#define PENSTOCK_BACKEND_TASK_TASK_H

#include "backend/chain/chain.h"
#include "backend/conf/settings.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stdint.h>

enum task_result {
    TASK_DONE,    /* as far as there was something to do */
    TASK_WAITING, /* a wallet or server is away: nothing is lost, the next run goes on */
    TASK_FAILED,  /* somebody must look at it */
};

/* What the command line says. */
struct task_options {
    bool dry_run; /* change nothing, anywhere: say what would be done */
    bool debug;
    bool json;           /* print the result as JSON, for a task with TASK_TAKES_JSON */
    bool mark_processed; /* TASK_TAKES_MARK_PROCESSED */
    int64_t max_height;  /* TASK_TAKES_MAX_HEIGHT; -1: not given */
};

struct task_lock;

struct task_run {
    const struct task *task;
    const struct task_options *options;
    const struct backend_conf *conf;
    const struct backend_network *net; /* NULL: the task is not of one network */
    const char *network;               /* its name, "" when there is none */
    struct db *db;                     /* where the work is done */
    struct chain *chain;               /* NULL unless the task has TASK_NEEDS_CHAIN */
    struct task_lock *lock;            /* NULL in a dry run */
    char detail[256];                  /* the last that was said, for task_run */
};

enum task_flags {
    TASK_OF_ALL = 1,      /* runs once, not per network */
    TASK_NEEDS_CHAIN = 2, /* task_run.chain is opened (not refreshed) */
    TASK_TAKES_JSON = 4,  /* options that it knows beside the common ones */
    TASK_TAKES_MARK_PROCESSED = 8,
    TASK_TAKES_MAX_HEIGHT = 16,
};

struct task {
    const char *name;
    const char *text; /* what it does, in one sentence */
    unsigned flags;
    enum task_result (*run)(struct task_run *run);
};

extern const struct task assign_shares_task, audit_task, clean_up_task, find_blocks_task,
    find_payouts_task, notify_task, pay_task, rate_miners_task, roll_stats_task, share_out_task;

/* --- for tasks (run.c) --- */

/* One line for people: on stdout, and the last one in task_run.detail. */
void task_say(struct task_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Say why, as a warning or an error of the log; the result is TASK_WAITING or TASK_FAILED. */
enum task_result task_wait(struct task_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum task_result task_fail(struct task_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the result of a database call means for the run. WHAT says what was tried. DB_OK: TASK_DONE,
 * and nothing is said. A conflict or a server away: TASK_WAITING; so is DB_UNCERTAIN, as the next
 * run finds out whether it was done. */
enum task_result task_db(struct task_run *run, enum db_result r, const char *what);

/* For CHAIN_HOLD: TASK_WAITING with chain_error(). */
enum task_result task_chain(struct task_run *run, enum chain_result r);

/* Before each step that moves money, or that a second run at the same time would waste: is the
 * connection that took the lock still the one that holds it? Always true in a dry run. When false
 * the run must end; it has said so. */
bool task_holds_lock(struct task_run *run);

/* The exit status that stands for R: EX_OK, EX_TEMPFAIL or 1. */
int task_status(enum task_result r);

#endif
