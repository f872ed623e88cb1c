/* A RabbitMQ that says what the test wants it to: one thread, one connection at a time. Each
 * accepted connection runs the next script of the list; the scripts' own mistakes abort. */
#ifndef PENSTOCK_TESTS_FAKE_BROKER_H
#define PENSTOCK_TESTS_FAKE_BROKER_H

#include "common/conf/shared.h"

#include <arpa/inet.h>
#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_SCRIPTS                4
#define FAKE_PATIENCE_MS            60000 /* for what comes; a busy machine may be slow */
#define METHOD(class_id, method_id) ((uint32_t)(class_id) << 16 | (method_id))

struct fake;
typedef void fake_script(struct fake *f);

struct fake {
    int port, listener, fd;
    fake_script *script[FAKE_SCRIPTS];
    _Atomic int connections, published; /* messages that came whole */
    _Atomic int rejected, go;           /* for the script and the test to tell each other */
    pthread_t thread;
    char password_file[32];
    char *host;
    bool holding;
    char held[4096];
    size_t held_len;
};

static inline void fake_check(bool ok)
{
    if (!ok)
        abort();
}

/* --- writing --- */

struct wire {
    unsigned char data[4096];
    size_t len;
};

static inline void wire_bytes(struct wire *w, const void *data, size_t len)
{
    fake_check(w->len + len <= sizeof(w->data));
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

static inline void wire_int(struct wire *w, unsigned size, uint64_t value)
{
    uint64_t big = htobe64(value);

    wire_bytes(w, (char *)&big + 8 - size, size);
}

static inline void wire_short(struct wire *w, const char *text)
{
    wire_int(w, 1, strlen(text));
    wire_bytes(w, text, strlen(text));
}

static inline void wire_long(struct wire *w, const char *text)
{
    wire_int(w, 4, strlen(text));
    wire_bytes(w, text, strlen(text));
}

static inline void fake_send(struct fake *f, const void *data, size_t len)
{
    const char *p = data;

    if (f->holding) {
        fake_check(f->held_len + len <= sizeof f->held);
        memcpy(f->held + f->held_len, data, len);
        f->held_len += len;
        return;
    }
    while (len > 0) {
        ssize_t n = send(f->fd, p, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client gave up: its own test says whether it should */
        p += n;
        len -= (size_t)n;
    }
}

/* What is sent between these two comes in one packet: nothing can be seen without the rest. */
static inline void fake_hold(struct fake *f)
{
    f->holding = true;
    f->held_len = 0;
}

static inline void fake_release(struct fake *f)
{
    f->holding = false;
    fake_send(f, f->held, f->held_len);
}

static inline void fake_frame(struct fake *f, int type, int channel, const struct wire *payload)
{
    struct wire w = {.len = 0};

    wire_int(&w, 1, (uint64_t)type);
    wire_int(&w, 2, (uint64_t)channel);
    wire_int(&w, 4, payload->len);
    wire_bytes(&w, payload->data, payload->len);
    wire_int(&w, 1, 0xce);
    fake_send(f, w.data, w.len);
}

static inline void fake_method(struct fake *f, int channel, uint32_t method,
                               const struct wire *arguments)
{
    struct wire w = {.len = 0};

    wire_int(&w, 4, method);
    if (arguments)
        wire_bytes(&w, arguments->data, arguments->len);
    fake_frame(f, 1, channel, &w);
}

static inline void fake_confirm(struct fake *f, uint32_t method, uint64_t tag, int bits)
{
    struct wire w = {.len = 0};

    wire_int(&w, 8, tag);
    wire_int(&w, 1, (uint64_t)bits);
    fake_method(f, 1, method, &w);
}

static inline void fake_ack(struct fake *f, uint64_t tag, bool multiple)
{
    fake_confirm(f, METHOD(60, 80), tag, multiple);
}

static inline void fake_nack(struct fake *f, uint64_t tag, bool multiple)
{
    fake_confirm(f, METHOD(60, 120), tag, multiple);
}

/* channel.close, or connection.close on channel 0 */
static inline void fake_close(struct fake *f, int channel, int code, const char *text)
{
    struct wire w = {.len = 0};

    wire_int(&w, 2, (uint64_t)code);
    wire_short(&w, text);
    wire_int(&w, 4, 0);
    fake_method(f, channel, channel ? METHOD(20, 40) : METHOD(10, 50), &w);
}

static inline void fake_blocked(struct fake *f, bool on)
{
    struct wire w = {.len = 0};

    wire_short(&w, "low on disk");
    fake_method(f, 0, on ? METHOD(10, 60) : METHOD(10, 61), on ? &w : NULL);
}

/* The header frame of a message with a message id and, unless it is -1, an x-delivery-count. */
static inline void fake_header(struct fake *f, const char *message_id, uint64_t size,
                               int64_t delivery_count)
{
    struct wire w = {.len = 0};

    wire_int(&w, 2, 60);
    wire_int(&w, 2, 0);
    wire_int(&w, 8, size);
    wire_int(&w, 2, 1 << 7 | (delivery_count >= 0) << 13);
    if (delivery_count >= 0) {
        wire_int(&w, 4, 17 + 1 + 8);
        wire_short(&w, "x-delivery-count");
        wire_bytes(&w, "l", 1);
        wire_int(&w, 8, (uint64_t)delivery_count);
    }
    wire_short(&w, message_id);
    fake_frame(f, 2, 1, &w);
}

static inline void fake_body(struct fake *f, const char *text)
{
    struct wire w = {.len = 0};

    wire_bytes(&w, text, strlen(text));
    fake_frame(f, 3, 1, &w);
}

static inline void fake_return(struct fake *f, const char *message_id)
{
    struct wire w = {.len = 0};

    wire_int(&w, 2, 312);
    wire_short(&w, "NO_ROUTE");
    wire_short(&w, "penstock");
    wire_short(&w, "share.x");
    fake_method(f, 1, METHOD(60, 50), &w);
    fake_header(f, message_id, 2, -1);
    fake_body(f, "{}");
}

static inline void fake_deliver(struct fake *f, uint64_t tag)
{
    struct wire w = {.len = 0};

    wire_short(&w, "share.x");
    wire_int(&w, 8, tag);
    wire_int(&w, 1, 1);
    wire_short(&w, "penstock");
    wire_short(&w, "share.x");
    fake_method(f, 1, METHOD(60, 60), &w);
}

/* --- reading --- */

static inline bool fake_recv(struct fake *f, void *data, size_t len)
{
    return recv(f->fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static inline uint64_t wire_get(const unsigned char *p, unsigned size)
{
    uint64_t value = 0;

    while (size-- > 0)
        value = value << 8 | *p++;
    return value;
}

/* The next frame that is no heartbeat: its type; *METHOD of a method, *SIZE announced by a header,
 * or of a body. 0: the client has gone. */
static inline int fake_next(struct fake *f, uint32_t *method, uint64_t *size)
{
    unsigned char head[7], *payload;
    size_t len;

    do {
        if (!fake_recv(f, head, sizeof(head)))
            return 0;
        len = wire_get(head + 3, 4);
        payload = calloc(1, len + 16);
        if (!fake_recv(f, payload, len + 1))
            head[0] = 0;
        *method = (uint32_t)wire_get(payload, 4);
        *size = head[0] == 2 ? wire_get(payload + 4, 8) : len;
        free(payload);
    } while (head[0] == 8);
    return head[0];
}

static inline bool fake_expect(struct fake *f, uint32_t expected)
{
    uint32_t method;
    uint64_t size;
    int type = fake_next(f, &method, &size);

    fake_check(type == 0 || (type == 1 && method == expected));
    return type == 1;
}

static inline bool fake_await_publish(struct fake *f)
{
    uint32_t method;
    uint64_t left, size;

    if (!fake_expect(f, METHOD(60, 40)) || fake_next(f, &method, &left) != 2)
        return false;
    while (left > 0) {
        if (fake_next(f, &method, &size) != 3)
            return false;
        left -= size;
    }
    f->published++;
    return true;
}

static inline void fake_await_n(struct fake *f, int n)
{
    while (n-- > 0)
        fake_await_publish(f);
}

static inline void fake_start(struct fake *f)
{
    struct wire w = {.len = 0};
    char header[8];

    fake_recv(f, header, sizeof(header));
    wire_int(&w, 2, 9); /* version 0-9 */
    wire_int(&w, 4, 0);
    wire_long(&w, "PLAIN");
    wire_long(&w, "en_US");
    fake_method(f, 0, METHOD(10, 10), &w);
    fake_expect(f, METHOD(10, 11));
}

static inline void fake_handshake(struct fake *f)
{
    struct wire tune = {.len = 0}, ok = {.len = 0}, channel_ok = {.len = 0};

    fake_start(f);
    wire_int(&tune, 2, 0);
    wire_int(&tune, 4, 131072);
    wire_int(&tune, 2, 0);
    fake_method(f, 0, METHOD(10, 30), &tune);
    fake_expect(f, METHOD(10, 31));
    fake_expect(f, METHOD(10, 40));
    wire_short(&ok, "");
    fake_method(f, 0, METHOD(10, 41), &ok);
    fake_expect(f, METHOD(20, 10));
    wire_long(&channel_ok, "");
    fake_method(f, 1, METHOD(20, 11), &channel_ok);
    fake_expect(f, METHOD(85, 10));
    fake_method(f, 1, METHOD(85, 11), NULL);
}

/* qos and one consumer */
static inline void fake_subscribe(struct fake *f)
{
    struct wire tag = {.len = 0};

    fake_handshake(f);
    fake_expect(f, METHOD(60, 10));
    fake_method(f, 1, METHOD(60, 11), NULL);
    fake_expect(f, METHOD(60, 20));
    wire_short(&tag, "share.x");
    fake_method(f, 1, METHOD(60, 21), &tag);
}

/* Reads until the client goes, and answers a polite farewell. */
static inline void fake_linger(struct fake *f)
{
    uint32_t method;
    uint64_t size;
    int type;

    while ((type = fake_next(f, &method, &size)) != 0) {
        if (type == 1 && method == METHOD(60, 90))
            f->rejected++;
        if (type == 1 && method == METHOD(10, 50))
            fake_method(f, 0, METHOD(10, 51), NULL);
    }
}

/* Takes the messages id-0 to id-4 and tells what became of them, out of order and with nonsense in
 * between. */
#define FAKE_FATES                                                                                 \
    {                                                                                              \
        BROKER_NACKED, BROKER_NACKED, BROKER_OK, BROKER_UNROUTABLE, BROKER_OK                      \
    }

static inline void fake_tell_fates(struct fake *f)
{
    fake_await_n(f, 5);
    fake_ack(f, 99, false); /* of nothing we know */
    fake_ack(f, 0, false);
    fake_ack(f, 3, false); /* out of order */
    fake_return(f, "id-3");
    fake_return(f, "no-such-id");
    fake_nack(f, 2, true); /* 1 and 2 */
    fake_ack(f, 2, false); /* too late */
    fake_ack(f, 5, true);
}

static inline void fake_wait_go(struct fake *f)
{
    while (!f->go)
        usleep(1000);
}

/* --- running --- */

static inline void *fake_run(void *arg)
{
    struct fake *f = arg;

    for (int i = 0; i < FAKE_SCRIPTS && f->script[i]; i++) {
        f->fd = accept(f->listener, NULL, NULL);
        if (f->fd < 0)
            break;
        f->connections++;
        f->script[i](f);
        close(f->fd);
    }
    return NULL;
}

static inline struct fake *fake_new(fake_script *first, fake_script *second)
{
    struct fake *f = calloc(1, sizeof(*f));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    f->script[0] = first;
    f->script[1] = second;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->host = (char *)"127.0.0.1";
    strcpy(f->password_file, "/tmp/fake_broker.XXXXXX");
    int fd = mkstemp(f->password_file);
    fake_check(fd >= 0 && write(fd, "secret\n", 7) == 7 && close(fd) == 0);
    fake_check(bind(f->listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
               listen(f->listener, 8) == 0 &&
               getsockname(f->listener, (struct sockaddr *)&at, &len) == 0);
    f->port = ntohs(at.sin_port);
    fake_check(pthread_create(&f->thread, NULL, fake_run, f) == 0);
    return f;
}

/* Settings of a client of F's, whose time-outs are patient; they point into F. */
static inline struct broker_conf fake_conf(struct fake *f)
{
    return (struct broker_conf){.hosts = {&f->host, 1},
                                .port = f->port,
                                .vhost = (char *)"/",
                                .user = (char *)"u",
                                .password_file = f->password_file,
                                .tls_ca = (char *)"",
                                .heartbeat_s = 30,
                                .connect_timeout_ms = FAKE_PATIENCE_MS,
                                .confirm_timeout_ms = FAKE_PATIENCE_MS};
}

static inline void fake_free(struct fake *f)
{
    unlink(f->password_file);
    shutdown(f->listener, SHUT_RDWR); /* ends an accept() */
    pthread_join(f->thread, NULL);
    close(f->listener);
    free(f);
}

#endif
