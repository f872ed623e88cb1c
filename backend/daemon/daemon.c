#include "backend/daemon/daemon.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/options.h"
#include "common/db/schema.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS     250
#define DB_RETRY_MS 1000

struct daemon {
    const struct daemon_ops *ops;
    struct backend_conf *conf;
    const char *path; /* of the settings */
    sigset_t signals;
};

/* An event's name; good until the next call. */
static const char *event(const struct daemon *d, const char *what)
{
    static char name[64];

    snprintf(name, sizeof(name), "%s.%s", d->ops->name, what);
    return name;
}

/* SIGTERM, SIGINT or SIGHUP, or 0 when none came within the time. */
static int next_signal(const struct daemon *d, int64_t wait_ms)
{
    struct timespec t = {wait_ms / 1000, (wait_ms % 1000) * 1000000};
    int sig = sigtimedwait(&d->signals, NULL, &t);

    return sig > 0 ? sig : 0;
}

/* A reload with broken settings changes nothing. */
static bool settings_are_good(const struct daemon *d)
{
    char err[1024];
    void *conf = conf_load(&backend_schema, d->path, err, sizeof(err));

    if (conf == NULL) {
        log_error(event(d, "reload_refused"), LOG_STR("error", err));
        return false;
    }
    conf_free(&backend_schema, conf);
    return true;
}

/* True once this program may work on the database; false when told to end before. */
static bool wait_for_schema(const struct daemon *d)
{
    char err[512];
    struct db *db = db_open(&d->conf->database, err, sizeof(err));
    bool fits = false, logged = false, ended = false;

    if (db == NULL) {
        log_fatal(event(d, "database"), LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    while (!ended) {
        enum db_result r = schema_check(db, &fits, err, sizeof(err));

        if (r == DB_OK)
            break;
        if (!logged)
            log_warning(event(d, "waits_for_database"), LOG_STR("result", db_result_name(r)),
                        LOG_STR("error", err));
        logged = true;
        ended = next_signal(d, DB_RETRY_MS) != 0;
    }
    db_close(&db);
    if (!ended && !fits) {
        log_fatal(event(d, "schema"), LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    return !ended;
}

/* Until SIGTERM or SIGINT (returned), or SIGHUP with good settings. */
static int supervise(const struct daemon *d, void *all)
{
    int sig;

    for (;;) {
        sig = next_signal(d, TICK_MS);
        if (sig != 0 && (sig != SIGHUP || settings_are_good(d)))
            return sig;
        /* systemd restarts the program when this stays away */
        if (clock_mono_ms() - d->ops->alive_ms(all) <= DAEMON_STALLED_MS)
            sd_notify(0, "WATCHDOG=1");
    }
}

static int work(const struct daemon *d)
{
    char err[512];
    void *all = d->ops->open(d->conf, err, sizeof(err));

    if (all == NULL) {
        log_fatal(event(d, "settings"), LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    d->ops->start(all);
    log_info(event(d, "started"), LOG_STR("version", PENSTOCK_VERSION),
             LOG_UINT(d->ops->held, d->ops->count(all)), LOG_STR("settings", d->path));
    sd_notify(0, "READY=1");
    const int sig = supervise(d, all);
    sd_notify(0, sig == SIGHUP ? "RELOADING=1" : "STOPPING=1");
    log_info(event(d, "ending"), LOG_STR("signal", sig == SIGHUP ? "SIGHUP" : "SIGTERM"));
    d->ops->close(all);
    return sig;
}

int daemon_main(const struct daemon_ops *ops, int argc, char **argv)
{
    struct conf_schema schema = backend_schema;
    struct daemon d = {.ops = ops};
    int sig = SIGTERM;

    schema.program = ops->program;
    schema.text = ops->text;
    d.conf = options_load(&schema, argc, argv, BACKEND_CONF_PATH, &d.path);
    log_init_conf(ops->program, &d.conf->log);
    sigemptyset(&d.signals);
    sigaddset(&d.signals, SIGTERM);
    sigaddset(&d.signals, SIGINT);
    sigaddset(&d.signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &d.signals, NULL); /* in all threads */
    signal(SIGPIPE, SIG_IGN);

    if (wait_for_schema(&d))
        sig = work(&d);
    conf_free(&backend_schema, d.conf);
    if (sig == SIGHUP) {
        execv("/proc/self/exe", argv);
        log_fatal(event(&d, "restart"), LOG_STR("error", strerror(errno)));
        return EX_OSERR;
    }
    return 0;
}
