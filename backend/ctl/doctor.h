/*
 * penstockctl doctor: its checks, each of which says what it found, and the remedy where something
 * is wrong. They only look, and try what must be refused in forms that would change nothing.
 */
#ifndef PENSTOCK_BACKEND_CTL_DOCTOR_H
#define PENSTOCK_BACKEND_CTL_DOCTOR_H

#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "common/broker/broker.h"
#include "common/db/db.h"
#include "common/message/queues.h"

#include <jansson.h>

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL, VERDICT_SKIPPED };

/* The tiers whose accounts are tried. */
enum tier { TIER_FRONTEND, TIER_BACKEND, TIER_ADMIN, TIERS };
#define TIER_BIT(t) (1u << (t))

struct tier_accounts {
    const char *name;
    const struct db_conf *database; /* NULL: not given */
    const struct broker_conf *broker;
};

struct doctor {
    const struct backend_conf *conf;
    struct tier_accounts tier[TIERS];
    struct db *db;         /* of the backend; NULL when its password file is unusable */
    struct broker *broker; /* likewise */
    bool db_up, broker_up; /* as the checks "database" and "broker" found it */

    const char *check; /* the one under way */
    json_t *list;
    unsigned count[VERDICT_SKIPPED + 1];
};

/* One line of the outcome. REMEDY is NULL for VERDICT_OK. */
void doctor_say(struct doctor *d, enum verdict v, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A verdict by two limits: VALUE beyond WARN, beyond FAIL. */
static inline enum verdict doctor_limit(int64_t value, int64_t warn, int64_t fail)
{
    return value > fail ? VERDICT_FAIL : value > warn ? VERDICT_WARN : VERDICT_OK;
}

/* A network's queues: solutions, large ones, shares. */
#define DOCTOR_QUEUES NETWORK_QUEUES
void doctor_queue_names(const char *network, char ret[DOCTOR_QUEUES][SOLUTION_ROUTE_SIZE]);

/* True for a host, with or without port, that can only be this machine. */
bool doctor_is_loopback(const char *host);

typedef void doctor_check_fn(struct doctor *d);

doctor_check_fn doctor_database, doctor_schema, doctor_clock, doctor_partitions; /* doctor_db.c */
doctor_check_fn doctor_broker, doctor_queues;                                    /* doctor_mq.c */
doctor_check_fn doctor_wallets;         /* doctor_wallet.c */
doctor_check_fn doctor_jobs;            /* doctor_jobs.c */
doctor_check_fn doctor_tls;             /* doctor_tls.c */
doctor_check_fn doctor_disk;            /* doctor_disk.c */
doctor_check_fn doctor_database_rights; /* doctor_db_rights.c */
doctor_check_fn doctor_broker_rights;   /* doctor_mq_rights.c */

#endif
