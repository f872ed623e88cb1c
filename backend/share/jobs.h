/*
 * The jobs that shares were found in: what judging needs of them, from the table `job`, and their
 * blocks. A job never changes, so the ones in use are kept, a bounded number of them.
 */
#ifndef PENSTOCK_BACKEND_SHARE_JOBS_H
#define PENSTOCK_BACKEND_SHARE_JOBS_H

#include "backend/share/share.h"
#include "common/db/db.h"

#define JOBS_KEPT 64

struct jobs;
struct jobs *jobs_new(void);
void jobs_free(struct jobs **j);

/* Of those of SHARES that are of jobs, and whose work is looked up and not refused or credited yet:
 * fills in their job. Anything but DB_OK leaves some without; run it again. */
enum db_result jobs_look_up(struct jobs *j, struct db *db, const char *network,
                            struct share **shares, size_t n);

/* Puts the block together that S, whose job is looked up, makes (share_take_block()). Without one
 * afterwards (block_result is not PARSE_OK): the header is not the job's, or the job's transactions
 * are not kept. */
enum db_result jobs_block(struct db *db, const char *network, struct share *s);

/* For the archive, which has the text of each job once in each of its files; NUMBER is the file's.
 *
 * *RET is the text of the job of S, malloc'd, to be archived now; NULL when it was given for this
 * file before, or is not kept any more. */
enum db_result jobs_text(struct jobs *j, struct db *db, const char *network, const struct share *s,
                         uint64_t number, char **ret);
/* What was given may not be in the archive: give it again. */
void jobs_forget_archived(struct jobs *j);

#endif
