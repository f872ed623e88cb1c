/*
 * A place where the database is asked: one connection, used in libuv's pool threads by one batch of
 * callers at a time. Everything else is the loop thread's.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_DESK_H
#define PENSTOCK_FRONTEND_LIVE_DESK_H

#include "frontend/live/caller.h"

#include <uv.h>

struct desk;

struct desk_ops {
    /* In a pool thread: deals with all of BATCH, each of which has its fate afterwards. */
    void (*work)(void *ctx, struct db *db, struct callers *batch);
    /* In the loop's thread: the batch is the caller's again. STRANGE: WORK went over another
     * connection than the batch before. */
    void (*done)(void *ctx, struct desk *d, struct callers *batch, bool strange);
    /* How much of the queue may be one batch; 0: nothing now, desk_kick() will tell when. */
    size_t (*room)(void *ctx, const struct caller *first);
};

/* Connects with its first batch. NULL, with a reason in ERR. */
struct desk *desk_open(uv_loop_t *loop, const struct db_conf *conf, const struct desk_ops *ops,
                       void *ctx, char *err, size_t err_size);
/* Connects already now, so that the first batch does not wait for that. */
void desk_warm(struct desk *d);
/* Into its queue; desk_kick() is to follow. */
void desk_add(struct desk *d, struct caller *c);
/* Begins the next batch if it can: after desk_add(), and when there is room again. */
void desk_kick(struct desk *d);
size_t desk_queued(const struct desk *d); /* with those of the batch that is being worked on */
/* Must be idle, with the loop at its end. */
void desk_close(struct desk **d);

#endif
