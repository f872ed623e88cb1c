#include "frontend/health/vital.h"

#include "common/base/mem.h"
#include "common/db/schema.h"
#include "common/message/queues.h"
#include "frontend/read/column.h"

#include <amqp.h>
#include <jansson.h>
#include <mysql.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

const struct vital_task vital_tasks[VITAL_TASKS] = {
    {"find-blocks", 10 * MINUTE, false},
    {"assign-shares", 10 * MINUTE, false},
    {"share-out", 30 * MINUTE, false},
    {"roll-stats", 30 * MINUTE, false},
    {"audit", HOUR, false},
    {"rate-miners", 3 * HOUR, true},
    {"pay", DAY + 2 * HOUR, true},
    {"clean-up", DAY + 2 * HOUR, true},
};

static const struct vital_task notify_task = {VITAL_NOTIFY, 10 * MINUTE, false};

/* --- the database --- */

static bool take_age(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    if (!db_is_null(&v[0]))
        *(int64_t *)ctx = db_int(&v[0]);
    return false;
}

static bool take_tip(void *ctx, const struct db_value *v, size_t n)
{
    struct vital_network *net = ctx;

    (void)n;
    net->tip_age_s = db_int(&v[0]);
    net->tip_height = column_uint(&v[1]);
    return false;
}

static bool take_bool(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(bool *)ctx = column_uint(&v[0]) != 0;
    return false;
}

static bool take_versions(void *ctx, const struct db_value *v, size_t n)
{
    struct vital_network *net = ctx;

    (void)n;
    column_copy(&v[0], net->worker_versions, sizeof net->worker_versions);
    column_copy(&v[1], net->jobs_version, sizeof net->jobs_version);
    return false;
}

/* Programs that are older than their column tell "". */
static enum db_result read_versions(struct db *db, struct vital_network *net)
{
    static const char sql[] =
        "SELECT (SELECT GROUP_CONCAT(DISTINCT version ORDER BY version SEPARATOR ' ') "
        "FROM site_lane WHERE network = ? AND version <> '' "
        "AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE), "
        "(SELECT version FROM site_job WHERE network = ? "
        "AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE)";
    const char *name = net->net->name;

    return db_query(db, sql, PARAMS(DB_TEXT(name), DB_TEXT(name)), take_versions, net);
}

static enum db_result read_signs(struct db *db, struct vital_network *net)
{
    static const char tip_sql[] =
        "SELECT TIMESTAMPDIFF(SECOND, seen_at, UTC_TIMESTAMP(6)), height FROM site_tip "
        "WHERE network = ? ORDER BY seen_at DESC LIMIT 1";
    static const char lane_sql[] =
        "SELECT TIMESTAMPDIFF(SECOND, MAX(seen_at), UTC_TIMESTAMP(6)) FROM site_lane "
        "WHERE network = ?";
    static const char job_sql[] =
        "SELECT TIMESTAMPDIFF(SECOND, MAX(made_at), UTC_TIMESTAMP(6)) FROM intake_job "
        "WHERE network = ?";
    static const char jobless_sql[] =
        "SELECT NOT well OR seen_at < UTC_TIMESTAMP(6) - INTERVAL 1 MINUTE FROM site_job "
        "WHERE network = ? AND seen_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY";
    static const char freeze_sql[] = "SELECT frozen FROM site_freeze WHERE network = ? "
                                     "ORDER BY number DESC LIMIT 1";
    const char *name = net->net->name;
    enum db_result r = db_query(db, tip_sql, PARAMS(DB_TEXT(name)), take_tip, net);

    if (r == DB_OK)
        r = db_query(db, lane_sql, PARAMS(DB_TEXT(name)), take_age, &net->worker_age_s);
    if (r == DB_OK)
        r = db_query(db, job_sql, PARAMS(DB_TEXT(name)), take_age, &net->job_age_s);
    if (r == DB_OK)
        r = db_query(db, jobless_sql, PARAMS(DB_TEXT(name)), take_bool, &net->jobless);
    if (r == DB_OK)
        r = db_query(db, freeze_sql, PARAMS(DB_TEXT(name)), take_bool, &net->frozen);
    if (r == DB_OK)
        r = read_versions(db, net);
    return r;
}

/* One of the last few runs is looked for that ended well: behind a series of failures it is late
 * all the same. */
static enum db_result read_run(struct db *db, const char *network, const struct vital_task *t,
                               struct vital_run *ret)
{
    static const char sql[] =
        "SELECT TIMESTAMPDIFF(SECOND, MAX(ended_at), UTC_TIMESTAMP(6)) FROM "
        "(SELECT ended_at, outcome FROM site_task WHERE task = ? AND network = ? "
        "ORDER BY number DESC LIMIT 20) last WHERE outcome = 'done'";
    enum db_result r =
        db_query(db, sql, PARAMS(DB_TEXT(t->name), DB_TEXT(network)), take_age, &ret->age_s);

    ret->late = ret->age_s == VITAL_NEVER ? !t->daily : ret->age_s > t->limit_s;
    return r;
}

static enum db_result read_network(struct db *db, struct vital_network *net)
{
    enum db_result r = read_signs(db, net);

    for (size_t i = 0; i < VITAL_TASKS && r == DB_OK; i++)
        r = read_run(db, net->net->name, &vital_tasks[i], &net->run[i]);
    return r;
}

static void clear_network(struct vital_network *net, const struct network *of)
{
    *net = (struct vital_network){
        .net = of, .tip_age_s = VITAL_NEVER, .worker_age_s = VITAL_NEVER, .job_age_s = VITAL_NEVER};
    for (size_t i = 0; i < VITAL_TASKS; i++)
        net->run[i] = (struct vital_run){.age_s = VITAL_NEVER};
}

static bool read_database(struct service *s, struct vital *v)
{
    enum db_result r = DB_OK;

    if (!service_begin_db(s))
        return false;
    for (size_t i = 0; i < s->networks_n && r == DB_OK; i++)
        r = read_network(s->db, &v->network[i]);
    if (r == DB_OK && v->notifies)
        r = read_run(s->db, "", &notify_task, &v->notify);
    return service_settle_db(s, r);
}

/* --- the broker --- */

static void name_queues(const struct service *s, struct vital *v)
{
    char route[SOLUTION_ROUTE_SIZE];

    v->queue = mem_zalloc((s->networks_n * NETWORK_QUEUES + 1) * sizeof *v->queue);
    for (size_t i = 0; i < s->networks_n; i++)
        for (enum network_queue q = 0; q < NETWORK_QUEUES; q++) {
            network_queue_name(s->networks[i].name, q, route);
            snprintf(v->queue[v->queues].name, sizeof v->queue->name, "%s", route);
            v->queues++;
        }
    snprintf(v->queue[v->queues++].name, sizeof v->queue->name, "dead");
}

/* A queue that is not there, or that this account may not look at, says nothing of the broker. */
static bool read_broker(struct service *s, struct vital *v)
{
    enum broker_result r = BROKER_OK;

    if (!service_begin_broker(s))
        return false;
    for (size_t i = 0; i < v->queues && (r == BROKER_OK || r == BROKER_FORBIDDEN); i++) {
        r = broker_queue_depth(s->broker, v->queue[i].name, &v->queue[i].messages);
        v->queue[i].known = r == BROKER_OK;
    }
    return service_settle_broker(s, r == BROKER_FORBIDDEN ? BROKER_OK : r, 0);
}

void vital_read(struct service *s, struct vital *ret)
{
    *ret = (struct vital){.network = mem_zalloc(s->networks_n * sizeof *ret->network),
                          .notifies = s->conf->site.notify,
                          .notify = {.age_s = VITAL_NEVER}};
    for (size_t i = 0; i < s->networks_n; i++)
        clear_network(&ret->network[i], &s->networks[i]);
    name_queues(s, ret);
    ret->database = read_database(s, ret);
    ret->broker = read_broker(s, ret);
}

void vital_free(struct vital *v)
{
    free(v->network);
    free(v->queue);
    *v = (struct vital){.queues = 0};
}

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

const char *const *vital_versions(void)
{
    static const char *versions[] = {"penstock", PENSTOCK_VERSION,
                                     "schema",   STRING(SCHEMA_LEVEL),
                                     "jansson",  JANSSON_VERSION,
                                     "mariadb",  NULL,
                                     "openssl",  NULL,
                                     "rabbitmq", NULL,
                                     NULL};

    versions[7] = mysql_get_client_info();
    versions[9] = OpenSSL_version(OPENSSL_VERSION_STRING);
    versions[11] = amqp_version();
    return versions;
}
