/* [limits] of the frontend's settings: what one sender may do. */
#ifndef PENSTOCK_FRONTEND_CONF_LIMITS_H
#define PENSTOCK_FRONTEND_CONF_LIMITS_H

#include "common/base/ipnet.h"
#include "common/conf/conf.h"

/* One row each in limit_meanings and in limits_settings. */
enum limit {
    LIMIT_WORK_IP,
    LIMIT_WORK_ADDRESS,
    LIMIT_SOLUTION_IP,
    LIMIT_SOLUTION_MINER,
    LIMIT_OPEN_WORK,
    LIMIT_NEW_MINER,
    LIMIT_NEW_WORKER,
    LIMIT_READ_IP,
    LIMIT_NOTIFY_IP,
    LIMITS
};

struct limits_conf {
    struct conf_words exempt;
    int64_t ban_refresh_s;
    int64_t rate[LIMITS]; /* tokens per period of the limit; 0: no limit */
    int64_t burst[LIMITS];
};

/* What a limit is called in the log, and the period of its rate. */
struct limit_meaning {
    const char *setting, *count;
    int64_t period_s;
};

extern const struct limit_meaning limit_meanings[LIMITS];
extern const struct conf_setting limits_settings[];

/* NULL, or a malloc'd message that names section, setting and remedy. */
char *limits_check(const struct limits_conf *conf);

/* The same for a list of networks; SETTING is "[section] name". */
char *limits_check_networks(const char *setting, const struct conf_words *words);
/* The networks of a checked list, in its order; free() them. */
struct ipnet *limits_networks(const struct conf_words *words);

#endif
