#include "backend/task/lock.h"

#include "common/base/fault.h"

#include <stdio.h>
#include <unistd.h>

struct task_lock {
    struct db *db;
    const char *task, *network;
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
    lock->r = db_query(db,
                       "SELECT holder FROM task_lock WHERE task = ? AND network = ? "
                       "FOR UPDATE NOWAIT",
                       (const struct db_value[]){DB_TEXT(lock->task), DB_TEXT(lock->network)}, 2,
                       note_found, lock);
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
    const struct db_value row[] = {DB_TEXT(lock->task), DB_TEXT(lock->network), DB_TEXT(holder)};
    return FAULT_CALL(
        "lock.row_made",
        db_exec(lock->db, "INSERT IGNORE INTO task_lock (task, network, holder) VALUES (?, ?, ?)",
                row, 3, NULL),
        DB_UNCERTAIN, DB_UNAVAILABLE);
}

enum task_lock_result task_lock_run(struct db *db, const char *task, const char *network,
                                    void (*body)(struct task_lock *lock, void *ctx), void *ctx,
                                    char *err, size_t err_size)
{
    struct task_lock lock = {.db = db, .task = task, .network = network, .body = body, .ctx = ctx};
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

/* A connection made anew would not be inside the transaction, so the call fails rather than
 * connect (db_transact). */
bool task_lock_holds(struct task_lock *lock)
{
    bool holds = db_query(lock->db, "SELECT 1", NULL, 0, note_found, lock) == DB_OK;

    FAULT_POINT("lock.checked");
    return holds;
}
