/* penstock-jobs' metrics for Prometheus: what its producers do. */
#ifndef PENSTOCK_BACKEND_JOB_WATCHED_H
#define PENSTOCK_BACKEND_JOB_WATCHED_H

#include "backend/job/producer.h"

struct watched;

/* Serves the metrics of N producers at ADDRESS until closed; they must stay meanwhile. NULL, with a
 * reason in ERR: it cannot; jobs are made without. */
struct watched *watched_open(const char *address, struct producer *const *producer, size_t n,
                             char *err, size_t err_size);
void watched_close(struct watched **w);

#endif
