/* Jobs in the database, where frontends read the newest and workers find the one of a share. */
#ifndef PENSTOCK_BACKEND_JOB_STORE_H
#define PENSTOCK_BACKEND_JOB_STORE_H

#include "backend/job/make.h"
#include "common/db/db.h"

/* One row; the same job again does nothing. Anything but DB_OK: it may not be published. */
enum db_result job_store(struct db *db, const struct job *job, const struct job_body *body);

/* The newest one of NETWORK, if there is any that can be read. */
enum db_result job_newest(struct db *db, const char *network, bool *ret_found, struct job *ret);

/* Tells those who watch: PROBLEM is why there are no new jobs, or "". */
enum db_result job_tell_health(struct db *db, const char *network, const char *problem);

#endif
