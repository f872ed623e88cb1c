/*
 * Who is refused for what he is or for how much he asks, before any server is asked: what the
 * protocols have in common; each has its own words for it. A refusal is counted by the limit's name
 * (limit_meanings), "ip_banned", "miner_banned" or "miner_disabled".
 */
#ifndef PENSTOCK_FRONTEND_INTAKE_JUDGE_H
#define PENSTOCK_FRONTEND_INTAKE_JUDGE_H

#include "frontend/fcgi/request.h"
#include "frontend/fcgi/service.h"

enum judgement { JUDGE_FINE, JUDGE_TOO_MANY, JUDGE_IP_BANNED, JUDGE_BANNED, JUDGE_DISABLED };

/* The sender's address, by its bans; by a limit; by both. */
enum judgement judge_ban(struct service *s, const struct request *rq);
enum judgement judge_ip(struct service *s, const struct request *rq, enum limit limit);
enum judgement judge_sender(struct service *s, const struct request *rq, enum limit limit);

/* The miner, by a limit for what it does through all senders together: NAME tells it among those of
 * its network. */
enum judgement judge_name(struct service *s, const struct network *net, const struct request *rq,
                          enum limit limit, const char *name);
/* The same by its canonical address, and by its bans. */
enum judgement judge_address(struct service *s, const struct network *net, const struct request *rq,
                             enum limit limit, const char *address);

#endif
