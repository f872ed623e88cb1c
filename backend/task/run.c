/* What tasks share. */
#include "backend/task/lock.h"
#include "backend/task/task.h"
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static void keep(struct task_run *run, const char *format, va_list args)
{
    vsnprintf(run->detail, sizeof(run->detail), format, args);
}

void task_say(struct task_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    keep(run, format, args);
    va_end(args);
    if (!run->options->json) {
        printf("%s%s%s: %s%s\n", run->task->name, *run->network != '\0' ? " " : "", run->network,
               run->options->dry_run ? "(dry run) " : "", run->detail);
        fflush(stdout);
    }
}

static void log_end(const struct task_run *run, enum log_level level, const char *event)
{
    LOG_AT(level, event, LOG_STR("task", run->task->name), LOG_STR("network", run->network),
           LOG_STR("why", run->detail));
}

enum task_result task_wait(struct task_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    keep(run, format, args);
    va_end(args);
    log_end(run, LOG_LEVEL_WARNING, "task.waits");
    return TASK_WAITING;
}

enum task_result task_fail(struct task_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    keep(run, format, args);
    va_end(args);
    log_end(run, LOG_LEVEL_ERROR, "task.failed");
    return TASK_FAILED;
}

enum task_result task_db(struct task_run *run, enum db_result r, const char *what)
{
    switch (r) {
    case DB_OK:
        return TASK_DONE;
    case DB_CONFLICT:
    case DB_UNAVAILABLE:
    case DB_UNCERTAIN:
        return task_wait(run, "database: %s: %s: %s", what, db_result_name(r), db_error(run->db));
    case DB_DUPLICATE:
    case DB_REFUSED:
        break;
    }
    return task_fail(run, "database: %s: %s: %s", what, db_result_name(r), db_error(run->db));
}

enum task_result task_chain(struct task_run *run, enum chain_result r)
{
    return r == CHAIN_OK ? TASK_DONE : task_wait(run, "%s", chain_error(run->chain));
}

bool task_holds_lock(struct task_run *run)
{
    if (run->lock == NULL || task_lock_holds(run->lock))
        return true;
    task_wait(run, "the lock was lost with its connection");
    return false;
}

int task_status(enum task_result r)
{
    static const int status[] = {
        [TASK_DONE] = EX_OK, [TASK_WAITING] = EX_TEMPFAIL, [TASK_FAILED] = EXIT_FAILURE};

    return status[r];
}
