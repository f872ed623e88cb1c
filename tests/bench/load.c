/*
 * load: asks an HTTPS server as fast as CONNECTIONS allow, or at a fixed rate, and prints as one
 * line of JSON how many requests were answered and how long they took.
 *
 * At a fixed rate a request's time begins when it was due, not when a connection was free for it:
 * a server that stalls is charged for all who had to wait. How late the generator itself was, with
 * a free connection at hand, is in these times too, and printed beside them. So is what remains
 * without the requests that met a pause of the machine itself (pauses.h), which no server can help:
 * calm_p50_us and calm_p99_us.
 */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "tests/bench/lib/exchange.h"
#include "tests/bench/lib/pauses.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define MAX_CONNECTIONS 1024
#define MAX_REQUEST     (64u * 1024)
#define MAX_LINE        (60u * 1024)

struct options {
    const char *host, *path, *ca, *method, *expect, *lines;
    int port;
    unsigned connections;
    double seconds, warm_up, rate; /* RATE 0: as fast as it goes */
    int priority;                  /* above that of other programs, as if on a machine of its own */
    bool close, pauses, bodies;    /* BODIES: the lines are */
    struct buf head;               /* the caller's headers */
};

struct connection {
    struct exchange x;
    bool busy, watched, reused;
    uint32_t events;
    int64_t start_us, free_us;
};

struct times {
    uint32_t *us;
    size_t n, room;
};

struct span_us {
    int64_t from, to;
};

struct load {
    const struct options *opt;
    SSL_CTX *ctx;
    struct sockaddr_in server;
    struct iovec *request;
    size_t requests, next;
    int epoll;
    struct connection *connection;
    unsigned turn; /* the connection that is asked first whether it is free */
    int64_t begin_us, measure_us, end_us;
    uint64_t issued;            /* at a fixed rate: how many were due so far */
    struct times latency, late; /* LATE: the generator's own part of the former */
    struct span_us *answer;     /* when each of LATENCY began and ended */
    size_t answer_room;
    struct pauses *pauses;     /* NULL: not watched */
    uint64_t answered, failed; /* ANSWERED: also outside of the measured time */
    uint64_t dropped;          /* kept-alive connections that the server closed meanwhile */
    char failure[512];         /* the first one */
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* --- requests --- */

static struct iovec build_request(const struct options *o, const char *line, size_t len)
{
    struct buf b = BUF_INIT(MAX_REQUEST + MAX_LINE);

    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\nContent-Length: %zu\r\n%s",
             o->method, o->path, o->host, o->close ? "close" : "keep-alive", o->bodies ? len : 0,
             o->head.data ? o->head.data : "");
    if (line != NULL && !o->bodies) {
        buf_addf(&b, "Solution: ");
        buf_add(&b, line, len);
        buf_addf(&b, "\r\n");
    }
    buf_addf(&b, "\r\n");
    if (o->bodies)
        buf_add(&b, line, len);
    return (struct iovec){b.data, b.len};
}

/* One request for each line of the file, to be sent in turn. */
static void read_requests(struct load *l)
{
    FILE *f = l->opt->lines != NULL ? fopen(l->opt->lines, "re") : NULL;
    char *line = NULL;
    size_t size = 0, room = 0;
    ssize_t len;

    if (l->opt->lines == NULL) {
        l->request = mem_resize(NULL, 1, sizeof(*l->request));
        l->request[l->requests++] = build_request(l->opt, NULL, 0);
        return;
    }
    while (f != NULL && (len = getline(&line, &size, f)) > 1) {
        if (l->requests == room)
            l->request = mem_resize(l->request, room = 2 * room + 1024, sizeof(*l->request));
        l->request[l->requests++] = build_request(l->opt, line, (size_t)len - 1);
    }
    free(line);
    if (l->requests == 0) {
        fprintf(stderr, "load: %s has no lines\n", l->opt->lines);
        exit(66);
    }
    fclose(f);
}

/* --- one exchange --- */

static void watch(struct load *l, struct connection *c, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};

    if (c->watched && c->events == events)
        return;
    if (epoll_ctl(l->epoll, c->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->x.fd, &e) != 0)
        abort();
    c->watched = true;
    c->events = events;
}

static void add(struct times *t, int64_t us)
{
    if (t->n == t->room)
        t->us = mem_resize(t->us, t->room = 2 * t->room + 65536, sizeof(*t->us));
    t->us[t->n++] = (uint32_t)us;
}

static void add_answer(struct load *l, int64_t from, int64_t to)
{
    if (l->latency.n == l->answer_room) {
        l->answer_room = 2 * l->answer_room + 65536;
        l->answer = mem_resize(l->answer, l->answer_room, sizeof(*l->answer));
    }
    l->answer[l->latency.n] = (struct span_us){from, to};
    add(&l->latency, to - from);
}

static void record(struct load *l, struct connection *c, int64_t now)
{
    bool good = c->x.status == 200 && strstr(c->x.body, l->opt->expect) != NULL;

    l->answered++;
    if (c->start_us < l->measure_us || now > l->end_us)
        return;
    if (!good && l->failed++ == 0)
        snprintf(l->failure, sizeof(l->failure), "%d %.400s", c->x.status, c->x.body);
    if (good)
        add_answer(l, c->start_us, now);
}

static void close_connection(struct connection *c)
{
    exchange_close(&c->x); /* and with it epoll's watch */
    c->watched = false;
}

static void send_again(struct load *l, struct connection *c);

/* What an exchange's last step asks for. */
static void follow(struct load *l, struct connection *c, enum exchange_result r)
{
    switch (r) {
    case EXCHANGE_READ:
        watch(l, c, EPOLLIN);
        return;
    case EXCHANGE_WRITE:
        watch(l, c, EPOLLOUT);
        return;
    case EXCHANGE_DONE:
        record(l, c, now_us());
        if (l->opt->close)
            close_connection(c);
        break;
    case EXCHANGE_FAILED:
        c->watched = false;
        if (c->reused && c->x.len == 0) {
            send_again(l, c);
            return;
        }
        if (l->failed++ == 0)
            snprintf(l->failure, sizeof(l->failure), "%s", c->x.why);
        break;
    }
    c->busy = false;
    c->free_us = now_us();
}

/* A server may close a kept-alive connection at any time (RFC 9112, 9.3.1), and then a client sends
 * its request again over a new one. The time goes on. */
static void send_again(struct load *l, struct connection *c)
{
    c->reused = false;
    l->dropped++;
    follow(l, c, exchange_start(&c->x, l->ctx, &l->server, c->x.request));
}

static void start(struct load *l, struct connection *c, int64_t start_us)
{
    const struct iovec *request = &l->request[l->next];

    l->next = (l->next + 1) % l->requests;
    c->busy = true;
    c->reused = c->x.ssl != NULL;
    c->start_us = start_us;
    follow(l, c, exchange_start(&c->x, l->ctx, &l->server, request));
}

/* --- the loop --- */

/* When request number K is due. */
static int64_t due_us(const struct load *l, uint64_t k)
{
    return l->begin_us + (int64_t)((double)k * 1e6 / l->opt->rate);
}

static void start_due(struct load *l, struct connection *c, int64_t now)
{
    int64_t due = due_us(l, l->issued++);

    if (due >= l->measure_us)
        add(&l->late, now - (due > c->free_us ? due : c->free_us));
    start(l, c, due);
}

/* They take turns, so that all of them are warm, also where fewer would do: a handshake costs more
 * than a request, and would be paid for in the very moment in which others already wait. */
static void start_free_ones(struct load *l)
{
    for (unsigned i = 0; i < l->opt->connections; i++) {
        struct connection *c = &l->connection[l->turn];
        int64_t now = now_us();

        if (now >= l->end_us || (l->opt->rate > 0 && due_us(l, l->issued) > now))
            return;
        l->turn = (l->turn + 1) % l->opt->connections;
        if (c->busy)
            continue;
        if (l->opt->rate == 0)
            start(l, c, now);
        else
            start_due(l, c, now);
    }
}

static struct timespec wait_time(const struct load *l)
{
    int64_t now = now_us();
    int64_t until = l->opt->rate > 0 ? due_us(l, l->issued) : now + 10000;

    if (until > l->end_us)
        until = l->end_us;
    int64_t left = until > now ? until - now : 0;
    return (struct timespec){left / 1000000, left % 1000000 * 1000};
}

static bool any_busy(const struct load *l)
{
    for (unsigned i = 0; i < l->opt->connections; i++)
        if (l->connection[i].busy)
            return true;
    return false;
}

/* Ends with all answered, so that nothing of this run is still at work in the next. */
static void run(struct load *l)
{
    static const int64_t patience_us = 10000000;
    struct epoll_event event[MAX_CONNECTIONS];

    while (now_us() < l->end_us || (any_busy(l) && now_us() < l->end_us + patience_us)) {
        start_free_ones(l);
        struct timespec wait = wait_time(l);
        if (now_us() >= l->end_us)
            wait = (struct timespec){0, 10000000};
        int n = epoll_pwait2(l->epoll, event, MAX_CONNECTIONS, &wait, NULL);
        for (int i = 0; i < n; i++) {
            struct connection *c = event[i].data.ptr;

            if (c->busy)
                follow(l, c, exchange_step(&c->x));
            else
                close_connection(c); /* the server ended an idle connection */
        }
    }
}

static int cmp_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t percentile(const struct times *t, double part)
{
    return t->n > 0 ? t->us[(size_t)(part * (double)(t->n - 1))] : 0;
}

static void sort(struct times *t)
{
    if (t->n > 0)
        qsort(t->us, t->n, sizeof(*t->us), cmp_u32);
}

/* The times of those that met no pause. */
static struct times calm(const struct load *l)
{
    struct times t = {0};

    for (size_t i = 0; i < l->latency.n; i++)
        if (!pauses_touch(l->pauses, l->answer[i].from, l->answer[i].to))
            add(&t, l->answer[i].to - l->answer[i].from);
    sort(&t);
    return t;
}

static void print_pauses(struct load *l)
{
    if (l->pauses == NULL)
        return;
    struct pauses_sum sum = pauses_sum(l->pauses, l->measure_us, l->end_us);
    struct times t = calm(l);

    printf("\"pauses\":%zu,\"pause_longest_us\":%lld,\"paused_us\":%lld,"
           "\"calm\":%zu,\"calm_p50_us\":%u,\"calm_p99_us\":%u,",
           sum.n, (long long)sum.longest_us, (long long)sum.all_us, t.n, percentile(&t, 0.5),
           percentile(&t, 0.99));
    free(t.us);
}

static void print_result(struct load *l)
{
    printf("{");
    print_pauses(l);
    sort(&l->latency);
    sort(&l->late);
    for (char *p = l->failure; *p; p++)
        if (*p < ' ' || *p == '"' || *p == '\\')
            *p = ' ';
    printf("\"requests\":%zu,\"answered\":%llu,\"failed\":%llu,\"failure\":\"%s\",\"dropped\":%llu,"
           "\"rate\":%.1f,\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,\"max_us\":%u,"
           "\"late_p50_us\":%u,\"late_p99_us\":%u}\n",
           l->latency.n, (unsigned long long)l->answered, (unsigned long long)l->failed, l->failure,
           (unsigned long long)l->dropped, (double)l->latency.n / l->opt->seconds,
           percentile(&l->latency, 0.5), percentile(&l->latency, 0.9),
           percentile(&l->latency, 0.99), percentile(&l->latency, 1), percentile(&l->late, 0.5),
           percentile(&l->late, 0.99));
}

/* --- options --- */

static void usage(int status)
{
    fprintf(status ? stderr : stdout,
            "usage: load --host ADDRESS --port N --ca FILE [OPTION...]\n"
            "  --path PATH        [/]           --method NAME   [GET]\n"
            "  --header 'N: V'    to send, also several times\n"
            "  --solutions FILE   each line in turn as the header Solution\n"
            "  --bodies FILE      each line in turn as the body\n"
            "  --connections N    [64]          --close         a new connection each time\n"
            "  --seconds S        [5]           --warm-up S     [1] before that, not counted\n"
            "  --rate N           requests a second [0: as fast as it goes]\n"
            "  --priority N       0 to 20: nice by -N, as far as that is allowed [0]\n"
            "  --pauses           watch for pauses of the machine itself\n"
            "  --expect TEXT      a good reply has it, and status 200 []\n");
    exit(status);
}

static double number(const char *text, double most)
{
    char *end;
    double x = strtod(text, &end);

    if (end == text || *end || x < 0 || x > most) {
        fprintf(stderr, "load: '%s' is no number from 0 to %g\n", text, most);
        exit(64);
    }
    return x;
}

static void take(struct options *o, int c, const char *arg)
{
    switch (c) {
    case 'h':
        usage(0);
        break;
    case 'H':
        o->host = arg;
        break;
    case 'p':
        o->port = (int)number(arg, 65535);
        break;
    case 'P':
        o->path = arg;
        break;
    case 'm':
        o->method = arg;
        break;
    case 'a':
        o->ca = arg;
        break;
    case 'k':
        if (!buf_addf(&o->head, "%s\r\n", arg))
            usage(64);
        break;
    case 'l':
        o->lines = arg;
        break;
    case 'c':
        o->connections = (unsigned)number(arg, MAX_CONNECTIONS);
        break;
    case 'x':
        o->close = true;
        break;
    case 's':
        o->seconds = number(arg, 3600);
        break;
    case 'w':
        o->warm_up = number(arg, 3600);
        break;
    case 'b':
        o->bodies = true;
        o->lines = arg;
        break;
    case 'r':
        o->rate = number(arg, 1e6);
        break;
    case 'u':
        o->pauses = true;
        break;
    case 'n':
        o->priority = (int)number(arg, 20);
        break;
    case 'e':
        o->expect = arg;
        break;
    default:
        usage(64);
    }
}

static void parse(struct options *o, int argc, char **argv)
{
    static const struct option table[] = {
        {"host", 1, NULL, 'H'},        {"port", 1, NULL, 'p'},      {"path", 1, NULL, 'P'},
        {"method", 1, NULL, 'm'},      {"ca", 1, NULL, 'a'},        {"header", 1, NULL, 'k'},
        {"seconds", 1, NULL, 's'},     {"solutions", 1, NULL, 'l'}, {"bodies", 1, NULL, 'b'},
        {"connections", 1, NULL, 'c'}, {"close", 0, NULL, 'x'},     {"warm-up", 1, NULL, 'w'},
        {"rate", 1, NULL, 'r'},        {"expect", 1, NULL, 'e'},    {"priority", 1, NULL, 'n'},
        {"pauses", 0, NULL, 'u'},      {"help", 0, NULL, 'h'},      {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
        take(o, c, optarg);
    if (optind < argc || o->host == NULL || o->port == 0 || o->ca == NULL || o->connections == 0 ||
        o->seconds <= 0)
        usage(64);
}

int main(int argc, char **argv)
{
    struct options o = {.path = "/",
                        .method = "GET",
                        .expect = "",
                        .connections = 64,
                        .seconds = 5,
                        .warm_up = 1,
                        .head = BUF_INIT(MAX_REQUEST / 2)};
    struct load l = {.opt = &o};

    parse(&o, argc, argv);
    signal(SIGPIPE, SIG_IGN);
    setpriority(PRIO_PROCESS, 0, -o.priority);
    l.ctx = exchange_context(o.ca);
    l.server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)};
    if (l.ctx == NULL || inet_pton(AF_INET, o.host, &l.server.sin_addr) != 1)
        usage(64);
    read_requests(&l);
    l.connection = mem_zalloc(o.connections * sizeof(*l.connection));
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.begin_us = now_us();
    l.measure_us = l.begin_us + (int64_t)(o.warm_up * 1e6);
    l.end_us = l.measure_us + (int64_t)(o.seconds * 1e6);
    l.pauses = o.pauses ? pauses_start() : NULL;
    run(&l);
    if (l.pauses != NULL)
        pauses_stop(l.pauses);
    print_result(&l);
    return 0;
}
