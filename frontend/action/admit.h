/*
 * Who is refused for what he is or for how much he asks, before any server is asked.
 *
 * Beyond a limit: "Too many requests, slow down", with HTTP 200 like every refusal of this
 * protocol. A miner shows that text and asks again in its usual time; it does not fall back to
 * mining for itself, as it does on HEALTH_DOWN. A banned sender reads "IP … is banned", a banned
 * miner what a disabled one does. All are counted by the limit's name (limit_meanings), "ip_banned"
 * and "miner_banned".
 */
#ifndef PENSTOCK_FRONTEND_ACTION_ADMIT_H
#define PENSTOCK_FRONTEND_ACTION_ADMIT_H

#include "frontend/action/action.h"

/* May the sender's address do this once more? admit_sender() also looks at its bans. False: REPLY
 * says why. */
bool admit_sender(struct service *s, const struct request *rq, enum limit limit,
                  struct reply *reply);
bool admit_ip(struct service *s, const struct request *rq, enum limit limit, struct reply *reply);

/* May the miner ask for work, by its canonical address; hand in a solution, by its guid as sent?
 * What is no guid is none of a miner's, and left to the worker to refuse. False: REPLY says why. */
bool admit_address(struct service *s, const struct network *net, const struct request *rq,
                   const char *address, struct reply *reply);
bool admit_guid(struct service *s, const struct network *net, const struct request *rq,
                const char *guid, size_t len, struct reply *reply);

/* admit_ip() for what comes to light on the way; the caller then answers by admit_refuse(). */
bool admit_quietly(struct service *s, const struct request *rq, enum limit limit);
void admit_refuse(struct reply *reply);

#endif
