/* What is done at the desks (desk.h): finding out about callers, and handing work out to them. */
#ifndef PENSTOCK_FRONTEND_LIVE_CLERK_H
#define PENSTOCK_FRONTEND_LIVE_CLERK_H

#include "frontend/limit/limits.h"
#include "frontend/live/net.h"

#define CLERK_MAX_BATCH    256
#define CLERK_MAX_TEMPLATE (24u << 20) /* bytes of an answer */

struct clerk;

/* CONF, NETS and LIMITS must outlive the result; of NETS only what never changes is looked at. */
struct clerk *clerk_new(const struct frontend_conf *conf, const struct net *nets,
                        struct limits *limits);
void clerk_free(struct clerk **k);

/* Miner, worker, bans, share target. One desk at a time: it remembers what it looked up. */
void clerk_look_up(struct clerk *k, struct db *db, struct callers *batch);

/* A piece of search for each, all rows of `work` in one statement, then the texts of the answers.
 * Several desks at once may do so. */
void clerk_hand_out(struct clerk *k, struct db *db, struct callers *batch);

#endif
