/*
 * One HTTP/1.1 connection over TLS that never blocks: for a load generator that holds many.
 *
 * The caller waits for the descriptor as exchange_step() asks, and gives the same buffer for the
 * whole exchange.
 */
#ifndef PENSTOCK_TESTS_BENCH_LIB_EXCHANGE_H
#define PENSTOCK_TESTS_BENCH_LIB_EXCHANGE_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define EXCHANGE_MAX_REPLY (128u * 1024)

enum exchange_result {
    EXCHANGE_DONE,
    EXCHANGE_FAILED, /* the connection is closed; WHY says what happened */
    EXCHANGE_READ,   /* wait until the descriptor can be read */
    EXCHANGE_WRITE,
};

struct exchange {
    SSL *ssl; /* NULL: not connected */
    int fd;
    bool connected, sent; /* the handshake is over; the request is written */
    const struct iovec *request;
    size_t written;
    char reply[EXCHANGE_MAX_REPLY + 1];
    size_t len;
    int status;
    const char *body; /* in REPLY, NUL-terminated, after EXCHANGE_DONE */
    const char *why;
};

/* NULL, with the reason printed, when the CA file is unusable. */
SSL_CTX *exchange_context(const char *ca_file);

/* Begins to send REQUEST (valid until the end), over a new connection when there is none. */
enum exchange_result exchange_start(struct exchange *x, SSL_CTX *ctx,
                                    const struct sockaddr_in *server, const struct iovec *request);
enum exchange_result exchange_step(struct exchange *x);
void exchange_close(struct exchange *x);

#endif
