/* How a network's jobs are doing, by what those who make them (backend/job) wrote in the database.
 */
#ifndef PENSTOCK_BACKEND_CTL_JOBS_SEEN_H
#define PENSTOCK_BACKEND_CTL_JOBS_SEEN_H

#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOBS_PROBLEM_SIZE (160 * 4 + 1) /* job_health.problem has 160 characters */
#define JOBS_TROUBLE_SIZE (JOBS_PROBLEM_SIZE + 64)
/* Who makes jobs says so every few seconds; after this long, as for /isalive, nobody does. */
#define JOBS_SILENT_S 60

struct jobs_seen {
    bool told; /* somebody has ever said how they are; then: */
    char problem[JOBS_PROBLEM_SIZE];
    int64_t told_age_s;
    bool made; /* there is a job; then, of the newest: */
    uint64_t height;
    int64_t made_age_s;
};

/* Ages are by the database's clock. RET is cleared first. */
enum db_result jobs_seen_read(struct db *db, const char *network, struct jobs_seen *ret);

/* Why there are no new jobs, for people, without the network's name. False, and
 * OUT is as it was, when all is well, and for a network that nobody has ever made jobs of. */
bool jobs_seen_trouble(const struct jobs_seen *s, char *out, size_t size);

#endif
