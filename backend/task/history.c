#include "backend/task/history.h"

#include "common/base/fault.h"

#include <stdio.h>
#include <unistd.h>

static bool take_id(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(uint64_t *)ctx = db_uint(&v[0]);
    return false;
}

enum db_result history_begin(struct db *db, const char *task, const char *network, uint64_t *ret_id)
{
    char host[65] = "";
    enum db_result r;

    gethostname(host, sizeof(host) - 1);
    r = db_exec(db, "INSERT INTO task_run (task, network, host) VALUES (?, ?, ?)",
                (const struct db_value[]){DB_TEXT(task), DB_TEXT(network), DB_TEXT(host)}, 3, NULL);
    FAULT_POINT("history.begun");
    if (r == DB_OK)
        r = db_query(db, "SELECT LAST_INSERT_ID()", NULL, 0, take_id, ret_id);
    FAULT_POINT("history.id_read");
    return r;
}

enum db_result history_end(struct db *db, uint64_t id, enum task_result r, const char *detail)
{
    static const char *const outcome[] = {
        [TASK_DONE] = "done", [TASK_WAITING] = "waiting", [TASK_FAILED] = "failed"};
    enum db_result end;

    end = db_exec(db,
                  "UPDATE task_run SET ended_at = UTC_TIMESTAMP(6), outcome = ?, "
                  "detail = LEFT(?, 255) WHERE id = ?",
                  (const struct db_value[]){DB_TEXT(outcome[r]), DB_TEXT(detail), DB_UINT(id)}, 3,
                  NULL);
    FAULT_POINT("history.ended");
    return end;
}

struct holder_text {
    char *out;
    size_t size;
};

static bool take_holder(void *ctx, const struct db_value *v, size_t n)
{
    struct holder_text *t = ctx;

    (void)n;
    snprintf(t->out, t->size, "on %s since %.19s UTC", db_text(&v[0]), db_text(&v[1]));
    return false;
}

void history_holder(struct db *db, const char *task, const char *network, char *out, size_t size)
{
    struct holder_text t = {out, size};

    snprintf(out, size, "elsewhere");
    db_query(db,
             "SELECT host, started_at FROM task_run WHERE task = ? AND network = ? "
             "AND outcome = 'running' ORDER BY id DESC LIMIT 1",
             (const struct db_value[]){DB_TEXT(task), DB_TEXT(network)}, 2, take_holder, &t);
    FAULT_POINT("history.holder_read");
}
