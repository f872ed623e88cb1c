/*
 * The received time that counts (design rule 6): the frontend's stamp, bounded by what the backend
 * knows, so that a captured frontend cannot move shares to another block's time.
 *
 *   not after the worker's own clock;
 *   not more than 5 s before the latest stamp of the same origin (host and process);
 *   not before the work was handed out.
 *
 * The second bound is left out for a redelivered message, which is late by nature.
 */
#ifndef PENSTOCK_BACKEND_SHARE_RECEIVED_H
#define PENSTOCK_BACKEND_SHARE_RECEIVED_H

#include "backend/share/share.h"

#define ORIGIN_SLACK_US  5000000
#define ORIGINS_KEPT     1024 /* the longest silent is forgotten first */
#define ORIGIN_HOST_KEPT 64   /* a longer host name counts by its first bytes */

struct origins;
struct origins *origins_new(void);
void origins_free(struct origins **o);

/* Sets received_us and target, once: later calls on the same share change nothing. */
void share_receive(struct share *s, const struct backend_network *net, struct origins *o,
                   int64_t now_us);

#endif
