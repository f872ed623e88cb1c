/* Metrics that are read from the database. Private to metrics.c. */
#ifndef PENSTOCK_BACKEND_METRICS_STORED_H
#define PENSTOCK_BACKEND_METRICS_STORED_H

#include "backend/conf/settings.h"
#include "common/base/prom.h"

struct stored;

/* Connects to nothing yet. NULL, with a reason in ERR, when the password file is unusable. */
struct stored *stored_open(const struct backend_conf *conf, char *err, size_t err_size);
void stored_close(struct stored **s);

/* Asked at most every few seconds; between, and for a while after the database did not answer, what
 * was read last, or nothing. It costs no more than some seconds, whatever the database does. */
void stored_write(struct stored *s, struct prom *p);

#endif
