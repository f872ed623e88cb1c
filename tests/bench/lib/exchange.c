#include "tests/bench/lib/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

SSL_CTX *exchange_context(const char *ca_file)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1) {
        fprintf(stderr, "load: %s holds no certificate authority\n", ca_file);
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* Deployed miners resume no session: each connection pays for a whole handshake. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);
    return ctx;
}

void exchange_close(struct exchange *x)
{
    if (x->ssl == NULL)
        return;
    SSL_free(x->ssl);
    close(x->fd);
    x->ssl = NULL;
    x->connected = false;
}

static enum exchange_result fail(struct exchange *x, const char *why)
{
    ERR_clear_error();
    exchange_close(x);
    x->why = why;
    return EXCHANGE_FAILED;
}

static bool open_connection(struct exchange *x, SSL_CTX *ctx, const struct sockaddr_in *server)
{
    const int yes = 1;

    x->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->fd < 0)
        return false;
    setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    x->ssl = SSL_new(ctx);
    if (x->ssl == NULL || SSL_set_fd(x->ssl, x->fd) != 1)
        abort(); /* out of memory */
    SSL_set_connect_state(x->ssl);
    x->connected = false;
    return connect(x->fd, (const struct sockaddr *)server, sizeof(*server)) == 0 ||
           errno == EINPROGRESS;
}

enum exchange_result exchange_start(struct exchange *x, SSL_CTX *ctx,
                                    const struct sockaddr_in *server, const struct iovec *request)
{
    x->request = request;
    x->written = x->len = 0;
    x->sent = false;
    if (x->ssl == NULL) {
        if (!open_connection(x, ctx, server))
            return fail(x, "connect");
        return EXCHANGE_WRITE; /* once the kernel has connected */
    }
    return exchange_step(x);
}

/* What OpenSSL wants before RC, a call's result, can become a success. */
static enum exchange_result wants(struct exchange *x, int rc, const char *what)
{
    switch (SSL_get_error(x->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return EXCHANGE_READ;
    case SSL_ERROR_WANT_WRITE:
        return EXCHANGE_WRITE;
    default:
        return fail(x, what);
    }
}

/* The whole reply is there: head, and a body of the announced length. */
static bool complete(struct exchange *x)
{
    x->reply[x->len] = '\0';
    char *end = strstr(x->reply, "\r\n\r\n");
    const char *length = end != NULL ? strcasestr(x->reply, "\r\nContent-Length:") : NULL;

    if (length == NULL || length > end)
        return false;
    x->body = end + 4;
    x->status = atoi(x->reply + sizeof("HTTP/1.1"));
    return x->len >= (size_t)(x->body - x->reply) + strtoul(length + 17, NULL, 10);
}

static enum exchange_result receive(struct exchange *x)
{
    while (x->len < EXCHANGE_MAX_REPLY) {
        int n = SSL_read(x->ssl, x->reply + x->len, (int)(EXCHANGE_MAX_REPLY - x->len));

        if (n <= 0)
            return wants(x, n, "read");
        x->len += (size_t)n;
        if (complete(x))
            return EXCHANGE_DONE;
    }
    return fail(x, "reply too long");
}

enum exchange_result exchange_step(struct exchange *x)
{
    if (!x->connected) {
        int rc = SSL_do_handshake(x->ssl);

        if (rc != 1)
            return wants(x, rc, "handshake");
        x->connected = true;
    }
    while (!x->sent) {
        int n = SSL_write(x->ssl, (const char *)x->request->iov_base + x->written,
                          (int)(x->request->iov_len - x->written));

        if (n <= 0)
            return wants(x, n, "write");
        x->written += (size_t)n;
        x->sent = x->written == x->request->iov_len;
    }
    return receive(x);
}
