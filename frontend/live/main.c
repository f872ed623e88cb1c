/* penstock-live: live.h says what it does. */
#include "common/base/log.h"
#include "common/conf/options.h"
#include "frontend/live/live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { FEED_MS = 1000 };

struct program {
    struct frontend_conf *conf;
    const char *path; /* of the settings */
    struct live *live;
    uv_signal_t term, interrupt, hup;
    uv_timer_t feed;
    bool again; /* to be started anew, with other settings */
    int fd;     /* of the listening socket, for whoever comes after; -1: none */
};

static void stop_handles(struct program *p)
{
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->interrupt, NULL);
    uv_close((uv_handle_t *)&p->hup, NULL);
    uv_close((uv_handle_t *)&p->feed, NULL);
}

static void end(struct program *p, const char *signal)
{
    log_info("live.ending", LOG_STR("signal", signal));
    sd_notify(0, p->again ? "RELOADING=1" : "STOPPING=1");
    live_end(p->live);
    stop_handles(p);
}

static void on_end(uv_signal_t *s, int number)
{
    end(s->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* Broken settings change nothing. With good ones this process begins anew, on the socket on which
 * connections go on queueing meanwhile. */
static void on_reload(uv_signal_t *s, int number)
{
    struct program *p = s->data;
    char err[1024];
    void *conf = conf_load(&live_schema, p->path, err, sizeof err);

    (void)number;
    if (!conf) {
        log_error("live.reload_refused", LOG_STR("error", err));
        return;
    }
    conf_free(&live_schema, conf);
    p->again = true;
    p->fd = fcntl(live_fd(p->live), F_DUPFD_CLOEXEC, SD_LISTEN_FDS_START + 1);
    end(p, "SIGHUP");
}

static void on_feed(uv_timer_t *t)
{
    (void)t;
    sd_notify(0, "WATCHDOG=1"); /* the loop goes round */
}

static void start_handles(struct program *p, uv_loop_t *loop)
{
    uv_signal_init(loop, &p->term);
    uv_signal_init(loop, &p->interrupt);
    uv_signal_init(loop, &p->hup);
    uv_timer_init(loop, &p->feed);
    p->term.data = p->interrupt.data = p->hup.data = p;
    uv_signal_start(&p->term, on_end, SIGTERM);
    uv_signal_start(&p->interrupt, on_end, SIGINT);
    uv_signal_start(&p->hup, on_reload, SIGHUP);
    uv_timer_start(&p->feed, on_feed, FEED_MS, FEED_MS);
}

/* The socket that systemd, or this process before it began anew, has for us. */
static int inherited(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    const long port = colon ? strtol(colon + 1, NULL, 10) : 0;

    if (sd_listen_fds(1) != 1 ||
        sd_is_socket_inet(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1, (uint16_t)port) <= 0)
        return -1;
    return SD_LISTEN_FDS_START;
}

static int begin_anew(const struct program *p, char **argv)
{
    char pid[24];

    if (p->fd >= 0 && dup2(p->fd, SD_LISTEN_FDS_START) == SD_LISTEN_FDS_START) {
        snprintf(pid, sizeof pid, "%ld", (long)getpid());
        setenv("LISTEN_PID", pid, 1);
        setenv("LISTEN_FDS", "1", 1);
    }
    execv("/proc/self/exe", argv);
    log_fatal("live.restart", LOG_STR("error", strerror(errno)));
    return EX_OSERR;
}

int main(int argc, char **argv)
{
    struct program p = {.fd = -1};
    uv_loop_t *loop = uv_default_loop();
    char err[512];

    p.conf = options_load(&live_schema, argc, argv, FRONTEND_CONF_PATH, &p.path);
    log_init_conf("penstock-live", &p.conf->log);
    signal(SIGPIPE, SIG_IGN);
    p.live = live_open(p.conf, loop, inherited(p.conf->live.listen), err, sizeof err);
    if (!p.live) {
        log_fatal("live.start_failed", LOG_STR("why", err));
        return EX_CONFIG;
    }
    start_handles(&p, loop);
    live_start(p.live);
    log_info("live.started", LOG_STR("version", PENSTOCK_VERSION),
             LOG_STR("listen", p.conf->live.listen));
    sd_notify(0, "READY=1");
    uv_run(loop, UV_RUN_DEFAULT);
    live_close(&p.live);
    uv_loop_close(loop);
    conf_free(&live_schema, p.conf);
    return p.again ? begin_anew(&p, argv) : 0;
}
