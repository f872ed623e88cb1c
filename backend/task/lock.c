#include "backend/task/lock.h"

#include "common/base/fault.h"

#include <stdio.h>
#include <unistd.h>

/* Of a table of locks. The parameters of both are those of KEY, and of MAKE in addition who holds.
 */
struct lock_sql {
    const char *take, *make;
    size_t key; /* columns */
};

static const struct lock_sql of_tasks = {
    "SELECT holder FROM task_lock WHERE network = ? AND task = ? FOR UPDATE NOWAIT",
    "INSERT IGNORE INTO task_lock (network, task, holder) VALUES (?, ?, ?)", 2};
static const struct lock_sql of_leaders = {
    "SELECT holder FROM job_leader WHERE network = ? FOR UPDATE NOWAIT",
    "INSERT IGNORE INTO job_leader (network, holder) VALUES (?, ?)", 1};

struct task_lock {
    struct db *db;
    const struct lock_sql *sql;
    const char *network, *task; /* the key */
    void (*body)(struct task_lock *lock, void *ctx);
    void *ctx;
    enum db_result r;
    bool found, taken, ran;
};

static bool note_found(void *ctx, const struct db_value *v, size_t n)
{
    (void)v;
    (void)n;
    ((struct task_lock *)ctx)->found = true;
    return false;
}

/* The body of the transaction. It is rolled back whatever happened: it holds a lock, and changes
 * nothing. So every way out is DB_REFUSED, which is also never tried again. */
static enum db_result hold(struct db *db, void *ctx)
{
    struct task_lock *lock = ctx;

    lock->found = false;
    lock->r = db_query(db, lock->sql->take,
                       (const struct db_value[]){DB_TEXT(lock->network), DB_TEXT(lock->task)},
                       lock->sql->key, note_found, lock);
    FAULT_POINT("lock.taken");
    lock->taken = lock->r == DB_CONFLICT;
    if (lock->r == DB_OK && lock->found) {
        lock->ran = true;
        lock->body(lock, lock->ctx);
    }
    return DB_REFUSED;
}

/* The row stays for ever: only the first run of all finds none. */
static enum db_result make_row(const struct task_lock *lock)
{
    char holder[128] = "";

    gethostname(holder, sizeof(holder) - 1);
    struct db_value row[] = {DB_TEXT(lock->network), DB_TEXT(lock->task), DB_TEXT(holder)};
    row[lock->sql->key] = DB_TEXT(holder);
    return FAULT_CALL("lock.row_made",
                      db_exec(lock->db, lock->sql->make, row, lock->sql->key + 1, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

static enum task_lock_result run_locked(struct task_lock lock, char *err, size_t err_size)
{
    struct db *db = lock.db;
    enum db_result r = db_transact(db, hold, &lock);

    FAULT_POINT("lock.released");
    if (!lock.ran && lock.r == DB_OK && r == DB_REFUSED) { /* there is no such row yet */
        lock.r = make_row(&lock);
        if (lock.r == DB_OK)
            r = db_transact(db, hold, &lock);
        FAULT_POINT("lock.first_released");
    }
    if (lock.ran)
        return TASK_LOCK_HELD;
    if (lock.taken)
        return TASK_LOCK_TAKEN;
    snprintf(err, err_size, "%s: %s", db_result_name(lock.r != DB_OK ? lock.r : r), db_error(db));
    return TASK_LOCK_ERROR;
}

enum task_lock_result task_lock_run(struct db *db, const char *task, const char *network,
                                    void (*body)(struct task_lock *lock, void *ctx), void *ctx,
                                    char *err, size_t err_size)
{
    return run_locked(
        (struct task_lock){
            .db = db, .sql = &of_tasks, .task = task, .network = network, .body = body, .ctx = ctx},
        err, err_size);
}

enum task_lock_result leader_lock_run(struct db *db, const char *network,
                                      void (*body)(struct task_lock *lock, void *ctx), void *ctx,
                                      char *err, size_t err_size)
{
    return run_locked(
        (struct task_lock){
            .db = db, .sql = &of_leaders, .task = "", .network = network, .body = body, .ctx = ctx},
        err, err_size);
}

/* A connection made anew would not be inside the transaction, so the call fails rather than
 * connect (db_transact). */
bool task_lock_holds(struct task_lock *lock)
{
    bool holds = db_query(lock->db, "SELECT 1", NULL, 0, note_found, lock) == DB_OK;

    FAULT_POINT("lock.checked");
    return holds;
}
