/* [live] of the frontend's settings: the program that holds miners who wait for new work. */
#ifndef PENSTOCK_FRONTEND_CONF_LIVE_H
#define PENSTOCK_FRONTEND_CONF_LIVE_H

#include "common/conf/conf.h"

struct live_conf {
    char *listen; /* ADDRESS:PORT */
    char *broker_user, *broker_password_file;
    int64_t hold_s;
    int64_t held_max, held_per_ip, held_per_address; /* 0: no limit */
    int64_t https_port, http_port;                   /* 0: those of the request */
};

extern const struct conf_setting live_settings[];

#endif
