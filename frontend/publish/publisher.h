/*
 * The publisher: takes messages from the FastCGI programs of this machine (handover.h) and
 * publishes them over one connection, as they come, without waiting for one before the next. Each
 * program hears what the broker said of its message, and nothing before that.
 *
 * One thread. It keeps nothing: what it took and did not answer when it dies is the program's
 * again.
 */
#ifndef PENSTOCK_FRONTEND_PUBLISH_PUBLISHER_H
#define PENSTOCK_FRONTEND_PUBLISH_PUBLISHER_H

#include "frontend/conf/settings.h"
#include "frontend/publish/watched.h"

#define PUBLISHER_MAX_CLIENTS                                                                      \
    512 /* FastCGI programs of one machine: 96, or two sets after a reload */

struct publisher;

/* Listens at [frontend] publisher_socket, instead of whoever did before; does not connect to the
 * broker yet. CONF must outlive the result. NULL, with a reason in ERR. */
struct publisher *publisher_open(const struct frontend_conf *conf, char *err, size_t err_size);

/* One round: waits TIMEOUT_MS at most until there is something to do, and does it. */
void publisher_work(struct publisher *p, int timeout_ms);

/* Takes nothing more. Rounds go on until publisher_idle(): nothing taken is unanswered. */
void publisher_end(struct publisher *p);
bool publisher_idle(const struct publisher *p);

/* Valid until it is closed. */
struct publisher_signs *publisher_signs(struct publisher *p);

void publisher_close(struct publisher **p);

#endif
