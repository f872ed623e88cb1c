#include "backend/job/producer.h"

#include "backend/job/signs.h"
#include "backend/job/sources.h"
#include "backend/job/store.h"
#include "backend/task/lock.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/broker/broker.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STANDBY_MS   1000 /* how often one that stands by looks whether it may lead */
#define CHECK_MS     1000 /* how often a leader makes sure that it still is */
#define RETRY_MS     500  /* of a job that could not be stored or published */
#define HEALTH_MS    5000
#define ANYWAY_TIMES 10 /* a job is made anew after so many refresh_s, even if nothing is new */

struct producer {
    const struct backend_conf *conf;
    const struct backend_network *net;
    const char *network;
    struct db *lock_db, *db;
    struct broker *broker;
    struct sources *sources;
    struct script payee;
    pthread_t thread;
    atomic_bool stop;
    _Atomic int64_t alive_ms;
    struct producer_signs signs;

    /* of the leader */
    bool has_last;
    struct job last;     /* the newest job of the network */
    size_t last_wallet;  /* where it is from */
    struct u256 content; /* of the template that it was made of */
    int64_t last_ms;     /* monotonic: when; 0: not by this leader */
    bool unpublished;    /* it still has to be */
    json_t *waiting;     /* a template that could not become a job yet */
    size_t waiting_wallet;
    int64_t retry_ms, checked_ms, told_ms;
    char problem[160]; /* of ours: the database */
    char told[160];    /* what job_health says */
};

bool producer_wanted(const struct backend_network *net)
{
    return net->family != FAMILY_BIBLEPAY; /* whose wallet hashes, and makes its miners' blocks */
}

struct producer *producer_open(const struct backend_conf *conf, const struct backend_network *net,
                               char *err, size_t err_size)
{
    struct producer *p = mem_zalloc(sizeof(*p));
    struct address_rules rules;
    char name[128];
    char *wrong = network_rules(&net->base, &rules);
    const char *address = net->base.pool_address;

    assert(wrong == NULL); /* backend_conf_check() */
    p->conf = conf;
    p->net = net;
    p->network = net->base.label;
    atomic_store(&p->alive_ms, clock_mono_ms());
    const bool ok = address_to_script(&rules, address, strlen(address), &p->payee);
    assert(ok && wrong == NULL); /* backend_conf_check() */
    (void)ok, (void)wrong;
    snprintf(name, sizeof(name), "penstock-jobs %ld %s", (long)getpid(), p->network);
    p->db = db_open(&conf->database, err, err_size);
    if (p->db != NULL)
        p->lock_db = db_open(&conf->database, err, err_size);
    if (p->lock_db != NULL)
        p->broker = broker_open(&conf->broker, name, err, err_size);
    if (p->broker != NULL)
        p->sources = sources_open(conf, net, err, err_size);
    if (p->sources == NULL)
        producer_close(&p);
    return p;
}

void producer_close(struct producer **p)
{
    if (*p == NULL)
        return;
    if ((*p)->sources != NULL)
        sources_close(&(*p)->sources);
    json_decref((*p)->waiting);
    broker_close(&(*p)->broker);
    db_close(&(*p)->lock_db);
    db_close(&(*p)->db);
    free(*p);
    *p = NULL;
}

/* --- a job --- */

/* All that makes a difference to miners but the time. */
static struct u256 content_of(const struct block_template *t)
{
    const struct span parts[] = {
        {t->prev.be, sizeof(t->prev.be)},
        {(const uint8_t *)t->tx_id, t->tx_n * sizeof(*t->tx_id)},
        {(const uint8_t *)&t->value, sizeof(t->value)},
        {(const uint8_t *)&t->bits, sizeof(t->bits)},
        {(const uint8_t *)&t->version, sizeof(t->version)},
        {t->commitment, t->commitment_len},
        {t->flags, t->flags_len},
    };
    struct u256 hash;

    sha256d_parts(parts, sizeof(parts) / sizeof(parts[0]), hash.be);
    return hash;
}

static bool publish(struct producer *p)
{
    char id[UUID_TEXT_LEN + 1], key[8 + JOB_MAX_NETWORK];
    struct buf text = BUF_INIT(JOB_MAX_TEXT);
    enum broker_result r;

    job_encode(&p->last, &text);
    uuid_format(&p->last.id, id);
    snprintf(key, sizeof(key), "job.%s", p->network);
    r = broker_publish(p->broker,
                       &(struct broker_message){.exchange = JOB_EXCHANGE,
                                                .routing_key = key,
                                                .message_id = id,
                                                .type = "job",
                                                .timestamp_s = (uint64_t)p->last.made_us / 1000000,
                                                .body = text.data,
                                                .len = text.len});
    FAULT_POINT("job.published");
    buf_free(&text);
    const bool done = r == BROKER_OK || r == BROKER_UNROUTABLE; /* that is: nobody listens */
    if (!done && !p->unpublished)
        log_warning("jobs.not_published", LOG_STR("network", p->network),
                    LOG_STR("result", broker_result_name(r)),
                    LOG_STR("error", broker_error(p->broker)));
    p->unpublished = !done;
    atomic_store(&p->signs.unpublished, !done);
    atomic_fetch_add(&p->signs.publish_failed, !done);
    return done;
}

static void log_job(const struct producer *p, const struct job *job, bool new_tip)
{
    char prev[65], id[UUID_TEXT_LEN + 1];

    u256_to_hex(&job->prev, prev);
    uuid_format(&job->id, id);
    LOG_AT(new_tip ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "jobs.job", LOG_STR("network", p->network),
           LOG_UINT("height", job->height), LOG_STR("prev", prev), LOG_STR("id", id),
           LOG_UINT("transactions", job->transactions),
           LOG_STR("wallet", sources_label(p->sources, p->last_wallet)));
}

static void note_problem(struct producer *p, const char *what)
{
    if (p->problem[0] == '\0' && what[0] != '\0')
        log_warning("jobs.held", LOG_STR("network", p->network), LOG_STR("why", what));
    snprintf(p->problem, sizeof(p->problem), "%s", what);
}

/* False: the database has not taken it, and it has to be tried again. */
static bool produce(struct producer *p, const struct block_template *t, size_t wallet)
{
    const struct job_plan plan = {p->network, &p->payee, p->conf->jobs.tag};
    const struct job_body body = {.transactions = {t->tx_bytes, t->tx_len},
                                  .mweb = {t->mweb, t->mweb_len},
                                  .txids = {*t->tx_id, (size_t)t->tx_n * sizeof(*t->tx_id)}};
    const bool new_tip = !p->has_last || u256_cmp(&p->last.prev, &t->prev) != 0;
    const int64_t begun_us = clock_real_us();
    char err[160];
    struct job job;

    if (!job_make(t, &plan, &job, err, sizeof(err))) {
        atomic_fetch_add(&p->signs.refused, 1);
        sources_refused(p->sources, wallet, err);
        return true;
    }
    const enum db_result r = job_store(p->db, &job, &body);
    if (r != DB_OK) {
        snprintf(err, sizeof(err), "database: %s: %s", db_result_name(r), db_error(p->db));
        note_problem(p, err);
        return false;
    }
    note_problem(p, "");
    p->has_last = true;
    p->last = job;
    p->last_wallet = wallet;
    p->last_ms = clock_mono_ms();
    p->content = content_of(t);
    atomic_fetch_add(&p->signs.made, 1);
    publish(p);
    histogram_add(&p->signs.making_us, &histogram_time_us, clock_real_us() - begun_us);
    log_job(p, &job, new_tip);
    return true;
}

/* --- which template becomes a job --- */

/* The wallet in use now may be a block behind the one before it, for a moment. What the same wallet
 * takes back it means. */
static bool is_step_back(struct producer *p, const struct block_template *t, size_t wallet)
{
    return p->last_ms != 0 && t->height < p->last.height && wallet != p->last_wallet &&
           sources_other_has(p->sources, wallet, (int64_t)p->last.height - 1);
}

static bool is_due(const struct producer *p, const struct block_template *t)
{
    const int64_t refresh_ms = p->conf->jobs.refresh_s * 1000;
    const int64_t age_ms = clock_mono_ms() - p->last_ms;
    const struct u256 content = content_of(t);

    if (p->last_ms == 0 || u256_cmp(&p->last.prev, &t->prev) != 0)
        return true;
    return age_ms >= refresh_ms &&
           (u256_cmp(&content, &p->content) != 0 || age_ms >= ANYWAY_TIMES * refresh_ms);
}

static void keep_waiting(struct producer *p, json_t *reply, size_t wallet)
{
    json_decref(p->waiting);
    p->waiting = json_incref(reply);
    p->waiting_wallet = wallet;
    p->retry_ms = clock_mono_ms() + RETRY_MS;
}

static void drop_waiting(struct producer *p)
{
    json_decref(p->waiting);
    p->waiting = NULL;
}

static void consider(struct producer *p, json_t *reply, size_t wallet)
{
    char err[160];
    struct block_template *t = template_parse(reply, err, sizeof(err));
    bool done = true;

    if (t == NULL) {
        atomic_fetch_add(&p->signs.refused, 1);
        sources_refused(p->sources, wallet, err);
        return;
    }
    sources_used(p->sources, wallet, t->height);
    if (!is_step_back(p, t, wallet) && is_due(p, t))
        done = produce(p, t, wallet);
    if (done)
        drop_waiting(p);
    else
        keep_waiting(p, reply, wallet);
    template_free(&t);
}

/* --- leading --- */

static bool refresh_is_due(const struct producer *p)
{
    return p->last_ms == 0 || clock_mono_ms() - p->last_ms >= p->conf->jobs.refresh_s * 1000;
}

static void look_for_news(struct producer *p)
{
    json_t *reply = NULL;
    size_t wallet;
    const bool news = sources_wait(p->sources, p->waiting || p->unpublished ? RETRY_MS : CHECK_MS,
                                   &reply, &wallet);

    if (reply == NULL && (news || refresh_is_due(p)) && !sources_fetch(p->sources, &reply, &wallet))
        reply = NULL;
    if (reply != NULL)
        consider(p, reply, wallet);
    json_decref(reply);
}

static void try_again(struct producer *p)
{
    if (clock_left_ms(p->retry_ms) > 0)
        return;
    p->retry_ms = clock_mono_ms() + RETRY_MS;
    if (p->waiting != NULL) {
        json_t *reply = json_incref(p->waiting);

        consider(p, reply, p->waiting_wallet);
        json_decref(reply);
    } else if (p->unpublished) {
        publish(p);
    }
}

static void tell_health(struct producer *p)
{
    char now[160];

    sources_problem(p->sources, now, sizeof(now));
    if (now[0] == '\0')
        snprintf(now, sizeof(now), "%s", p->problem);
    atomic_store(&p->signs.held, now[0] != '\0');
    if (strcmp(now, p->told) == 0 && clock_left_ms(p->told_ms) > 0)
        return;
    p->told_ms = clock_mono_ms() + HEALTH_MS;
    if (job_tell_health(p->db, p->network, now) == DB_OK)
        snprintf(p->told, sizeof(p->told), "%s", now);
}

static bool still_leads(struct producer *p, struct task_lock *lock)
{
    if (clock_left_ms(p->checked_ms) > 0)
        return true;
    p->checked_ms = clock_mono_ms() + CHECK_MS;
    return task_lock_holds(lock);
}

/* What was the newest job says whether the first template is of a new block: for the log only. */
static void begin(struct producer *p)
{
    p->last_ms = p->retry_ms = p->told_ms = 0;
    p->last_wallet = 0;
    p->unpublished = false;
    p->told[0] = p->problem[0] = '\0';
    drop_waiting(p);
    if (job_newest(p->db, p->network, &p->has_last, &p->last) != DB_OK)
        p->has_last = false;
}

static void lead(struct task_lock *lock, void *ctx)
{
    struct producer *p = ctx;

    log_info("jobs.leads", LOG_STR("network", p->network));
    begin(p);
    atomic_store(&p->signs.leads, true);
    sources_start(p->sources);
    while (!atomic_load(&p->stop) && still_leads(p, lock)) {
        atomic_store(&p->alive_ms, clock_mono_ms());
        look_for_news(p);
        try_again(p);
        tell_health(p);
    }
    sources_stop(p->sources);
    atomic_store(&p->signs.leads, false);
    atomic_store(&p->signs.held, false);
    atomic_store(&p->signs.unpublished, false);
}

static void *producer_main(void *arg)
{
    struct producer *p = arg;
    enum task_lock_result before = TASK_LOCK_HELD;
    char err[256];

    while (!atomic_load(&p->stop)) {
        const enum task_lock_result r =
            leader_lock_run(p->lock_db, p->network, lead, p, err, sizeof(err));

        atomic_store(&p->alive_ms, clock_mono_ms());
        if (r == TASK_LOCK_TAKEN && before != r)
            log_info("jobs.stands_by", LOG_STR("network", p->network));
        else if (r == TASK_LOCK_ERROR && before != r)
            log_warning("jobs.lock", LOG_STR("network", p->network), LOG_STR("error", err));
        before = r;
        for (int64_t end = clock_mono_ms() + STANDBY_MS;
             !atomic_load(&p->stop) && clock_left_ms(end) > 0;)
            clock_sleep_ms(50);
    }
    return NULL;
}

void producer_start(struct producer *p)
{
    if (pthread_create(&p->thread, NULL, producer_main, p) != 0)
        abort(); /* without threads there is nothing to be done */
}

void producer_stop(struct producer *p)
{
    atomic_store(&p->stop, true);
    sources_wake(p->sources);
}

void producer_join(struct producer *p)
{
    pthread_join(p->thread, NULL);
}

void producer_poke(struct producer *p)
{
    sources_poke(p->sources);
}

const struct producer_signs *producer_signs(const struct producer *p)
{
    return &p->signs;
}

const char *producer_network(const struct producer *p)
{
    return p->network;
}

int64_t producer_alive_ms(const struct producer *p)
{
    return atomic_load(&p->alive_ms);
}
