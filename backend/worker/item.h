/* One message that the worker holds: its delivery, what it says, and the share under judgement. */
#ifndef PENSTOCK_BACKEND_WORKER_ITEM_H
#define PENSTOCK_BACKEND_WORKER_ITEM_H

#include "backend/share/intake.h"
#include "backend/share/share.h"
#include "common/broker/broker.h"

struct item {
    struct broker_delivery *delivery;
    struct intake in;
    struct share share;
    struct item *twin_of;  /* another delivery of the same message is judged in its place */
    bool counted;          /* in the lane's tally */
    int64_t park_until_ms; /* monotonic; 0: was not parked yet */
};

/* Takes over D. NULL, with a static text in *RET_WRONG and D still the caller's, when it is no
 * solution for NETWORK or, with OF_JOBS, no share of a job: a poison message. */
struct item *item_new(struct broker_delivery *d, const char *network, bool of_jobs,
                      const char **ret_wrong);
void item_free(struct item **item);

/* Sets twin_of where several of ITEMS are deliveries of one message: all of them are judged as the
 * first, which takes over the latest delivery. */
void items_find_twins(struct item **items, size_t n);

#endif
