/*
 * The backend's metrics for Prometheus, from a worker: what its own lanes do, and what the database
 * says of scheduled tasks, books, payouts and notifications. It only reads, on a connection of its
 * own, and nothing waits for it.
 */
#ifndef PENSTOCK_BACKEND_METRICS_METRICS_H
#define PENSTOCK_BACKEND_METRICS_METRICS_H

#include "backend/worker/lane.h"

struct metrics;

/* Serves the metrics of LANES at conf->worker.metrics until closed. NULL, with a reason in ERR: it
 * cannot; the worker goes on without. Settings and lanes must stay meanwhile. */
struct metrics *metrics_open(const struct backend_conf *conf, struct lane *const *lane,
                             size_t lanes, char *err, size_t err_size);
void metrics_close(struct metrics **m);

#endif
