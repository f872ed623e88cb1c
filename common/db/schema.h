/* Which schemas this program can run on. Migrations come first, then the tiers one after the other:
 * a program runs on a newer schema as long as the migrations since its own level admit it. */
#ifndef PENSTOCK_COMMON_DB_SCHEMA_H
#define PENSTOCK_COMMON_DB_SCHEMA_H

#include "common/db/db.h"

/* The last migration that this program was built for, and needs. */
#define SCHEMA_LEVEL 10

/* On DB_OK *RET_FITS says whether this program may run; if not, ERR says what to upgrade. Otherwise
 * the database could not be asked, and ERR has its reason. */
enum db_result schema_check(struct db *db, bool *ret_fits, char *err, size_t err_size);

/* The rule by itself: true when a program of LEVEL may run on a schema of VERSION whose
 * migrations admit programs from level ADMITS on; else ERR says what to upgrade. */
bool schema_fits(uint64_t level, uint64_t version, uint64_t admits, char *err, size_t err_size);

#endif
