#include "frontend/fcgi/service.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/db/schema.h"
#include "frontend/getwork/newest.h"
#include "frontend/intake/ids.h"
#include "frontend/read/kept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beyond this size a confirm that is late is the message's fault, not the broker's. */
#define LARGE_MESSAGE (256u * 1024)

/* What a publisher that was away may take to say that it is there again. */
#define PING_MS 100

static void open_network(const struct frontend_conf *all, const struct frontend_network *conf,
                         struct network *ret)
{
    char *wrong = network_rules(&conf->base, &ret->rules);
    bool good = u256_from_hex(conf->share_target, strlen(conf->share_target), &ret->target);

    assert(!wrong && good); /* the schema's check refused all else */
    const char *unfit =
        vardiff_rules(&all->vardiff, frontend_diff1_shift(conf), &ret->target, &ret->vardiff);
    assert(!unfit);
    (void)wrong, (void)good, (void)unfit;
    ret->conf = conf;
    ret->name = conf->base.label;
    ret->aliases = &conf->base.aliases;
    ret->pool_address = conf->base.pool_address;
    u256_to_hex(&ret->target, ret->target_hex);
}

static struct counters *open_counters(const char *health_file, char *err, size_t err_size)
{
    char *path = mem_sprintf("%s.counters", health_file);
    struct counters *c = counters_open(path, err, err_size);

    free(path);
    return c;
}

struct service *service_open(const struct frontend_conf *conf, char *err, size_t err_size)
{
    const struct frontend_network *net = conf->networks.item;
    struct service *s = mem_zalloc(sizeof *s);

    s->conf = conf;
    s->pid = getpid();
    gethostname(s->host, sizeof s->host - 1);
    s->ids = ids_new();
    s->kept = kept_new();
    s->newest = newest_new(conf->networks.n);
    s->networks_n = conf->networks.n;
    s->networks = mem_zalloc(s->networks_n * sizeof *s->networks);
    for (size_t i = 0; i < s->networks_n; i++)
        open_network(conf, &net[i], &s->networks[i]);

    s->proxies = limits_networks(&conf->frontend.trusted_proxies);
    s->metrics_from = limits_networks(&conf->frontend.metrics_from);
    s->bans = bans_new();
    s->health =
        health_open(conf->frontend.health_file, conf->frontend.probe_interval_ms, err, err_size);
    if (s->health)
        s->limits = limits_open(&conf->limits, conf->frontend.health_file, err, err_size);
    if (s->limits)
        s->counters = open_counters(conf->frontend.health_file, err, err_size);
    if (s->counters)
        s->db = db_open(&conf->database, err, err_size);
    if (s->db)
        s->broker = broker_open(&conf->broker, "penstock-frontend", err, err_size);
    if (*conf->frontend.publisher_socket)
        s->handover = handover_new(conf->frontend.publisher_socket);
    if (!s->broker)
        service_close(&s);
    return s;
}

void service_close(struct service **s)
{
    if (!*s)
        return;
    handover_free(&(*s)->handover);
    if ((*s)->broker)
        broker_close(&(*s)->broker);
    if ((*s)->db)
        db_close(&(*s)->db);
    limits_close(&(*s)->limits);
    health_close(&(*s)->health);
    ids_free(&(*s)->ids);
    kept_free(&(*s)->kept);
    newest_free(&(*s)->newest);
    bans_free(&(*s)->bans);
    counters_close(&(*s)->counters);
    free((*s)->proxies);
    free((*s)->metrics_from);
    free((*s)->networks);
    free(*s);
    *s = NULL;
}

const struct network *service_network(const struct service *s, const char *id)
{
    if (!id)
        return NULL;
    for (size_t i = 0; i < s->networks_n; i++) {
        const struct network *net = &s->networks[i];

        if (strcmp(net->name, id) == 0)
            return net;
        for (size_t j = 0; j < net->aliases->n; j++)
            if (strcmp(net->aliases->word[j], id) == 0)
                return net;
    }
    return NULL;
}

void service_count(struct service *s, const char *name)
{
    refusals_count(&s->refusals, name, clock_mono_ms());
    counters_add(s->counters, COUNTER_REFUSED, name);
}

static const char *const server_names[HEALTH_SERVERS] = {
    [HEALTH_DATABASE] = "database",
    [HEALTH_BROKER] = "broker",
    [HEALTH_PUBLISHER] = "publisher",
};

/* One line per change of state, from whichever process saw it first. */
static void report(struct service *s, enum health_server server, bool up, const char *why)
{
    int64_t away_ms = 0;

    switch (health_report(s->health, server, up, clock_mono_ms(), &away_ms)) {
    case HEALTH_WENT_AWAY:
        log_error("frontend.server_away", LOG_STR("server", server_names[server]),
                  LOG_STR("why", why));
        break;
    case HEALTH_CAME_BACK:
        log_info("frontend.server_back", LOG_STR("server", server_names[server]),
                 LOG_INT("away_ms", away_ms));
        break;
    case HEALTH_SAME:
        break;
    }
}

static bool begin(struct service *s, enum health_server server)
{
    enum health_gate gate = health_ask(s->health, server, clock_mono_ms());

    s->probing = gate == HEALTH_PROBE;
    if (gate == HEALTH_AWAY)
        service_count(s, server == HEALTH_DATABASE ? "database_away" : "broker_away");
    return gate != HEALTH_AWAY;
}

/* The server is there and says no: a missing right or queue, a full queue. It concerns this request
 * only, so nothing is marked; an operator must look, but once a minute is enough. */
static void complain(struct service *s, enum health_server server, const char *result,
                     const char *why)
{
    int64_t now = clock_mono_ms();

    if (now < s->next_complaint_ms)
        return;
    s->next_complaint_ms = now + REFUSALS_INTERVAL_MS;
    log_error("frontend.server_refuses", LOG_STR("server", server_names[server]),
              LOG_STR("result", result), LOG_STR("why", why));
}

bool service_settle_db(struct service *s, enum db_result r)
{
    bool away = r == DB_UNAVAILABLE || r == DB_UNCERTAIN;

    report(s, HEALTH_DATABASE, !away, db_error(s->db));
    if (r == DB_OK)
        return true;
    service_count(s, away ? "database_failed" : "database_refused");
    if (!away)
        complain(s, HEALTH_DATABASE, db_result_name(r), db_error(s->db));
    return false;
}

bool service_begin_db(struct service *s)
{
    char why[256] = "";

    if (!begin(s, HEALTH_DATABASE))
        return false;
    if (s->schema_fits)
        return true;
    enum db_result r = schema_check(s->db, &s->schema_fits, why, sizeof why);
    if (r == DB_OK && s->schema_fits)
        return true;
    if (service_settle_db(s, r)) {
        service_count(s, "schema_unfit");
        complain(s, HEALTH_DATABASE, "schema", why);
    }
    return false;
}

/* A failure is not the request's: who was banned stays so, and a solution needs no database. */
const struct bans *service_bans(struct service *s)
{
    int64_t now = clock_mono_ms();

    if (s->bans && now >= s->bans_due_ms) {
        s->bans_due_ms = now + s->conf->limits.ban_refresh_s * 1000;
        if (service_begin_db(s))
            service_settle_db(s, bans_load(s->bans, s->db));
    }
    return s->bans;
}

bool service_begin_broker(struct service *s)
{
    return begin(s, HEALTH_BROKER);
}

bool service_settle_broker(struct service *s, enum broker_result r, size_t size)
{
    bool away = r == BROKER_UNAVAILABLE || r == BROKER_UNCERTAIN;

    if (!away || s->probing || size <= LARGE_MESSAGE)
        report(s, HEALTH_BROKER, !away, broker_error(s->broker));
    if (r == BROKER_OK)
        return true;
    service_count(s, away ? "broker_failed" : "broker_refused");
    if (!away)
        complain(s, HEALTH_BROKER, broker_result_name(r), broker_error(s->broker));
    return false;
}

/* A publisher that is away delays nobody: one process at a time asks whether it is back, and all
 * others do not even that. False: its word is not to be had. */
static bool hand_over(struct service *s, const struct broker_message *m, enum broker_result *ret)
{
    if (!s->handover || m->len > HANDOVER_MAX_BODY)
        return false;
    enum health_gate gate = health_ask(s->health, HEALTH_PUBLISHER, clock_mono_ms());
    if (gate == HEALTH_AWAY)
        return false;
    bool there = (gate != HEALTH_PROBE || handover_ping(s->handover, PING_MS)) &&
                 handover_publish(s->handover, m, s->conf->broker.confirm_timeout_ms, ret);
    report(s, HEALTH_PUBLISHER, there, handover_error(s->handover));
    return there;
}

enum broker_result service_publish(struct service *s, const struct broker_message *m)
{
    enum broker_result r;

    return hand_over(s, m, &r) ? r : broker_publish(s->broker, m);
}

bool service_deliver(struct service *s, const struct broker_message *m)
{
    if (!service_begin_broker(s))
        return false;
    int64_t start = clock_mono_us();
    bool confirmed = service_settle_broker(s, service_publish(s, m), m->len);
    if (confirmed)
        counters_observe(s->counters, HISTOGRAM_CONFIRM, clock_mono_us() - start);
    return confirmed;
}
