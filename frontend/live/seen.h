/*
 * On which tip a miner was given its last work, for miners who do not say so: getwork's longpoll
 * has no id. One that comes back after a tip has passed in between is served at once.
 *
 * A miner is its name and its address; what many share is the last one's. The table has a fixed
 * size: what is forgotten waits for the next tip.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_SEEN_H
#define PENSTOCK_FRONTEND_LIVE_SEEN_H

#include "frontend/live/caller.h"

#define SEEN_PLACES 8192
#define SEEN_MS     60000 /* who has been away for longer has found work elsewhere */

struct seen;

struct seen *seen_new(void);
void seen_free(struct seen **s);

void seen_note(struct seen *s, const struct caller *c, const struct u256 *prev, int64_t now_ms);
/* Whether its last work was on another tip than PREV, as far as that is known. */
bool seen_elsewhere(const struct seen *s, const struct caller *c, const struct u256 *prev,
                    int64_t now_ms);

#endif
