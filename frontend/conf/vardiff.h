/* [vardiff] of the frontend's settings: how hard shares are to be, for miners who mine the pool's
 * own jobs. */
#ifndef PENSTOCK_FRONTEND_CONF_VARDIFF_H
#define PENSTOCK_FRONTEND_CONF_VARDIFF_H

#include "common/conf/conf.h"

enum vardiff_scope { VARDIFF_ADDRESS, VARDIFF_CONNECTION };

struct vardiff_conf {
    bool enabled;
    int64_t scope; /* enum vardiff_scope */
    int64_t shares_per_minute;
    struct conf_words tiers; /* difficulties; none: doubled from minimum to maximum */
    char *minimum;           /* difficulties; "": of the network's share target */
    char *maximum;           /* "": no bound */
    char *manual;            /* "": of the network's share target */
};

extern const struct conf_setting vardiff_settings[];

#endif
