/*
 * What a request handler works with: settings, networks, and the two servers behind their health
 * marks. One per process.
 */
#ifndef PENSTOCK_FRONTEND_FCGI_SERVICE_H
#define PENSTOCK_FRONTEND_FCGI_SERVICE_H

#include "common/broker/broker.h"
#include "common/coin/address.h"
#include "common/coin/u256.h"
#include "common/db/db.h"
#include "frontend/conf/settings.h"
#include "frontend/fcgi/health.h"
#include "frontend/fcgi/refusals.h"
#include "frontend/getwork/vardiff.h"
#include "frontend/health/counters.h"
#include "frontend/limit/bans.h"
#include "frontend/limit/limits.h"
#include "frontend/publish/handover.h"

/* A network as its settings describe it. */
struct network {
    const char *name;
    const struct conf_words *aliases;
    const char *pool_address;
    const struct frontend_network *conf; /* what pages and the API say of it */
    struct address_rules rules;
    struct u256 target;
    char target_hex[65];
    struct vardiff vardiff; /* how hard shares of jobs are */
};

struct service {
    const struct frontend_conf *conf;
    struct network *networks;
    size_t networks_n;
    struct health *health;
    struct limits *limits; /* NULL: none */
    struct bans *bans;     /* NULL: none */
    int64_t bans_due_ms;   /* when they are read again */
    struct ipnet *proxies; /* as many as conf->frontend.trusted_proxies */
    struct db *db;
    struct newest *newest; /* jobs (frontend/getwork/newest.h) */
    struct ids *ids;       /* of miners and workers, remembered (frontend/intake/ids.h) */
    struct kept *kept;     /* what pages say of a network, remembered (frontend/read/kept.h) */
    struct broker *broker;
    struct handover *handover;  /* NULL: no publisher on this machine */
    struct counters *counters;  /* NULL: none */
    struct ipnet *metrics_from; /* as many as conf->frontend.metrics_from */
    struct refusals refusals;
    bool probing; /* the use now under way is the one that tries a server marked away */
    int64_t next_complaint_ms; /* when a server's refusal may be logged again */
    bool schema_fits;          /* checked once, at the first use of the database */
    char host[65];
    int64_t pid;
};

/* Opens everything, connects to nothing. CONF must outlive the result. NULL, with a reason in ERR.
 */
struct service *service_open(const struct frontend_conf *conf, char *err, size_t err_size);
void service_close(struct service **s);

/* The network of that name or alias, compared exactly; NULL when there is none, or ID is NULL. */
const struct network *service_network(const struct service *s, const char *id);

/* True: the database may be used now, and its schema is one this program knows. Every use ends with
 * service_settle_db(). */
bool service_begin_db(struct service *s);
/* Marks the database as away or back and logs what an operator must know. True when R is DB_OK. */
bool service_settle_db(struct service *s, enum db_result r);

/* The same for the broker. SIZE is the message's: a large one that was late says little about the
 * broker, and must not make it look away to everyone. */
bool service_begin_broker(struct service *s);
bool service_settle_broker(struct service *s, enum broker_result r, size_t size);

/* Publishes M, between those two: by this machine's publisher, or where there is none as
 * broker_publish() does. The result is the same. */
enum broker_result service_publish(struct service *s, const struct broker_message *m);

/* All three: true when the broker has confirmed M. */
bool service_deliver(struct service *s, const struct broker_message *m);

/* The bans as they were at most ban_refresh_s ago, or at the database's last good answer. NULL:
 * none.
 */
const struct bans *service_bans(struct service *s);

/* Counts a refusal; NAME has static storage. */
void service_count(struct service *s, const char *name);

#endif
