/* Sums by the hour and by miner, for roll-stats and for clean-up. */
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

/* The sums by miner of HOUR and all later ones, from those of its workers. */
enum db_result roll_miners(struct db *db, const char *network, uint64_t hour);

#define ROLL_DAY_HOURS   24 /* before the current one */
#define ROLL_NOW_MINUTES 10 /* whole ones, over which a rate is taken */

/* The last day of each worker, by itself and by reason of rejection; NOW_S in seconds since the
 * epoch. */
enum db_result roll_days(struct db *db, const char *network, uint64_t now_s);

#endif
