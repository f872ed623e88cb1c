/* What the tests of common/broker share: clients under test, messages with numbers, and the
 * operator who makes and deletes the queue of this run. The broker is the one that PENSTOCK_AMQP_*
 * names. */
#ifndef PENSTOCK_TESTS_BROKER_FIXTURE_H
#define PENSTOCK_TESTS_BROKER_FIXTURE_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/base/uuid.h"
#include "common/broker/broker.h"
#include "tests/integration/tcp_proxy.h"

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CONFIRM_MS 3000
#define LATE_MS    30000 /* how much later than a time-out a call may return on a busy machine */
#define MAX_BODY   (9u * 1024 * 1024)
#define MIB        (1024 * 1024)

static char queue_name[64]; /* of this run: a quorum queue under the policy of `share.*` */

static inline const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (!value) {
        fprintf(stderr, "%s is not set: source DIR/env of a running pool\n", name);
        exit(2);
    }
    return value;
}

/* --- the subject: a client as `frontend` or `backend`, directly or through a proxy --- */

struct client {
    struct broker_conf conf;
    char *host[2];
    struct proxy *proxy;
    struct broker *broker;
};

static inline struct client *client_new(const char *tier, bool through_proxy)
{
    struct client *c = mem_zalloc(sizeof(*c));
    char name[64], err[256] = "";

    const char *ca = getenv("PENSTOCK_TEST_TLS_CA"); /* then the port is that of a TLS listener */

    c->conf = (struct broker_conf){
        .hosts = {c->host, 1},
        .port = atoi(setting(ca ? "PENSTOCK_TEST_TLS_PORT" : "PENSTOCK_AMQP_PORT")),
        .vhost = (char *)setting("PENSTOCK_AMQP_VHOST"),
        .tls_ca = (char *)(ca ? ca : ""),
        .heartbeat_s = 30,
        .connect_timeout_ms = 2000,
        .confirm_timeout_ms = CONFIRM_MS,
    };
    snprintf(name, sizeof(name), "PENSTOCK_AMQP_%s_USER", tier);
    c->conf.user = (char *)setting(name);
    snprintf(name, sizeof(name), "PENSTOCK_AMQP_%s_PASSWORD_FILE", tier);
    c->conf.password_file = (char *)setting(name);
    c->host[0] = (char *)(ca ? setting("PENSTOCK_TEST_TLS_HOST") : setting("PENSTOCK_AMQP_HOST"));
    if (through_proxy) {
        c->proxy = proxy_start(c->host[0], (int)c->conf.port);
        c->host[0] = (char *)(ca ? "localhost" : "127.0.0.1"); /* the certificate's name */
        c->conf.port = c->proxy->port;
    }
    c->broker = broker_open(&c->conf, "itest_broker", err, sizeof(err));
    if (!c->broker)
        fail_msg("%s", err);
    return c;
}

static inline void client_free(struct client *c)
{
    broker_close(&c->broker);
    if (c->proxy)
        proxy_stop(c->proxy);
    free(c);
}

static inline struct broker *consumer_new(struct client **ret, bool through_proxy,
                                          unsigned prefetch)
{
    const char *queues[] = {queue_name};

    *ret = client_new("BACKEND", through_proxy);
    broker_consume((*ret)->broker, queues, 1, prefetch);
    return (*ret)->broker;
}

struct note {
    char id[UUID_TEXT_LEN + 1];
    char body[32];
    struct broker_message m;
};

static inline void note_init(struct note *n, int number)
{
    struct uuid id;

    uuid_v7(&id);
    uuid_format(&id, n->id);
    snprintf(n->body, sizeof(n->body), "{\"n\":%d}", number);
    n->m = (struct broker_message){.exchange = "penstock",
                                   .routing_key = queue_name,
                                   .message_id = n->id,
                                   .type = "share",
                                   .timestamp_s = 1700000000,
                                   .body = n->body,
                                   .len = strlen(n->body)};
}

static inline void publish_numbers(int from, int to)
{
    struct client *c = client_new("FRONTEND", false);
    struct note n;

    for (int i = from; i < to; i++) {
        note_init(&n, i);
        assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    }
    client_free(c);
}

/* Returns how long it took. */
static inline int64_t timed_publish(struct client *c, const struct note *n, enum broker_result *ret)
{
    int64_t start = clock_mono_ms();

    *ret = broker_publish(c->broker, &n->m);
    return clock_mono_ms() - start;
}

static inline struct broker_delivery *expect_delivery(struct broker *b)
{
    struct broker_delivery *d = NULL;
    enum broker_result r = broker_receive(b, MAX_BODY, 5000, &d);

    if (r != BROKER_OK)
        fail_msg("receive: %s (%s)", broker_result_name(r), broker_error(b));
    return d;
}

static inline void expect_number(struct broker *b, int number, struct broker_delivery **ret)
{
    char body[32];

    *ret = expect_delivery(b);
    snprintf(body, sizeof(body), "{\"n\":%d}", number);
    assert_string_equal((char *)(*ret)->body, body);
}

static inline void expect_idle(struct broker *b)
{
    struct broker_delivery *d = NULL;

    assert_int_equal(broker_receive(b, MAX_BODY, 300, &d), BROKER_IDLE);
}

/* --- the operator: what neither tier may do --- */

static inline amqp_connection_state_t operator_login(void)
{
    char err[256];
    char *password = secret_read(setting("PENSTOCK_AMQP_ADMIN_PASSWORD_FILE"), err, sizeof(err));
    amqp_connection_state_t a = amqp_new_connection();
    int port = atoi(setting("PENSTOCK_AMQP_PORT"));

    assert_non_null(password);
    assert_int_equal(amqp_socket_open(amqp_tcp_socket_new(a), setting("PENSTOCK_AMQP_HOST"), port),
                     0);
    amqp_rpc_reply_t r =
        amqp_login(a, setting("PENSTOCK_AMQP_VHOST"), 0, 131072, 0, AMQP_SASL_METHOD_PLAIN,
                   setting("PENSTOCK_AMQP_ADMIN_USER"), password);
    assert_int_equal(r.reply_type, AMQP_RESPONSE_NORMAL);
    assert_non_null(amqp_channel_open(a, 1));
    secret_free(&password);
    return a;
}

static inline void make_queue(const char *name)
{
    amqp_connection_state_t a = operator_login();
    amqp_table_entry_t type = {amqp_cstring_bytes("x-queue-type"),
                               {AMQP_FIELD_KIND_UTF8, {.bytes = amqp_cstring_bytes("quorum")}}};
    amqp_table_t arguments = {1, &type};
    amqp_bytes_t q = amqp_cstring_bytes(name);

    assert_non_null(amqp_queue_declare(a, 1, q, 0, 1, 0, 0, arguments));
    assert_non_null(amqp_queue_bind(a, 1, q, amqp_cstring_bytes("penstock"), q, amqp_empty_table));
    amqp_connection_close(a, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(a);
}

static inline void delete_queue(const char *name)
{
    amqp_connection_state_t a = operator_login();

    amqp_queue_delete(a, 1, amqp_cstring_bytes(name), 0, 0);
    amqp_connection_close(a, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(a);
}

static inline void empty_queue(const char *name)
{
    amqp_connection_state_t a = operator_login();

    assert_non_null(amqp_queue_purge(a, 1, amqp_cstring_bytes(name)));
    amqp_connection_close(a, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(a);
}

/* Takes the message with this id out of `dead`, leaving the others, and returns its body. */
static inline char *take_dead(const char *message_id)
{
    struct client *c = client_new("BACKEND", false);
    const char *queues[] = {"dead"};
    struct broker_delivery *d;
    char *body = NULL;

    broker_consume(c->broker, queues, 1, 10000);
    while (!body && broker_receive(c->broker, MAX_BODY, 3000, &d) == BROKER_OK) {
        if (d->message_id && strcmp(d->message_id, message_id) == 0) {
            body = mem_strdup(d->body);
            assert_int_equal(broker_ack(c->broker, d->generation, d->tag, false), BROKER_OK);
        }
        broker_delivery_free(&d);
    }
    client_free(c);
    return body;
}

static inline int setup(void **state)
{
    (void)state;
    snprintf(queue_name, sizeof(queue_name), "share.itest-%d", (int)getpid());
    make_queue(queue_name);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    delete_queue(queue_name);
    return 0;
}

/* Every test starts with an empty queue. */
static inline int fresh(void **state)
{
    (void)state;
    empty_queue(queue_name);
    return 0;
}

#endif
