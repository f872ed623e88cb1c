#include "frontend/getwork/handout.h"

#include <assert.h>
#include <stdlib.h>

#define ROOT_OFFSET 36 /* in a header */

void handout_make(const struct job *job, const struct u256 *target, int64_t now_us,
                  struct handout *ret)
{
    int64_t gone_s = (now_us - job->made_us) / 1000000;

    assert(job->extranonce_size <= sizeof ret->extranonce);
    arc4random_buf(ret->extranonce, job->extranonce_size);
    /* A clock that runs behind the wallet's must not take the job's time back. */
    ret->time = job->time + (uint32_t)(gone_s > 0 && gone_s < 86400 ? gone_s : 0);
    ret->target = *target;
    job_header(job, ret->extranonce, ret->time, 0, ret->header);
    job_work_id(ret->header + ROOT_OFFSET, &ret->work_id);
}
