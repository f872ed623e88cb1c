#include "tests/tools/lib/http_peer.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 256,
    REQUESTS_MAX = 1024,
    REQUEST_MAX_BYTES = 16 << 20,
    PATIENCE_MS = 60000
};

struct connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
};

struct request {
    char *head, *body;
};

struct peer {
    const struct peer_step *steps;
    size_t n_steps;
    char url[64];
    int listener;
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all below */
    struct connection connection[CONNECTIONS_MAX];
    size_t connections;
    struct request request[REQUESTS_MAX];
    size_t requests, at_once, most_at_once, closed;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* True when IN holds a whole request, which is then moved to RET. */
static bool take_request(struct buf *in, struct request *ret)
{
    char *end = in->data ? strstr(in->data, "\r\n\r\n") : NULL;
    if (end == NULL)
        return false;
    size_t head = (size_t)(end - in->data) + 4, body = 0;
    const char *length = strcasestr(in->data, "\r\nContent-Length:");
    if (length != NULL && length < end)
        body = strtoul(length + 17, NULL, 10);
    if (in->len < head + body)
        return false;
    ret->head = mem_strndup(in->data, head);
    ret->body = mem_strndup(in->data + head, body);
    memmove(in->data, in->data + head + body, in->len - head - body + 1);
    in->len -= head + body;
    return true;
}

static bool read_request(int fd, struct buf *in, struct request *ret)
{
    char chunk[65536];

    while (!take_request(in, ret)) {
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0)
            return false;
        must(buf_add(in, chunk, (size_t)n));
    }
    return true;
}

static const struct peer_step *note_request(struct peer *p, const struct request *r)
{
    pthread_mutex_lock(&p->lock);
    must(p->requests < REQUESTS_MAX);
    size_t step = p->requests < p->n_steps ? p->requests : p->n_steps - 1;
    p->request[p->requests++] = *r;
    if (++p->at_once > p->most_at_once)
        p->most_at_once = p->at_once;
    pthread_mutex_unlock(&p->lock);
    return &p->steps[step];
}

static char *echo(const char *request)
{
    json_t *in = json_loads(request, 0, NULL);
    must(in != NULL);
    json_t *out =
        json_pack("{s:O, s:n, s:O}", "result", in, "error", "id", json_object_get(in, "id"));
    char *text = json_dumps(out, JSON_COMPACT);
    json_decref(in);
    json_decref(out);
    return text;
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the client went away: often what the test wants */
        data += n;
        len -= (size_t)n;
    }
}

/* False when the connection is to be closed. */
static bool answer(struct peer *p, int fd, const struct peer_step *s, const struct request *r)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    while (peer_most_at_once(p) < s->until_at_once && clock_mono_ms() < end)
        clock_sleep_ms(1);
    clock_sleep_ms(s->delay_ms);
    if (s->status == 0)
        return false;
    char *own = s->body ? NULL : echo(r->body);
    const char *body = own ? own : s->body;
    size_t len = s->body_len ? s->body_len : strlen(body);
    struct buf out = BUF_INIT(REQUEST_MAX_BYTES);
    must(buf_addf(&out, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", s->status,
                  s->type ? s->type : "application/json", len + s->missing));
    if (s->location)
        must(buf_addf(&out, "Location: %s\r\n", s->location));
    must(buf_add(&out, "\r\n", 2) && buf_add(&out, body, len));
    send_all(fd, out.data, out.len);
    buf_free(&out);
    free(own);
    return s->missing == 0 && !s->close;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    struct peer *p = c->peer;
    struct buf in = BUF_INIT(REQUEST_MAX_BYTES);
    struct request r;
    bool on = true;

    while (on && read_request(c->fd, &in, &r)) {
        const struct peer_step *step = note_request(p, &r);
        on = answer(p, c->fd, step, &r);
        pthread_mutex_lock(&p->lock);
        p->at_once--;
        pthread_mutex_unlock(&p->lock);
    }
    buf_free(&in);
    shutdown(c->fd, SHUT_RDWR); /* closed by peer_stop(), so that the number stays ours */
    pthread_mutex_lock(&p->lock);
    p->closed++;
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct peer *p = arg;
    int fd;

    while ((fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_mutex_lock(&p->lock);
        must(p->connections < CONNECTIONS_MAX);
        struct connection *c = &p->connection[p->connections++];
        pthread_mutex_unlock(&p->lock);
        c->peer = p;
        c->fd = fd;
        must(pthread_create(&c->thread, NULL, serve, c) == 0);
    }
    return NULL;
}

struct peer *peer_start(const struct peer_step *steps, size_t n)
{
    struct peer *p = mem_zalloc(sizeof(*p));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    p->steps = steps;
    p->n_steps = n;
    pthread_mutex_init(&p->lock, NULL);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(p->listener >= 0 && bind(p->listener, (struct sockaddr *)&addr, len) == 0 &&
         listen(p->listener, 64) == 0 &&
         getsockname(p->listener, (struct sockaddr *)&addr, &len) == 0);
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d/", ntohs(addr.sin_port));
    if (steps != NULL)
        must(pthread_create(&p->acceptor, NULL, accept_all, p) == 0);
    return p;
}

void peer_stop(struct peer **peer)
{
    struct peer *p = *peer;

    shutdown(p->listener, SHUT_RDWR);
    if (p->steps != NULL)
        pthread_join(p->acceptor, NULL);
    close(p->listener);
    for (size_t i = 0; i < p->connections; i++) {
        shutdown(p->connection[i].fd, SHUT_RDWR);
        pthread_join(p->connection[i].thread, NULL);
        close(p->connection[i].fd);
    }
    for (size_t i = 0; i < p->requests; i++) {
        free(p->request[i].head);
        free(p->request[i].body);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
    *peer = NULL;
}

const char *peer_url(const struct peer *peer)
{
    return peer->url;
}

static size_t locked(struct peer *p, const size_t *value)
{
    pthread_mutex_lock(&p->lock);
    size_t n = *value;
    pthread_mutex_unlock(&p->lock);
    return n;
}

size_t peer_requests(struct peer *p)
{
    return locked(p, &p->requests);
}

size_t peer_connections(struct peer *p)
{
    return locked(p, &p->connections);
}

size_t peer_closed(struct peer *p)
{
    return locked(p, &p->closed);
}

size_t peer_most_at_once(struct peer *p)
{
    return locked(p, &p->most_at_once);
}

const char *peer_head(struct peer *p, size_t i)
{
    assert(i < peer_requests(p));
    return p->request[i].head;
}

const char *peer_body(struct peer *p, size_t i)
{
    assert(i < peer_requests(p));
    return p->request[i].body;
}
