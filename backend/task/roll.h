/* Sums by the hour, for roll-stats and for clean-up. */
#ifndef PENSTOCK_BACKEND_TASK_ROLL_H
#define PENSTOCK_BACKEND_TASK_ROLL_H

#include "common/db/db.h"

#include <stdint.h>

/* The sums of HOUR (hours since the epoch) and all later ones that there are minutes of, from
 * these. May be repeated. */
enum db_result roll_from(struct db *db, const char *network, uint64_t hour);

/* Those of the hours before HOUR whose minutes are still there. A sum never shrinks: some of an
 * hour's minutes may be gone already. */
enum db_result roll_oldest(struct db *db, const char *network, uint64_t hour);

/* The network as a whole in HOUR, from the sums of its workers. */
enum db_result roll_network(struct db *db, const char *network, uint64_t hour);

#endif
