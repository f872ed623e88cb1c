/*
 * One run of a task per network at a time, on all machines together: a row of task_lock, held by an
 * open transaction on a connection of its own. Likewise one maker of jobs per network: a row of
 * job_leader, which is held for as long as the program runs; in a table of its own, so that nobody
 * who looks at all rows of the other waits for it. When the process, its machine or the connection
 * dies, the server rolls back and the lock is free; there is nothing to clean up.
 */
#ifndef PENSTOCK_BACKEND_TASK_LOCK_H
#define PENSTOCK_BACKEND_TASK_LOCK_H

#include "common/db/db.h"

#include <stdbool.h>

struct task_lock;

enum task_lock_result {
    TASK_LOCK_HELD,  /* it was held while the body ran */
    TASK_LOCK_TAKEN, /* another run holds it: the body did not run */
    TASK_LOCK_ERROR, /* the database did not answer: the body did not run */
};

/* Runs BODY with the lock of TASK and NETWORK held on connection DB, on which nothing else may be
 * done meanwhile. In ERR, what TASK_LOCK_ERROR was. */
enum task_lock_result task_lock_run(struct db *db, const char *task, const char *network,
                                    void (*body)(struct task_lock *lock, void *ctx), void *ctx,
                                    char *err, size_t err_size);

enum task_lock_result leader_lock_run(struct db *db, const char *network,
                                      void (*body)(struct task_lock *lock, void *ctx), void *ctx,
                                      char *err, size_t err_size);

/* Whether the server still holds it for us; asks the server. */
bool task_lock_holds(struct task_lock *lock);

#endif
