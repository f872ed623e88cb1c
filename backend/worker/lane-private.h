/* What lane.c and batch.c share. */
#ifndef PENSTOCK_BACKEND_WORKER_LANE_PRIVATE_H
#define PENSTOCK_BACKEND_WORKER_LANE_PRIVATE_H

#include "backend/chain/chain.h"
#include "backend/share/jobs.h"
#include "backend/share/received.h"
#include "backend/worker/archive.h"
#include "backend/worker/item.h"
#include "backend/worker/lane.h"
#include "backend/worker/progress.h"
#include "backend/worker/tally.h"
#include "common/base/backoff.h"
#include "common/broker/broker.h"
#include "common/db/db.h"

#include <pthread.h>
#include <stdatomic.h>

struct lane {
    const struct backend_conf *conf;
    const struct backend_network *net;
    enum network_queue kind;
    char queue[SOLUTION_ROUTE_SIZE];
    unsigned prefetch;
    struct broker *broker;
    struct db *db;
    struct chain *chain;
    struct archive *archive;
    struct origins *origins;
    struct jobs *jobs;

    struct item **parked; /* room for PREFETCH: the broker never has more out */
    size_t parked_n;
    struct broker_delivery *alone; /* received, to be judged by itself */

    struct backoff backoff;
    int64_t held_since_ms; /* 0: not held */
    int64_t held_logged_ms;
    int64_t refreshed_ms;
    struct tally tally; /* since its last line in the log */
    struct signs signs;
    struct progress progress;

    pthread_t thread;
    atomic_bool stop;
    _Atomic int64_t alive_ms;
};

/* Something that is not the miners' fault keeps the lane from going on: waits a while, with the
 * broker's heartbeats kept up. False when it is to stop. */
bool lane_hold(struct lane *l, const char *why);
/* It goes on. */
void lane_resume(struct lane *l);

/* Bytes of all parked messages of this process, decoded blocks included. */
#define PARKED_BYTES_MAX (12 << 20)
int64_t lane_parked_bytes(void);
/* Keeps ITEM for later. */
void lane_park(struct lane *l, struct item *item);
/* Moves all that are parked to RET, which has room for them; returns how many. */
size_t lane_unpark(struct lane *l, struct item **ret);

/* Settles ITEMS, which it takes over: everything is acknowledged or parked afterwards. False when
 * it was told to stop while it was held; then nothing is acknowledged, and all comes again. */
bool batch_run(struct lane *l, struct item **items, size_t n);

#endif
