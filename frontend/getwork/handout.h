/* A piece of search handed out: a job with an extranonce that nobody else has. */
#ifndef PENSTOCK_FRONTEND_GETWORK_HANDOUT_H
#define PENSTOCK_FRONTEND_GETWORK_HANDOUT_H

#include "common/work/job.h"

struct handout {
    uint8_t extranonce[JOB_MAX_EXTRANONCE]; /* as many bytes as the job says */
    uint8_t header[HEADER_SIZE];            /* nonce 0 */
    uint32_t time;                          /* the header's */
    struct uuid work_id;                    /* job_work_id() of its root: `work`.id */
    struct u256 target;                     /* of a share */
};

/* Chooses the extranonce from the kernel's random source, all of it: with the job's 8 bytes or more
 * no two are ever the same. NOW_US is real time, by which the job's time is brought forward. */
void handout_make(const struct job *job, const struct u256 *target, int64_t now_us,
                  struct handout *ret);

#endif
