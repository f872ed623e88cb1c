/* What a lane did since it began: written by its thread, read by any (backend/metrics). */
#ifndef PENSTOCK_BACKEND_WORKER_SIGNS_H
#define PENSTOCK_BACKEND_WORKER_SIGNS_H

#include "backend/share/share.h"
#include "common/base/histogram.h"

struct signs {
    _Atomic uint64_t accepted, redelivered, dead;
    _Atomic uint64_t rejected[REASONS]; /* by enum reason */
    _Atomic uint64_t parked;            /* now */
    _Atomic bool held;                  /* now: it waits for a server or wallet */
    struct value_histogram batch_size, batch_us;
};

#endif
