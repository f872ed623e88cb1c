/* The frontend's settings: one file, /etc/penstock/frontend.conf. */
#ifndef PENSTOCK_FRONTEND_CONF_SETTINGS_H
#define PENSTOCK_FRONTEND_CONF_SETTINGS_H

#include "common/conf/shared.h"
#include "frontend/conf/limits.h"
#include "frontend/conf/live.h"
#include "frontend/conf/vardiff.h"

#define FRONTEND_CONF_PATH "/etc/penstock/frontend.conf"

struct frontend_own_conf {
    char *health_file;
    int64_t probe_interval_ms;
    int64_t body_max_bytes;
    char *publisher_socket;  /* "" = none */
    char *publisher_metrics; /* ADDRESS:PORT; "": none */
    struct conf_words trusted_proxies;
    struct conf_words metrics_from;
    char *default_network; /* "": the first */
    bool longpoll;         /* miners may wait at /lp/NETWORK */
};

/* What all pages say. */
struct site_conf {
    char *pool_name;
    char *url;     /* of the pool, without a '/' at its end; "": what the browser asked for */
    char *contact; /* a mail or web address; "": none */
    bool notify;   /* wishes for notifications are taken */
};

struct frontend_network {
    struct network_conf base; /* first: conf_list items start with their label */
    char share_target[65];
    int64_t algorithm; /* see frontend_diff1_shift() */
    char *stratum;     /* where its stratum server is; "": nowhere */
    /* for pages and the API: what the backend's settings say, told once more to who may not read
     * them */
    char *coin_name; /* "": the network's name */
    char *coin_symbol;
    int64_t coin_decimals;
    int64_t tip_max_age_s; /* 0: whatever its age */
    int64_t maturity_blocks;
    struct conf_words miners;                        /* of frontend_miner_names */
    char *block_url, *transaction_url, *address_url; /* "": no links; '*' is what it is about */
};

enum frontend_miner { MINER_ACTION, MINER_BIBLEPAY, MINER_GETWORK };
extern const char *const frontend_miner_names[];

/* Of the network's algorithm: difficulty 1 is the target 0xffff << this (difficulty.h). */
unsigned frontend_diff1_shift(const struct frontend_network *net);

struct frontend_conf {
    struct log_conf log;
    struct db_conf database;
    struct broker_conf broker;
    struct frontend_own_conf frontend;
    struct site_conf site;
    struct limits_conf limits;
    struct vardiff_conf vardiff;
    struct live_conf live;
    struct conf_list networks; /* of struct frontend_network */
};

extern const struct conf_schema frontend_schema;
extern const struct conf_schema publisher_schema; /* of the same file */
extern const struct conf_schema live_schema;      /* likewise */

#endif
