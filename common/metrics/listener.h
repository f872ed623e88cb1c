/*
 * Answers GET /metrics on a loopback address: for Prometheus on this machine, or what carries it
 * there. libmicrohttpd in a thread of its own; bounds on connections, their age and their memory
 * keep whoever connects from harming the program, and at worst from reading metrics for a while.
 */
#ifndef PENSTOCK_COMMON_METRICS_LISTENER_H
#define PENSTOCK_COMMON_METRICS_LISTENER_H

#include "common/base/buf.h"

#include <netinet/in.h>
#include <stdbool.h>

struct listener;

#define METRICS_PORTS 6 /* workers with the same setting take the next free one */
/* "127.0.0.1:PORT" or "[::1]:PORT", of a loopback address, with room for METRICS_PORTS. An IPv4
 * address is held as IPv6 maps it. */
bool loopback_address_parse(const char *text, struct sockaddr_in6 *ret);

/* Writes an answer; in the listener's thread, one at a time. False: it cannot be given. */
typedef bool listener_fn(void *ctx, struct buf *out);

/* Binds the first free one of PORTS ports (at most METRICS_PORTS) from that of ADDRESS on, and says
 * in the log which. NULL, with a reason in ERR. */
struct listener *listener_open(const char *address, int ports, listener_fn *fn, void *ctx,
                               char *err, size_t err_size);
void listener_close(struct listener **l); /* waits for an answer that is being written */

#endif
