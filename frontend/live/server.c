#include "frontend/live/server.h"

#include "common/base/clock.h"
#include "common/base/ipnet.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BACKLOG    4096
#define READ_BYTES 65536
#define HEAD_BYTES 1024

enum stage { STAGE_READING, STAGE_ASKED, STAGE_ANSWERING, STAGE_CLOSING };

struct client {
    uv_tcp_t tcp; /* first: libuv's handle is this struct */
    struct server *server;
    struct http_reader *reader;
    enum stage stage;
    bool close_after;
    int64_t since_ms; /* of this stage; while a request is being read, of its first byte */
    void *mine;
    char peer[IP_TEXT_SIZE];
    TAILQ_ENTRY(client) link;
};

struct server {
    uv_tcp_t listener;
    const struct server_ops *ops;
    void *ctx;
    size_t max, n, unsent;
    bool ending, closing, listener_closed;
    TAILQ_HEAD(, client) clients;
    char data[READ_BYTES]; /* what is read is used at once, so that one is enough for all */
};

/* An answer on its way. */
struct sending {
    uv_write_t write; /* first */
    struct client *client;
    char head[HEAD_BYTES];
    struct buf body;
};

/* --- the end of a connection --- */

static void maybe_free(struct server *s)
{
    if (s->closing && s->listener_closed && s->n == 0)
        free(s);
}

static void on_closed(uv_handle_t *handle)
{
    struct client *c = (struct client *)handle;
    struct server *s = c->server;

    TAILQ_REMOVE(&s->clients, c, link);
    s->n--;
    http_reader_free(&c->reader);
    free(c);
    maybe_free(s);
}

static void drop(struct client *c)
{
    enum stage before = c->stage;

    if (before == STAGE_CLOSING)
        return;
    c->stage = STAGE_CLOSING;
    if (before == STAGE_ASKED)
        c->server->ops->gone(c->server->ctx, c);
    uv_close((uv_handle_t *)c, on_closed);
}

/* --- answers --- */

static const char *reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {417, "Expectation Failed"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Error";
}

static void on_sent(uv_write_t *w, int status)
{
    struct sending *out = (struct sending *)w;
    struct client *c = out->client;

    c->server->unsent -= out->body.len;
    buf_free(&out->body);
    free(out);
    c->server->ops->sent(c->server->ctx, c);
    if (status != 0 || c->close_after || c->server->ending) {
        drop(c);
        return;
    }
    if (c->stage != STAGE_ANSWERING)
        return;
    http_next(c->reader);
    c->stage = STAGE_READING;
    c->since_ms = clock_mono_ms();
    c->mine = NULL;
}

void client_answer(struct client *c, const struct answer *a)
{
    struct sending *out = mem_zalloc(sizeof *out);

    assert(c->stage == STAGE_ASKED);
    c->close_after |= c->server->ending || !http_reader_ask(c->reader)->keep_alive;
    out->client = c;
    out->body = a->body ? *a->body : (struct buf){0};
    int n =
        snprintf(out->head, sizeof out->head,
                 "HTTP/1.1 %d %s\r\n%s%s%sContent-Length: %zu\r\nCache-Control: no-store\r\n%s%s"
                 "\r\n",
                 a->status, reason(a->status), a->type ? "Content-Type: " : "",
                 a->type ? a->type : "", a->type ? "\r\n" : "", out->body.len, a->headers,
                 c->close_after ? "Connection: close\r\n" : "");
    assert(n > 0 && (size_t)n < sizeof out->head);
    uv_buf_t part[] = {uv_buf_init(out->head, (unsigned)n),
                       uv_buf_init(out->body.data, (unsigned)out->body.len)};
    c->server->unsent += out->body.len;
    c->stage = STAGE_ANSWERING;
    c->since_ms = clock_mono_ms();
    if (uv_write(&out->write, (uv_stream_t *)c, part, out->body.len > 0 ? 2 : 1, on_sent) != 0)
        on_sent(&out->write, UV_ECANCELED);
}

static void refuse(struct client *c)
{
    c->stage = STAGE_ASKED; /* by what is no request */
    c->close_after = true;
    client_answer(c, &(struct answer){.status = http_reader_status(c->reader), .headers = ""});
}

/* --- requests --- */

static void on_continue(uv_write_t *w, int status)
{
    (void)status;
    free(w);
}

static void say_continue(struct client *c)
{
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t part = uv_buf_init(text, sizeof text - 1);
    uv_write_t *w = mem_zalloc(sizeof *w);

    if (uv_write(w, (uv_stream_t *)c, &part, 1, on_continue) != 0)
        free(w);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
    struct client *c = (struct client *)handle;

    (void)size;
    *ret = uv_buf_init(c->server->data, READ_BYTES);
}

static void take(struct client *c, const char *data, size_t len)
{
    if (!http_reader_busy(c->reader))
        c->since_ms = clock_mono_ms();
    switch (http_feed(c->reader, data, len)) {
    case HTTP_READ_PART:
        break;
    case HTTP_READ_WAITS:
        say_continue(c);
        break;
    case HTTP_READ_DONE:
        c->stage = STAGE_ASKED;
        c->since_ms = clock_mono_ms();
        c->server->ops->ask(c->server->ctx, c, http_reader_ask(c->reader));
        break;
    case HTTP_READ_BAD:
        refuse(c);
        break;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *data)
{
    struct client *c = (struct client *)stream;

    if (n == 0 || c->stage == STAGE_CLOSING)
        return;
    if (n < 0 || c->stage == STAGE_ASKED)
        drop(c); /* gone, or it speaks out of turn */
    else if (c->stage == STAGE_ANSWERING)
        c->close_after = true; /* what it said is lost: it is to come again */
    else
        take(c, data->base, (size_t)n);
}

/* --- connections --- */

static void note_peer(struct client *c)
{
    struct sockaddr_storage a;
    int len = sizeof a;
    char text[INET6_ADDRSTRLEN] = "";
    struct ip ip;

    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&a, &len) == 0)
        uv_ip_name((struct sockaddr *)&a, text, sizeof text);
    if (ip_parse(text, &ip))
        ip_format(&ip, c->peer);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct server *s = (struct server *)listener;

    if (status < 0)
        return;
    struct client *c = mem_zalloc(sizeof *c);
    c->server = s;
    c->reader = http_reader_new();
    c->since_ms = clock_mono_ms();
    uv_tcp_init(listener->loop, &c->tcp);
    TAILQ_INSERT_TAIL(&s->clients, c, link);
    s->n++;
    if (uv_accept(listener, (uv_stream_t *)c) != 0 || s->n > s->max) {
        drop(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    note_peer(c);
    uv_read_start((uv_stream_t *)c, on_alloc, on_read);
}

static bool address_parse(const char *text, struct sockaddr_storage *ret)
{
    const char *colon = strrchr(text, ':');
    char host[64], *end;

    if (!colon || colon - text >= (ptrdiff_t)sizeof host)
        return false;
    long port = strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port < 1 || port > 65535)
        return false;
    bool bracketed = *text == '[' && colon > text && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - text - 2 * bracketed), text + bracketed);
    return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)ret) == 0 ||
           uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)ret) == 0;
}

static int listen_at(struct server *s, const struct sockaddr_storage *at, int fd)
{
    int r = fd >= 0 ? uv_tcp_open(&s->listener, fd)
                    : uv_tcp_bind(&s->listener, (const struct sockaddr *)at, 0);

    return r != 0 ? r : uv_listen((uv_stream_t *)&s->listener, BACKLOG, on_connection);
}

struct server *server_open(uv_loop_t *loop, const char *address, int fd, size_t max,
                           const struct server_ops *ops, void *ctx, char *err, size_t err_size)
{
    struct server *s = mem_zalloc(sizeof *s);
    struct sockaddr_storage at = {0};

    *s = (struct server){.ops = ops, .ctx = ctx, .max = max};
    TAILQ_INIT(&s->clients);
    if (!address_parse(address, &at)) {
        snprintf(err, err_size, "%s: give ADDRESS:PORT, such as 127.0.0.1:8078", address);
        free(s);
        return NULL;
    }
    uv_tcp_init(loop, &s->listener);
    int r = listen_at(s, &at, fd);
    if (r == 0)
        return s;
    snprintf(err, err_size, "listen at %s: %s", address, uv_strerror(r));
    server_close(&s);
    return NULL;
}

void server_tick(struct server *s)
{
    int64_t now = clock_mono_ms();
    struct client *c, *next;

    for (c = TAILQ_FIRST(&s->clients); c; c = next) {
        int64_t silent = now - c->since_ms;

        next = TAILQ_NEXT(c, link);
        if ((c->stage == STAGE_READING &&
             silent > (http_reader_busy(c->reader) ? SERVER_REQUEST_MS : SERVER_IDLE_MS)) ||
            (c->stage == STAGE_ANSWERING && silent > SERVER_ANSWER_MS))
            drop(c);
    }
}

/* --- the end --- */

static void on_listener_closed(uv_handle_t *handle)
{
    struct server *s = (struct server *)handle;

    s->listener_closed = true;
    maybe_free(s);
}

static void close_listener(struct server *s)
{
    if (!uv_is_closing((uv_handle_t *)&s->listener))
        uv_close((uv_handle_t *)&s->listener, on_listener_closed);
}

void server_end(struct server *s)
{
    struct client *c;

    s->ending = true;
    close_listener(s);
    TAILQ_FOREACH(c, &s->clients, link)
    if (c->stage == STAGE_READING && !http_reader_busy(c->reader))
        drop(c);
}

void server_close(struct server **s)
{
    struct client *c;

    if (!*s)
        return;
    (*s)->closing = true;
    close_listener(*s);
    TAILQ_FOREACH(c, &(*s)->clients, link)
    drop(c);
    *s = NULL;
}

size_t server_clients(const struct server *s)
{
    return s->n;
}

size_t server_unsent(const struct server *s)
{
    return s->unsent;
}

int server_fd(const struct server *s)
{
    uv_os_fd_t fd = -1;

    return uv_fileno((const uv_handle_t *)&s->listener, &fd) == 0 ? fd : -1;
}

void client_set(struct client *c, void *mine)
{
    c->mine = mine;
}

void *client_get(const struct client *c)
{
    return c->mine;
}

const char *client_peer(const struct client *c)
{
    return c->peer;
}
