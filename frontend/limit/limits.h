/*
 * What one sender may do, in buckets that all processes of this machine share. Settings: [limits].
 *
 * A sender is an IPv4 address or an IPv6 /64 (what one customer gets). Limits by a miner's address
 * or guid come on top, so that many senders together cannot flood one miner's books; since anyone
 * may name any miner, they must be wider than those by sender. Senders from exempt networks pass.
 */
#ifndef PENSTOCK_FRONTEND_LIMIT_LIMITS_H
#define PENSTOCK_FRONTEND_LIMIT_LIMITS_H

#include "common/base/ipnet.h"
#include "frontend/conf/limits.h"

struct limits;

/* The buckets are in HEALTH_FILE.limits. CONF must be one that limits_check() takes. NULL, with a
 * reason and remedy in ERR. */
struct limits *limits_open(const struct limits_conf *conf, const char *health_file, char *err,
                           size_t err_size);
void limits_close(struct limits **l);

/* May SENDER do this once more now? */
bool limits_by_ip(struct limits *l, enum limit which, const struct ip *sender, int64_t now_ms);
/* May the miner KEY, on behalf of SENDER? KEY holds all that tells it from others. */
bool limits_by_miner(struct limits *l, enum limit which, const struct ip *sender, const char *key,
                     int64_t now_ms);

#endif
