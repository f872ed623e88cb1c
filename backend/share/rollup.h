/* Sums of a batch for share_stats, rejected_worker_stats and rejected_stats. */
#ifndef PENSTOCK_BACKEND_SHARE_ROLLUP_H
#define PENSTOCK_BACKEND_SHARE_ROLLUP_H

#include "backend/share/share.h"
#include "common/db/db.h"

/* Adds the accepted and rejected ones of SHARES to the roll-ups, inside the caller's transaction.
 * Rows are touched in the order of their keys, so that two workers do not deadlock over them. */
enum db_result rollup_add(struct db *db, const char *network, struct share **shares, size_t n);

struct rollup_row {
    uint64_t worker_id;
    uint32_t minute;
    uint64_t shares, rejected;
    uint64_t difficulty, hash_rate; /* stop at UINT64_MAX */
};

/* Merges SHARES into rows sorted by worker and minute; ROWS has room for N. Public for its test. */
size_t rollup_rows(struct share **shares, size_t n, struct rollup_row *rows);

struct rollup_reason {
    uint32_t hour;
    uint64_t worker_id;
    const char *reason;
    uint64_t rejected;
};

/* Merges the rejected ones whose work is known into rows sorted by hour, worker and reason; ROWS
 * has room for N. Public for its test. */
size_t rollup_reasons(struct share **shares, size_t n, struct rollup_reason *rows);

#endif
