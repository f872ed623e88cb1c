/* penstock-publisher's metrics for Prometheus. */
#ifndef PENSTOCK_FRONTEND_PUBLISH_WATCHED_H
#define PENSTOCK_FRONTEND_PUBLISH_WATCHED_H

#include "common/base/buf.h"
#include "common/base/histogram.h"
#include "common/broker/broker.h"

#include <stdbool.h>

#define BROKER_RESULTS (BROKER_FORBIDDEN + 1)

/* What a publisher did since it began: written by its thread, read by any. */
struct publisher_signs {
    _Atomic uint64_t clients;   /* now: programs that are connected to it */
    _Atomic uint64_t under_way; /* now: messages that the broker has not answered */
    _Atomic bool connected;     /* now: to the broker */
    _Atomic uint64_t answered[BROKER_RESULTS];
    struct value_histogram confirm_us; /* from a message's arrival to the broker's confirm */
};

/* A listener_fn (common/metrics/listener.h); SIGNS is a struct publisher_signs. */
bool watched_write(void *signs, struct buf *out);

#endif
