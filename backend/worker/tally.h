/* What a lane did since its last summary line. */
#ifndef PENSTOCK_BACKEND_WORKER_TALLY_H
#define PENSTOCK_BACKEND_WORKER_TALLY_H

#include <stdint.h>

struct tally {
    uint64_t batches, accepted, rejected, redelivered, dead;
    int64_t slowest_ms;
    int64_t logged_ms; /* monotonic time of the last line */
};

/* One info line at most once a second, when there is something to say. */
void tally_log(struct tally *t, const char *network, const char *queue, uint64_t parked);

#endif
