/* What a producer did since it began: written by its thread, read by any (watched.h). */
#ifndef PENSTOCK_BACKEND_JOB_SIGNS_H
#define PENSTOCK_BACKEND_JOB_SIGNS_H

#include "common/base/histogram.h"

#include <stdbool.h>

struct producer_signs {
    _Atomic bool leads;               /* now: its jobs are the network's */
    _Atomic bool held;                /* now: no wallet gives templates, or no job can be stored */
    _Atomic bool unpublished;         /* now: the broker has not taken the newest job */
    _Atomic uint64_t made;            /* jobs that were stored */
    _Atomic uint64_t refused;         /* templates that no job could be made of */
    _Atomic uint64_t publish_failed;  /* attempts */
    struct value_histogram making_us; /* from a template's arrival to its job's publication */
};

#endif
