/*
 * Answers GET /metrics on a loopback address: for Prometheus on this machine, or what carries it
 * there. libmicrohttpd in a thread of its own; bounds on connections, their age and their memory
 * keep whoever connects from harming the program, and at worst from reading metrics for a while.
 */
#ifndef PENSTOCK_BACKEND_METRICS_LISTENER_H
#define PENSTOCK_BACKEND_METRICS_LISTENER_H

#include "common/base/buf.h"

#include <stdbool.h>

struct listener;

/* Writes an answer; in the listener's thread, one at a time. False: it cannot be given. */
typedef bool listener_fn(void *ctx, struct buf *out);

/* Binds the first free one of METRICS_PORTS ports from that of ADDRESS on, and says in the log
 * which. NULL, with a reason in ERR. */
struct listener *listener_open(const char *address, listener_fn *fn, void *ctx, char *err,
                               size_t err_size);
void listener_close(struct listener **l); /* waits for an answer that is being written */

#endif
