/*
 * How far a lane has got, for assign-shares (table lane_progress): every solution that was received
 * before `settled_until` and came by this lane is in the database. Told about once a second as long
 * as the lane lives, also while it is idle or held.
 *
 * A queue keeps its order, so a batch that is settled vouches for all that was received before its
 * oldest share; that frontends' stamps may be out of order by seconds is assign-shares' business.
 * When nothing comes, only the broker can tell that nothing waits either.
 */
#ifndef PENSTOCK_BACKEND_WORKER_PROGRESS_H
#define PENSTOCK_BACKEND_WORKER_PROGRESS_H

#include "common/base/uuid.h"
#include "common/broker/broker.h"
#include "common/db/db.h"

struct progress {
    char lane[UUID_TEXT_LEN + 1]; /* a fresh id: a lane that starts again knows nothing yet */
    int64_t settled_us;           /* 0: not known */
    int64_t told_ms, asked_ms;    /* monotonic */
    bool idle;                    /* the broker said so, and nothing came since */
};

void progress_init(struct progress *p);

/* A batch was settled; the oldest of its shares that were credited or are parked was received at
 * OLDEST_US. INT64_MAX (there was none) changes nothing: nobody vouches for a refused solution's
 * time. */
void progress_settled(struct progress *p, int64_t oldest_us);

/* Nothing came for a while, and the lane holds nothing: asks the broker, at most once a second,
 * whether QUEUE is empty. If so everything received until then is settled. */
void progress_idle(struct progress *p, struct broker *broker, const char *queue);

/* Something came. */
void progress_busy(struct progress *p);

/* The lane ends. When it was idle, nobody need wait until its silence shows that it is dead. When
 * it was not, they must: what it held goes back to the queue, behind what others hold already. */
void progress_end(struct progress *p, struct db *db, const char *network);

/* Writes the row, at most once a second. A database that is away is asked again a second later. */
void progress_tell(struct progress *p, struct db *db, const char *network);

#endif
