#include "tests/tools/lib/standin.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS     64
#define TICK_MS    100
#define READ_BYTES 65536

struct connection {
    int fd;
    struct buf in, out;
    size_t sent;
    int64_t due_ms; /* OUT is not sent before; 0: at once */
    bool closing;   /* once OUT is sent */
    bool blocked;   /* waits for room in the socket */
    struct connection *next;
};

struct server {
    int epoll, listen_fd;
    standin_fn *handle;
    void *ctx;
    struct connection *first;
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

int standin_listen(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof(a);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static void accept_all(struct server *s)
{
    int fd, one = 1;

    while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = mem_zalloc(sizeof(*c));
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        *c = (struct connection){.fd = fd,
                                 .in = BUF_INIT(STANDIN_MAX_REQUEST),
                                 .out = BUF_INIT((size_t)4 * STANDIN_MAX_REQUEST),
                                 .next = s->first};
        s->first = c;
        must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) == 0, "epoll_ctl");
    }
}

/* The connection is freed by sweep(), when no event can point to it any more. */
static void hang_up(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void sweep(struct server *s)
{
    for (struct connection **at = &s->first; *at != NULL;) {
        struct connection *c = *at;

        if (c->fd >= 0) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        buf_free(&c->in);
        buf_free(&c->out);
        free(c);
    }
}

static void add_answer(struct connection *c, const struct standin_reply *r)
{
    size_t len = r->half ? r->body.len / 2 : r->body.len;

    buf_addf(&c->out,
             "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Connection: keep-alive\r\n\r\n",
             r->status, r->status == 200 ? "OK" : "Error", r->type, r->body.len);
    if (len > 0)
        buf_add(&c->out, r->body.data, len);
}

static void answer(struct server *s, struct connection *c, const struct standin_request *request)
{
    struct standin_reply r = {
        .status = 200, .type = "application/json", .body = BUF_INIT(STANDIN_MAX_REQUEST)};

    s->handle(s->ctx, request, &r);
    c->due_ms = r.delay_ms > 0 ? clock_mono_ms() + r.delay_ms : 0;
    if (!r.drop)
        add_answer(c, &r);
    if (!r.drop && r.twice)
        add_answer(c, &r);
    c->closing = r.drop || r.half;
    buf_free(&r.body);
}

/* The value of header NAME in HEAD, which is changed; "" when it is not there. */
static const char *header_of(char *head, const char *name)
{
    size_t len = strlen(name);

    for (char *line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    }
    return "";
}

static char *line_copy(const char *text)
{
    return mem_strndup(text, strcspn(text, "\r\n"));
}

/* One request from IN, if it is there in full. */
static bool serve_one(struct server *s, struct connection *c)
{
    const char *end = c->in.len > 0 ? memmem(c->in.data, c->in.len, "\r\n\r\n", 4) : NULL;
    char *head, *authorization, path[256] = "";
    size_t head_len, body_len;

    if (end == NULL)
        return false;
    head_len = (size_t)(end - c->in.data) + 4;
    head = mem_strndup(c->in.data, head_len);
    body_len = strtoul(header_of(head, "Content-Length"), NULL, 10);
    if (body_len > c->in.len - head_len) {
        free(head);
        return false;
    }
    authorization = line_copy(header_of(head, "Authorization"));
    sscanf(head, "%*15s %255s", path);
    char *body = mem_strndup(c->in.data + head_len, body_len);
    struct standin_request request = {.is_post = strncmp(head, "POST ", 5) == 0,
                                      .path = path,
                                      .authorization = authorization,
                                      .body = body,
                                      .body_len = body_len};
    answer(s, c, &request);
    free(body);
    free(authorization);
    free(head);
    memmove(c->in.data, c->in.data + head_len + body_len, c->in.len - head_len - body_len);
    c->in.len -= head_len + body_len;
    return true;
}

static void watch(struct server *s, struct connection *c, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    must(epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &ev) == 0, "epoll_ctl");
}

/* Sends what is due. */
static void flush(struct server *s, struct connection *c)
{
    ssize_t n;

    if (c->fd < 0 || (c->due_ms != 0 && clock_mono_ms() < c->due_ms))
        return;
    c->due_ms = 0;
    while (c->sent < c->out.len) {
        n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            c->blocked = true;
            watch(s, c, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n < 0) {
            hang_up(c);
            return;
        }
        c->sent += (size_t)n;
    }
    buf_clear(&c->out);
    c->sent = 0;
    if (c->blocked)
        watch(s, c, EPOLLIN);
    c->blocked = false;
    if (c->closing)
        hang_up(c);
}

static void work_on(struct server *s, struct connection *c)
{
    while (c->fd >= 0 && c->due_ms == 0 && !c->closing && serve_one(s, c))
        flush(s, c);
    flush(s, c);
}

static void on_readable(struct server *s, struct connection *c)
{
    static char data[READ_BYTES];
    ssize_t n = -1;

    while (c->fd >= 0 && (n = recv(c->fd, data, sizeof(data), 0)) != 0) {
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0 || !buf_add(&c->in, data, (size_t)n))
            hang_up(c);
        else if ((size_t)n < sizeof(data))
            break;
    }
    if (c->fd >= 0 && n == 0)
        hang_up(c);
    work_on(s, c);
}

/* Delayed answers; how long until the next one. */
static int flush_due(struct server *s)
{
    int64_t wait = TICK_MS;

    for (struct connection *c = s->first; c != NULL; c = c->next) {
        int64_t left = clock_left_ms(c->due_ms);

        if (c->fd < 0 || c->due_ms == 0)
            continue;
        if (left == 0)
            work_on(s, c);
        else if (left < wait)
            wait = left;
    }
    return (int)wait;
}

static void turn(struct server *s, struct epoll_event *ev)
{
    int n = epoll_wait(s->epoll, ev, EVENTS, flush_due(s));

    must(n >= 0 || errno == EINTR, "epoll_wait");
    for (int i = 0; i < n; i++) {
        struct connection *c = ev[i].data.ptr;

        if (c == NULL)
            accept_all(s);
        else if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(s, c);
        else
            flush(s, c);
    }
    sweep(s);
}

void standin_serve(int listen_fd, standin_fn *handle, void *ctx, const volatile sig_atomic_t *stop)
{
    struct server s = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                       .listen_fd = listen_fd,
                       .handle = handle,
                       .ctx = ctx};
    struct epoll_event events[EVENTS], ev = {.events = EPOLLIN, .data.ptr = NULL};

    must(s.epoll >= 0, "epoll_create1");
    must(epoll_ctl(s.epoll, EPOLL_CTL_ADD, listen_fd, &ev) == 0, "epoll_ctl");
    while (!*stop)
        turn(&s, events);
    for (struct connection *c = s.first; c != NULL; c = c->next)
        hang_up(c);
    sweep(&s);
    close(s.epoll);
    close(listen_fd);
}
