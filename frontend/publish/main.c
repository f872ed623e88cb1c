/* penstock-publisher: publishes for all FastCGI programs of a machine; handover.h says why,
 * publisher.h how. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/conf/options.h"
#include "common/metrics/listener.h"
#include "frontend/publish/publisher.h"

#include <signal.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>

/* A confirm that comes while nothing else does is waited for by epoll; this is for what has no
 * file: deadlines, signals, systemd's watchdog. */
enum { TICK_MS = 100, FEED_MS = 1000 };

static volatile sig_atomic_t stopping;

static void on_stop(int sig)
{
    (void)sig;
    stopping = 1;
}

static void set_up_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    struct sigaction stop = {.sa_handler = on_stop}, ignore = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

/* Every call is bounded: a round that does not end is a fault, and systemd starts another. */
static void serve(struct publisher *p)
{
    int64_t feed_ms = 0;

    while (!stopping) {
        publisher_work(p, TICK_MS);
        if (clock_mono_ms() < feed_ms)
            continue;
        sd_notify(0, "WATCHDOG=1");
        feed_ms = clock_mono_ms() + FEED_MS;
    }
}

/* It publishes all the same when nobody can be told of it. */
static struct listener *open_metrics(const char *address, struct publisher *p)
{
    char err[256];

    if (!*address)
        return NULL;
    struct listener *l =
        listener_open(address, 1, watched_write, publisher_signs(p), err, sizeof err);
    if (!l)
        log_error("publisher.no_metrics", LOG_STR("why", err));
    return l;
}

int main(int argc, char **argv)
{
    char err[512];
    struct frontend_conf *conf =
        options_load(&publisher_schema, argc, argv, FRONTEND_CONF_PATH, NULL);

    log_init_conf("penstock-publisher", &conf->log);
    set_up_signals();
    struct publisher *p = publisher_open(conf, err, sizeof err);
    if (!p) {
        log_fatal("publisher.start_failed", LOG_STR("why", err));
        return EX_CONFIG;
    }
    log_info("publisher.started", LOG_STR("version", PENSTOCK_VERSION),
             LOG_STR("socket", conf->frontend.publisher_socket));
    struct listener *metrics = open_metrics(conf->frontend.publisher_metrics, p);
    sd_notify(0, "READY=1");
    serve(p);
    sd_notify(0, "STOPPING=1");
    publisher_end(p);
    while (!publisher_idle(p)) /* bounded by each message's deadline */
        publisher_work(p, TICK_MS);
    listener_close(&metrics);
    publisher_close(&p);
    conf_free(&publisher_schema, conf);
    return 0;
}
