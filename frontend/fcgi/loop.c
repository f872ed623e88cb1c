#include "frontend/fcgi/loop.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "frontend/fcgi/router.h"
#include "frontend/limit/client_ip.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { LISTEN_FD = 0, ACCEPT_PAUSE_MS = 5 };

static volatile sig_atomic_t stopping;

static void on_stop(int sig)
{
    (void)sig;
    stopping = 1;
}

/* Stop signals stay blocked except while waiting, so no request is ever cut short. Returns the mask
 * to wait with. */
static sigset_t set_up_signals(void)
{
    static const int stop_signals[] = {SIGTERM, SIGHUP, SIGINT};
    struct sigaction stop = {.sa_handler = on_stop}, ignore = {.sa_handler = SIG_IGN};
    sigset_t blocked, waiting;

    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++) {
        sigaction(stop_signals[i], &stop, NULL);
        sigaddset(&blocked, stop_signals[i]);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigprocmask(SIG_BLOCK, &blocked, &waiting);
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        sigdelset(&waiting, stop_signals[i]);
    return waiting;
}

/* Waits for a connection, and logs refusals when that is due. False when it is time to stop and no
 * connection is waiting. FCGX_Accept_r() alone could miss a signal that comes just before it
 * blocks.
 */
static bool wait_for_request(struct service *s, const sigset_t *mask)
{
    for (;;) {
        int64_t wait = stopping ? 0 : refusals_wait_ms(&s->refusals, clock_mono_ms());
        struct timespec timeout = {.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000};
        struct pollfd listening = {.fd = LISTEN_FD, .events = POLLIN};
        int n = ppoll(&listening, 1, wait < 0 ? NULL : &timeout, mask);

        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR) {
            log_fatal("frontend.poll_failed", LOG_STR("why", strerror(errno)));
            return false;
        }
        if (n == 0 && stopping)
            return false;
        refusals_log(&s->refusals, clock_mono_ms(), false);
    }
}

static size_t read_body(void *ctx, void *data, size_t size)
{
    int n = FCGX_GetStr(data, (int)size, ctx);

    return n > 0 ? (size_t)n : 0;
}

static void send_reply(FCGX_Request *fcgx, const struct reply *reply, bool head_only)
{
    char head[REPLY_HEAD_SIZE];
    size_t len = reply_head(reply, head);

    FCGX_PutStr(head, (int)len, fcgx->out);
    if (reply->body.len > 0 && !head_only)
        FCGX_PutStr(reply->body.data, (int)reply->body.len, fcgx->out);
}

/* By route and class of status: what cannot be told apart by these is not worth a series. */
static void count(struct service *s, const struct reply *reply, int64_t us)
{
    char name[COUNTER_MAX_NAME + 1];

    snprintf(name, sizeof name, "%d %s", reply->status / 100, reply->route ? reply->route : "none");
    counters_add(s->counters, COUNTER_REQUESTS, name);
    if (!reply->route || strcmp(reply->route, "/warm-up") != 0) /* which waits for its own kind */
        counters_observe(s->counters, HISTOGRAM_REQUEST, us);
}

/* The library would wait until the web server has closed, too, for the sake of what that may still
 * send. Nothing comes any more where the request was read to its end, and what we sent stays in the
 * socket: there the program is free for the next one at once. */
static void part(FCGX_Request *fcgx)
{
    if (FCGX_GetChar(fcgx->in) == EOF && FCGX_GetError(fcgx->in) == 0)
        FCGX_Detach(fcgx);
    FCGX_Finish_r(fcgx);
    FCGX_Free(fcgx, 1); /* also where the web server wants to keep it: we wait for new ones */
}

static void serve(struct service *s, FCGX_Request *fcgx)
{
    struct request rq = {.env = fcgx->envp, .read = read_body, .ctx = fcgx->in};
    struct reply reply = REPLY_INIT;
    int64_t start = clock_mono_us();
    char ip[IP_TEXT_SIZE];

    client_ip(s->proxies, s->conf->frontend.trusted_proxies.n, &rq, ip);
    rq.ip = ip;
    s->refusals.requests++;
    router_handle(s, &rq, &reply);
    send_reply(fcgx, &reply, strcmp(request_method(&rq), "HEAD") == 0);
    log_debug("frontend.request", LOG_STR("method", request_method(&rq)),
              LOG_STR("ip", request_ip(&rq)), LOG_STR("action", request_header(&rq, "Action")),
              LOG_INT("status", reply.status), LOG_INT("ms", (clock_mono_us() - start) / 1000));
    count(s, &reply, clock_mono_us() - start);
    buf_free(&reply.body);
}

bool loop_run(struct service *s)
{
    FCGX_Request fcgx;
    sigset_t mask = set_up_signals();

    if (FCGX_Init() != 0 || FCGX_InitRequest(&fcgx, LISTEN_FD, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
        log_fatal("frontend.fastcgi_failed", LOG_STR("why", "libfcgi does not start"));
        return false;
    }
    while (wait_for_request(s, &mask)) {
        if (FCGX_Accept_r(&fcgx) < 0) { /* the web server gave the connection up, most likely */
            clock_sleep_ms(ACCEPT_PAUSE_MS);
            continue;
        }
        serve(s, &fcgx);
        part(&fcgx);
        refusals_log(&s->refusals, clock_mono_ms(), false);
    }
    refusals_log(&s->refusals, clock_mono_ms(), true);
    return stopping;
}
