/* A job that work is made from, and what beside it templates need; shared by those who get it. */
#ifndef PENSTOCK_FRONTEND_LIVE_TIP_H
#define PENSTOCK_FRONTEND_LIVE_TIP_H

#include "common/db/db.h"
#include "common/work/job.h"
#include "frontend/getwork/say.h"

struct tip {
    struct job job;
    char longpollid[SAY_LONGPOLLID_SIZE];
    int64_t came_us; /* clock_mono_us() when it was heard of */
    struct tip_body *body;
    unsigned refs; /* of the loop's thread only */
};

/* With one reference. */
struct tip *tip_new(const struct job *job);
struct tip *tip_ref(struct tip *t);
void tip_unref(struct tip **t);

/* Transactions and their ids, from the view intake_job_body at the first call; from any thread, of
 * which one reads and others wait. DB_REFUSED: the view has none. *RET is good as long as T. */
enum db_result tip_body(struct tip *t, struct db *db, struct say_body *ret);

#endif
