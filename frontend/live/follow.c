#include "frontend/live/follow.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "frontend/getwork/newest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LISTEN_MS = 250, AWAY_MS = 1000, LOOK_MS = 10000, PAUSE_MS = 200 };

struct known {
    bool is, fresh; /* fresh: not taken yet */
    struct job job;
};

struct follow {
    struct follow_conf conf;
    struct broker *broker;
    struct db *db;
    struct newest *newest;
    pthread_t thread;
    bool started;
    int64_t look_ms; /* when the database is asked next; of the thread */
    pthread_mutex_t lock;
    /* guarded by LOCK */
    bool ending, doubt;
    struct follow_state state;
    struct known known[];
};

/* --- what both threads see --- */

static bool is_ending(struct follow *f)
{
    pthread_mutex_lock(&f->lock);
    bool ending = f->ending;
    f->state.alive_ms = clock_mono_ms();
    pthread_mutex_unlock(&f->lock);
    return ending;
}

/* Jobs come from one producer at a time; of two that took turns, the one that was made later is
 * newer. */
static bool is_newer(const struct known *k, const struct job *job)
{
    return !k->is || job->made_us > k->job.made_us;
}

static void note(struct follow *f, size_t i, const struct job *job, uint64_t *count)
{
    struct known *k = &f->known[i];

    pthread_mutex_lock(&f->lock);
    bool newer = is_newer(k, job);
    if (newer) {
        k->job = *job;
        k->is = k->fresh = true;
        ++*count;
    }
    pthread_mutex_unlock(&f->lock);
    if (newer)
        f->conf.news(f->conf.ctx);
}

bool follow_take(struct follow *f, size_t network, struct job *ret)
{
    struct known *k = &f->known[network];

    pthread_mutex_lock(&f->lock);
    bool fresh = k->fresh;
    if (fresh)
        *ret = k->job;
    k->fresh = false;
    pthread_mutex_unlock(&f->lock);
    return fresh;
}

struct follow_state follow_look(struct follow *f)
{
    pthread_mutex_lock(&f->lock);
    struct follow_state state = f->state;
    pthread_mutex_unlock(&f->lock);
    return state;
}

void follow_doubt(struct follow *f)
{
    pthread_mutex_lock(&f->lock);
    f->doubt = true;
    pthread_mutex_unlock(&f->lock);
}

static bool is_doubted(struct follow *f)
{
    pthread_mutex_lock(&f->lock);
    bool doubt = f->doubt;
    f->doubt = false;
    pthread_mutex_unlock(&f->lock);
    return doubt;
}

/* True when it differs from before. */
static bool turn(struct follow *f, bool *mark, bool value)
{
    pthread_mutex_lock(&f->lock);
    bool turned = *mark != value;
    *mark = value;
    pthread_mutex_unlock(&f->lock);
    return turned;
}

/* --- the database --- */

static void note_database(struct follow *f, enum db_result r)
{
    if (!turn(f, &f->state.database, r == DB_OK))
        return;
    if (r == DB_OK)
        log_info("live.database_back", LOG_STR("says", "jobs can be read"));
    else
        log_error("live.database_away", LOG_STR("result", db_result_name(r)),
                  LOG_STR("why", db_error(f->db)));
}

static void read_newest(struct follow *f)
{
    enum db_result r = DB_OK;

    for (size_t i = 0; i < f->conf.networks_n && r == DB_OK; i++) {
        const struct job *job = NULL;

        r = newest_read(f->newest, i, f->db, f->conf.networks[i], &job);
        if (r == DB_OK && job)
            note(f, i, job, &f->state.read);
    }
    note_database(f, r);
}

static void look(struct follow *f)
{
    int64_t now = clock_mono_ms();

    if (now < f->look_ms && !is_doubted(f))
        return;
    read_newest(f);
    f->look_ms = now + (f->state.broker && f->state.database ? LOOK_MS : AWAY_MS);
}

/* --- the broker --- */

static void note_broker(struct follow *f, enum broker_result r)
{
    bool good = r == BROKER_OK || r == BROKER_IDLE;

    if (!turn(f, &f->state.broker, good))
        return;
    f->look_ms = 0; /* what was missed until now */
    if (good)
        log_info("live.follows", LOG_STR("exchange", JOB_EXCHANGE));
    else
        log_warning("live.broker_away", LOG_STR("result", broker_result_name(r)),
                    LOG_STR("why", broker_error(f->broker)));
}

static void take(struct follow *f, const struct broker_delivery *d)
{
    struct job *job = mem_zalloc(sizeof *job);
    const char *wrong = job_decode(d->body, d->len, job);

    for (size_t i = 0; i < f->conf.networks_n && !wrong; i++)
        if (strcmp(job->network, f->conf.networks[i]) == 0)
            note(f, i, job, &f->state.told);
    if (wrong)
        log_warning("live.bad_job", LOG_STR("why", wrong), LOG_STR("message_id", d->message_id));
    free(job);
}

static void listen_once(struct follow *f)
{
    struct broker_delivery *d = NULL;
    enum broker_result r = broker_receive(f->broker, JOB_MAX_TEXT, LISTEN_MS, &d);

    note_broker(f, r);
    if (r == BROKER_OK)
        take(f, d);
    else if (r != BROKER_IDLE)
        clock_sleep_ms(PAUSE_MS);
    broker_delivery_free(&d);
}

static void *run(void *arg)
{
    struct follow *f = arg;

    while (!is_ending(f)) {
        look(f);
        listen_once(f);
    }
    return NULL;
}

/* --- beginning and end --- */

struct follow *follow_open(const struct follow_conf *conf, char *err, size_t err_size)
{
    struct follow *f = mem_zalloc(sizeof *f + conf->networks_n * sizeof *f->known);

    f->conf = *conf;
    f->state = (struct follow_state){.database = true, .alive_ms = clock_mono_ms()};
    pthread_mutex_init(&f->lock, NULL);
    f->newest = newest_new(conf->networks_n);
    f->db = db_open(conf->database, err, err_size);
    if (f->db)
        f->broker = broker_open(conf->broker, "penstock-live", err, err_size);
    if (!f->broker) {
        follow_close(&f);
        return NULL;
    }
    broker_follow(f->broker, JOB_EXCHANGE, "job.*", FOLLOW_QUEUES);
    return f;
}

void follow_start(struct follow *f)
{
    if (pthread_create(&f->thread, NULL, run, f) != 0)
        abort(); /* no thread, no program */
    f->started = true;
}

void follow_close(struct follow **f)
{
    if (!*f)
        return;
    pthread_mutex_lock(&(*f)->lock);
    (*f)->ending = true;
    pthread_mutex_unlock(&(*f)->lock);
    if ((*f)->started)
        pthread_join((*f)->thread, NULL);
    if ((*f)->broker)
        broker_close(&(*f)->broker);
    if ((*f)->db)
        db_close(&(*f)->db);
    newest_free(&(*f)->newest);
    pthread_mutex_destroy(&(*f)->lock);
    free(*f);
    *f = NULL;
}
