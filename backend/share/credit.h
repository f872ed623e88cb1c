/*
 * What the archive keeps beside an accepted solution: when it counts as received, and the work that
 * it was credited to. With it a restored database that is older than the work can take the solution
 * again (penstockctl archived-works, replay).
 *
 * It is one more member at the end of the archived message, which its reader ignores:
 *
 *   "credit":{"received_us":N, "work":UUID, "created_us":N, "target":HEX, "miner":UUID,
 *             "address":TEXT, "worker":TEXT, "job":UUID, "extranonce":HEX}
 *
 * The last two only of work that was handed out from a job. Such a job is in the archive too, as a
 * line of its own in front of its first share in each file: its text (common/work/job.h).
 */
#ifndef PENSTOCK_BACKEND_SHARE_CREDIT_H
#define PENSTOCK_BACKEND_SHARE_CREDIT_H

#include "backend/share/share.h"

#define CREDIT_MAX 4096 /* bytes of the member, and its comma in front */

/* The member of S with a comma in front, malloc'd. "credit":null when nothing is known of its work,
 * so that a member of this name in the message itself is never mistaken for ours. */
char *credit_build(const struct share *s);

struct credit {
    int64_t received_us; /* 0: not known */
    struct uuid work_id, miner_id;
    int64_t created_us;
    struct u256 target;
    char address[WORK_ADDRESS_MAX + 1];
    char worker[WORK_WORKER_MAX + 1];
    bool of_job;
    struct uuid job_id;
    uint8_t extranonce[JOB_MAX_EXTRANONCE];
    size_t extranonce_len;
};

/* Of an archived line. False when it has none, or no sound one. */
bool credit_read(const char *line, size_t len, struct credit *ret);

#endif
