/* The newest job of each network, as this process knows it. */
#ifndef PENSTOCK_FRONTEND_GETWORK_NEWEST_H
#define PENSTOCK_FRONTEND_GETWORK_NEWEST_H

#include "common/db/db.h"
#include "common/work/job.h"

struct newest;

struct newest *newest_new(size_t networks);
void newest_free(struct newest **n);

/* What was last read for network number I; NULL: none yet. Valid until the next newest_read(). */
const struct job *newest_known(const struct newest *n, size_t i);

/* Asks the database (view intake_job: jobs of the last hour). After DB_OK *RET is the newest job,
 * or NULL when there is none that could be read. The text of a job that is known is not sent again.
 */
enum db_result newest_read(struct newest *n, size_t i, struct db *db, const char *network,
                           const struct job **ret);

#endif
