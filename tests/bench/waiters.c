/*
 * Many miners who wait for new work: waiters HOST PORT CA NETWORK ADDRESS NUMBER.
 *
 * Opens NUMBER connections (with TLS, unless CA is "-"), asks for work on each, and prints "asked".
 * Then it waits until each has its answer, and prints a line for each: the real time of its last
 * byte in microseconds, the HTTP status, and the `data` that it was given, or "-". All run in one
 * thread that does nothing but read, so that the time is that of the answer.
 */
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { REPLY_BYTES = 2048, ROUND = 256, PATIENCE_MS = 120000 };

static const char body[] = "{\"method\":\"getwork\",\"params\":[],\"id\":0}";

struct waiter {
    int fd;
    SSL *ssl; /* NULL: none */
    char reply[REPLY_BYTES + 1];
    size_t len;
    int64_t at_us; /* 0: not answered */
};

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static SSL_CTX *context(const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
        fail(ca);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static void open_connection(struct waiter *w, const struct sockaddr_in *to, SSL_CTX *ctx)
{
    const int on = 1;

    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0 || connect(w->fd, (const struct sockaddr *)to, sizeof *to) != 0)
        fail("connect");
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!ctx)
        return;
    w->ssl = SSL_new(ctx);
    SSL_set_fd(w->ssl, w->fd);
    if (SSL_connect(w->ssl) != 1)
        fail("handshake");
}

static void ask(struct waiter *w, const char *network, const char *address, size_t i)
{
    char user[160], request[1024];
    unsigned char token[256];

    snprintf(user, sizeof user, "%.100s.%zu:x", address, i);
    EVP_EncodeBlock(token, (const unsigned char *)user, (int)strlen(user));
    int n = snprintf(request, sizeof request,
                     "POST /lp/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: cpuminer/2.5.1\r\n"
                     "Authorization: Basic %s\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     network, token, sizeof body - 1, body);
    if (w->ssl ? SSL_write(w->ssl, request, n) != n : write(w->fd, request, (size_t)n) != n)
        fail("write");
    fcntl(w->fd, F_SETFL, O_NONBLOCK);
}

static bool is_whole(struct waiter *w)
{
    w->reply[w->len] = '\0';
    const char *end = strstr(w->reply, "\r\n\r\n");
    const char *length = strcasestr(w->reply, "\r\nContent-Length: ");

    return end && length && w->len >= (size_t)(end + 4 - w->reply) + strtoul(length + 18, NULL, 10);
}

/* True once W has its answer, or will not get any. */
static bool read_some(struct waiter *w)
{
    for (;;) {
        char *to = w->reply + w->len;
        size_t room = REPLY_BYTES - w->len;
        int n = w->ssl ? SSL_read(w->ssl, to, (int)room) : (int)read(w->fd, to, room);

        if (n <= 0)
            return w->ssl ? SSL_get_error(w->ssl, n) != SSL_ERROR_WANT_READ : n == 0;
        w->len += (size_t)n;
        if (is_whole(w)) {
            w->at_us = clock_real_us();
            return true;
        }
    }
}

static void await(struct waiter *all, size_t n, int epoll)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    struct epoll_event event[ROUND];
    size_t left = n;

    while (left > 0 && clock_left_ms(deadline) > 0) {
        int ready = epoll_wait(epoll, event, ROUND, 1000);

        for (int i = 0; i < ready; i++) {
            struct waiter *w = &all[event[i].data.u32];

            if (w->at_us != 0 || !read_some(w))
                continue;
            epoll_ctl(epoll, EPOLL_CTL_DEL, w->fd, NULL);
            left--;
        }
    }
}

static void report(const struct waiter *w)
{
    const char *data = strstr(w->reply, "\"data\":\"");

    printf("%lld %.3s %.256s\n", (long long)w->at_us, w->len > 12 ? w->reply + 9 : "000",
           data ? data + 8 : "-");
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "Usage: waiters HOST PORT CA|- NETWORK ADDRESS NUMBER\n");
        return 64;
    }
    const size_t n = strtoul(argv[6], NULL, 10);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    SSL_CTX *ctx = strcmp(argv[3], "-") == 0 ? NULL : context(argv[3]);
    struct waiter *all = mem_zalloc(n * sizeof *all);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);

    inet_pton(AF_INET, argv[1], &to.sin_addr);
    for (size_t i = 0; i < n; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

        open_connection(&all[i], &to, ctx);
        ask(&all[i], argv[4], argv[5], i);
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &e);
    }
    printf("asked\n");
    fflush(stdout);
    await(all, n, epoll);
    for (size_t i = 0; i < n; i++)
        report(&all[i]);
    return 0;
}
