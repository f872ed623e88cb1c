/* penstock-worker: validates queued solutions and records them as shares. Two lanes per network
 * (lane.h); this thread waits for signals, tells systemd how the lanes do, and ends or restarts the
 * whole. */
#include "backend/metrics/metrics.h"
#include "backend/worker/lane.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/conf/options.h"
#include "common/db/schema.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define PROGRAM     "penstock-worker"
#define TICK_MS     250
#define STALLED_MS  120000 /* a lane silent for so long hangs: every call it makes is bounded */
#define DB_RETRY_MS 1000
/* Whatever is longer is given back to the system once it is free. glibc would raise this bound with
 * the first long message, and keep the room for as many of them as ever were there at once. */
#define MMAP_FROM (128 * 1024)

struct worker {
    struct backend_conf *conf;
    const char *path; /* of the settings */
    struct lane **lane;
    size_t lanes;
    struct metrics *metrics; /* NULL: none */
    sigset_t signals;
};

/* SIGTERM, SIGINT or SIGHUP, or 0 when none came within the time. */
static int next_signal(const struct worker *w, int64_t wait_ms)
{
    struct timespec t = {wait_ms / 1000, (wait_ms % 1000) * 1000000};
    int sig = sigtimedwait(&w->signals, NULL, &t);

    return sig > 0 ? sig : 0;
}

/* A reload with broken settings changes nothing. */
static bool settings_are_good(const struct worker *w)
{
    char err[1024];
    void *conf = conf_load(&backend_schema, w->path, err, sizeof(err));

    if (conf == NULL) {
        log_error("worker.reload_refused", LOG_STR("error", err));
        return false;
    }
    conf_free(&backend_schema, conf);
    return true;
}

/* True once this program may work on the database; false when told to end before. */
static bool wait_for_schema(const struct worker *w)
{
    char err[512];
    struct db *db = db_open(&w->conf->database, err, sizeof(err));
    bool fits = false, logged = false, ended = false;

    if (db == NULL) {
        log_fatal("worker.database", LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    while (!ended) {
        enum db_result r = schema_check(db, &fits, err, sizeof(err));

        if (r == DB_OK)
            break;
        if (!logged)
            log_warning("worker.waits_for_database", LOG_STR("result", db_result_name(r)),
                        LOG_STR("error", err));
        logged = true;
        ended = next_signal(w, DB_RETRY_MS) != 0;
    }
    db_close(&db);
    if (!ended && !fits) {
        log_fatal("worker.schema", LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    return !ended;
}

static void open_lanes(struct worker *w)
{
    char err[512];

    w->lanes = w->conf->networks.n * SOLUTION_WAYS;
    w->lane = mem_zalloc(w->lanes * sizeof(struct lane *));
    for (size_t i = 0; i < w->lanes; i++) {
        w->lane[i] = lane_open(w->conf, backend_network_at(w->conf, i / SOLUTION_WAYS),
                               (enum solution_way)(i % SOLUTION_WAYS), err, sizeof(err));
        if (w->lane[i] == NULL) {
            log_fatal("worker.lane", LOG_STR("error", err));
            exit(EX_CONFIG);
        }
    }
}

/* A worker that cannot be watched works all the same. */
static void open_metrics(struct worker *w)
{
    char err[512];

    if (*w->conf->worker.metrics == '\0')
        return;
    w->metrics = metrics_open(w->conf, w->lane, w->lanes, err, sizeof(err));
    if (w->metrics == NULL)
        log_error("worker.no_metrics", LOG_STR("error", err));
}

static void close_lanes(struct worker *w)
{
    metrics_close(&w->metrics);
    for (size_t i = 0; i < w->lanes; i++)
        lane_stop(w->lane[i]);
    for (size_t i = 0; i < w->lanes; i++)
        lane_join(w->lane[i]);
    for (size_t i = 0; i < w->lanes; i++)
        lane_close(&w->lane[i]);
    free(w->lane);
    w->lane = NULL;
}

/* systemd restarts the worker when this stays away. */
static void feed_watchdog(const struct worker *w)
{
    for (size_t i = 0; i < w->lanes; i++)
        if (clock_mono_ms() - lane_alive_ms(w->lane[i]) > STALLED_MS)
            return;
    sd_notify(0, "WATCHDOG=1");
}

/* Until SIGTERM or SIGINT (returned), or SIGHUP with good settings. */
static int supervise(const struct worker *w)
{
    int sig;

    for (;;) {
        sig = next_signal(w, TICK_MS);
        if (sig != 0 && (sig != SIGHUP || settings_are_good(w)))
            return sig;
        feed_watchdog(w);
    }
}

int main(int argc, char **argv)
{
    struct worker w = {0};
    int sig = SIGTERM;

    w.conf = options_load(&backend_schema, argc, argv, BACKEND_CONF_PATH, &w.path);
    log_init_conf(PROGRAM, &w.conf->log);
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    sigemptyset(&w.signals);
    sigaddset(&w.signals, SIGTERM);
    sigaddset(&w.signals, SIGINT);
    sigaddset(&w.signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &w.signals, NULL); /* in all threads */
    signal(SIGPIPE, SIG_IGN);

    if (wait_for_schema(&w)) {
        open_lanes(&w);
        for (size_t i = 0; i < w.lanes; i++)
            lane_start(w.lane[i]);
        open_metrics(&w);
        log_info("worker.started", LOG_STR("version", PENSTOCK_VERSION),
                 LOG_UINT("networks", w.conf->networks.n), LOG_STR("settings", w.path));
        sd_notify(0, "READY=1");
        sig = supervise(&w);
        sd_notify(0, sig == SIGHUP ? "RELOADING=1" : "STOPPING=1");
        log_info("worker.ending", LOG_STR("signal", sig == SIGHUP ? "SIGHUP" : "SIGTERM"));
        close_lanes(&w);
    }
    conf_free(&backend_schema, w.conf);
    if (sig == SIGHUP) {
        execv("/proc/self/exe", argv);
        log_fatal("worker.restart", LOG_STR("error", strerror(errno)));
        return EX_OSERR;
    }
    return 0;
}
