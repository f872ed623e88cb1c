/* The history of runs, table task_run: for people and for monitoring; nothing depends on it. */
#ifndef PENSTOCK_BACKEND_TASK_HISTORY_H
#define PENSTOCK_BACKEND_TASK_HISTORY_H

#include "backend/task/task.h"

/* *RET_ID is the row of the run that begins. */
enum db_result history_begin(struct db *db, const char *task, const char *network,
                             uint64_t *ret_id);
enum db_result history_end(struct db *db, uint64_t id, enum task_result r, const char *detail);

/* In OUT (at least 80 bytes), which run holds the lock as far as is known: "on HOST since TIME". */
void history_holder(struct db *db, const char *task, const char *network, char *out, size_t size);

#endif
