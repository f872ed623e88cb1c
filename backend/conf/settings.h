/* The backend's settings: penstock-worker, penstock-jobs, penstock-task and penstockctl read the
 * same file. */
#ifndef PENSTOCK_BACKEND_CONF_SETTINGS_H
#define PENSTOCK_BACKEND_CONF_SETTINGS_H

#include "common/conf/shared.h"

#include <netinet/in.h>

struct worker_conf {
    int64_t batch_max;
    int64_t batch_max_bytes;
    int64_t batch_linger_ms;
    int64_t prefetch;
    char *archive_dir;
    int64_t archive_rotate_bytes;
    int64_t archive_rotate_s;
    char *metrics; /* ADDRESS:PORT; "": none */
};

/* How block templates become jobs for miners. */
struct jobs_conf {
    int64_t refresh_s;
    int64_t poll_ms;
    char *tag;
    char *listen;     /* "": for no datagrams */
    char *token_file; /* "": none is asked for */
    char *metrics;    /* ADDRESS:PORT; "": none */
};

/* [network NAME] */
struct backend_network {
    struct network_conf base;
    int64_t family;    /* index into chain_family_names */
    int64_t algorithm; /* index into pow_algorithm_names */
    char share_target_limit[65];
    int64_t work_max_age_s;
    struct conf_words former_pool_addresses; /* ADDRESS=YYYY-MM-DDThh:mm:ssZ */
    int64_t initial_subsidy;                 /* base units */
    int64_t halving_interval;                /* blocks */
    int64_t header_time_back_s;
    int64_t header_time_ahead_s;
    int64_t unknown_parent_wait_ms;

    /* money; amounts in base units, limits of 0: none */
    int64_t first_height; /* 0: a little below the tip of the first run */
    int64_t assign_wait_s;
    int64_t scheme; /* enum payout_scheme */
    int64_t fee_bp;
    bool payouts;
    int64_t pplns_percent;
    int64_t maturity_blocks;
    int64_t maturity_s;
    int64_t minimum_payout;
    int64_t payout_fee_payer; /* enum payout_fee_payer */
    int64_t payout_miners_max;
    int64_t payout_interval_s;
    int64_t payout_confirmations;
    int64_t payout_max_per_run;
    int64_t payout_max_per_day;
    int64_t payout_fee_max;
    int64_t payout_fee_rate; /* per 1000 virtual bytes; 0: the wallet's choice */
    int64_t payout_settle_s;
    int64_t hot_wallet_max;
    char *sweep_address; /* "": none */
};

/* [wallet NAME] */
struct wallet_conf {
    char *label;
    struct conf_words networks;
    char *url;
    char *user;
    char *password_file;
    int64_t priority; /* lower is asked first */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;
    char *passphrase_file; /* "": the wallet is not encrypted */
};

/* How long what is no longer needed is kept. */
struct task_conf {
    int64_t share_keep_days;
    int64_t archive_keep_days;
    int64_t stats_keep_days;
    int64_t job_keep_days;
};

/* Mails and webhooks; with no url nobody is told anything. */
struct notify_conf {
    char *url; /* of the pool, without a '/' at its end; "": none */
    char *from, *sendmail;
    char *operator_mail, *operator_webhook; /* "": none */
    int64_t silent_minutes;
    bool webhook_private;
    char *webhook_ca; /* "": the system's */
};

#define WORK_KEEP_DAYS 2 /* beyond share_keep_days */

struct backend_conf {
    struct log_conf log;
    struct db_conf database;
    struct broker_conf broker;
    struct worker_conf worker;
    struct task_conf task;
    struct notify_conf notify;
    struct jobs_conf jobs;
    struct conf_list networks; /* struct backend_network */
    struct conf_list wallets;  /* struct wallet_conf */
};

#define BACKEND_CONF_PATH "/etc/penstock/backend.conf"

extern const struct conf_schema backend_schema;
extern const char *const chain_family_names[];  /* NULL-terminated */
extern const char *const pow_algorithm_names[]; /* NULL-terminated */
#define FAMILY_BIBLEPAY 1                       /* indexes of these */
#define POW_BIBLEHASH   2

enum payout_scheme { SCHEME_PROP, SCHEME_PPLNS, SCHEME_SOLO };
enum payout_fee_payer { FEE_FROM_RECEIVER, FEE_FROM_POOL };
extern const char *const scheme_names[]; /* in the order of enum payout_scheme, NULL-terminated */
extern const char *const fee_payer_names[]; /* of enum payout_fee_payer, likewise */

/* schema.check of the above; public for its test. */
char *backend_conf_check(const void *conf);

static inline const struct backend_network *backend_network_at(const struct backend_conf *conf,
                                                               size_t i)
{
    return (const struct backend_network *)conf->networks.item + i;
}

static inline const struct wallet_conf *backend_wallet_at(const struct backend_conf *conf, size_t i)
{
    return (const struct wallet_conf *)conf->wallets.item + i;
}

/* One word of former_pool_addresses: the length of the address in front of '=' and the time until
 * which it is accepted (exclusive). False when the word is malformed. */
bool former_address_parse(const char *word, size_t *ret_len, int64_t *ret_until_us);

#endif
