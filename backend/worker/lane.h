/*
 * A lane: one network's way from one of its queues to the database, in a thread of its own with its
 * own connections, so that a wallet that is away holds up no other network, and neither large
 * solutions nor shares of jobs hold up the others.
 *
 * Memory does not grow with what waits in the queue: a lane reads a message only when it has a
 * place for it, and judges a long one by itself, whichever queue it came from (a frontend that does
 * not know the way of large ones, or is in enemy hands, puts them among the small).
 */
#ifndef PENSTOCK_BACKEND_WORKER_LANE_H
#define PENSTOCK_BACKEND_WORKER_LANE_H

#include "backend/chain/chain.h"
#include "backend/conf/settings.h"
#include "backend/worker/signs.h"
#include "common/message/queues.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane;

/* Reads password files; connects to nothing. NULL, with a reason in ERR. */
struct lane *lane_open(const struct backend_conf *conf, const struct backend_network *net,
                       enum network_queue kind, char *err, size_t err_size);
void lane_close(struct lane **l);

void lane_start(struct lane *l);
/* Asks the thread to finish its batch and end; from any thread. */
void lane_stop(struct lane *l);
void lane_join(struct lane *l);

/* Monotonic time at which the thread last showed that it runs; from any thread. */
int64_t lane_alive_ms(const struct lane *l);

/* For metrics, from any thread. They stay as long as the lane. */
const struct signs *lane_signs(const struct lane *l);
const char *lane_network(const struct lane *l);
const char *lane_queue(const struct lane *l);
const struct chain *lane_chain(const struct lane *l); /* for chain_each_wallet() only */

#endif
