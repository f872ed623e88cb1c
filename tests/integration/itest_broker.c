/* Publishing by common/broker, against a real RabbitMQ. Faults of the network come from
 * tcp_proxy.h; faults of the broker itself are test_broker.py's part. */
#include "common/broker/broker-private.h"
#include "tests/integration/broker_fixture.h"

static void test_publish_confirmed(void **state)
{
    struct client *c;
    struct broker_delivery *d;

    (void)state;
    publish_numbers(1, 2);
    struct broker *b = consumer_new(&c, false, 10);
    expect_number(b, 1, &d);
    assert_int_equal(strlen(d->message_id), UUID_TEXT_LEN);
    assert_string_equal(d->queue, queue_name);
    assert_false(d->redelivered);
    assert_int_equal(d->delivery_count, 0);
    assert_int_equal(broker_ack(b, d->generation, d->tag, false), BROKER_OK);
    broker_delivery_free(&d);
    expect_idle(b);
    client_free(c);
}

static void test_unroutable(void **state)
{
    struct client *c = client_new("FRONTEND", false);
    struct note n;

    (void)state;
    note_init(&n, 1);
    n.m.routing_key = "share.nobody-wants-this";
    for (int i = 0; i < 3; i++)
        assert_int_equal(broker_publish(c->broker, &n.m), BROKER_UNROUTABLE);
    n.m.routing_key = queue_name; /* and the connection is as good as before */
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    client_free(c);
}

static void test_forbidden(void **state)
{
    static const struct {
        const char *exchange, *key;
    } cases[] = {
        {"penstock.dead", "share.litecoin"}, {"penstock.jobs", "share.litecoin"},
        {"", "solution.litecoin"},           {"no-such-exchange", "share.litecoin"},
        {"penstock", "job.litecoin"},        {"amq.topic", "share.litecoin"},
    };
    struct client *c = client_new("FRONTEND", false);
    struct note n;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        note_init(&n, 1);
        n.m.exchange = cases[i].exchange;
        n.m.routing_key = cases[i].key;
        assert_int_equal(broker_publish(c->broker, &n.m), BROKER_FORBIDDEN);
        note_init(&n, 2); /* the next one is not hurt */
        assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    }
    client_free(c);
}

/* 404: the operator may write anywhere, but the exchange must exist. */
static void test_missing_exchange(void **state)
{
    struct client *c = client_new("ADMIN", false);
    struct note n;

    (void)state;
    note_init(&n, 1);
    n.m.exchange = "no-such-exchange";
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_FORBIDDEN);
    assert_non_null(strstr(broker_error(c->broker), "no-such-exchange"));
    client_free(c);
}

static void test_wrong_password(void **state)
{
    struct client *c = client_new("FRONTEND", false);
    char *user = c->conf.user;
    struct note n;

    (void)state;
    c->conf.user = "penstock_nobody";
    note_init(&n, 1);
    assert_int_equal(broker_ping(c->broker), BROKER_FORBIDDEN);
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_FORBIDDEN);
    c->conf.user = user;
    c->conf.vhost = "/no-such-vhost";
    assert_int_equal(broker_ping(c->broker), BROKER_FORBIDDEN);
    client_free(c);
}

/* Mixed fates in one window, each told of the right message. */
static void test_window(void **state)
{
    enum { N = 500 };
    struct client *c = client_new("FRONTEND", false);
    static struct note n[N];
    static struct broker_message m[N];
    static enum broker_result results[N];
    uint64_t depth = 0;
    int routable = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        note_init(&n[i], i);
        if (i % 7 == 3)
            n[i].m.routing_key = "share.nobody-wants-this";
        else
            routable++;
        m[i] = n[i].m;
    }
    assert_int_equal(broker_publish_many(c->broker, m, N, results), BROKER_UNROUTABLE);
    for (int i = 0; i < N; i++)
        assert_int_equal(results[i], i % 7 == 3 ? BROKER_UNROUTABLE : BROKER_OK);
    assert_int_equal(broker_queue_depth(c->broker, queue_name, &depth), BROKER_OK);
    assert_int_equal(depth, routable);
    client_free(c);
}

static void test_window_forbidden(void **state)
{
    enum { N = 20 };
    struct client *c = client_new("FRONTEND", false);
    struct note n[N];
    struct broker_message m[N];
    enum broker_result results[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        note_init(&n[i], i);
        n[i].m.exchange = "penstock.dead";
        m[i] = n[i].m;
    }
    assert_int_equal(broker_publish_many(c->broker, m, N, results), BROKER_FORBIDDEN);
    for (int i = 0; i < N; i++)
        assert_int_not_equal(results[i], BROKER_OK);
    for (int i = 0; i < N; i++) /* one bad apple: what came before it may have been taken */
        m[i].exchange = i == 5 ? "penstock.dead" : "penstock";
    broker_publish_many(c->broker, m, N, results);
    for (int i = 5; i < N; i++)
        assert_int_not_equal(results[i], BROKER_OK);
    for (int i = 0; i < 5; i++)
        assert_true(results[i] == BROKER_OK || results[i] == BROKER_UNCERTAIN);
    client_free(c);
}

static void test_large_body(void **state)
{
    struct client *c, *p = client_new("FRONTEND", false);
    struct broker_delivery *d;
    struct note n;
    size_t len = 8 * MIB;
    char *body = mem_zalloc(len);

    (void)state;
    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 23);
    note_init(&n, 1);
    n.m.body = body;
    n.m.len = len;
    assert_int_equal(broker_publish(p->broker, &n.m), BROKER_OK);
    struct broker *b = consumer_new(&c, false, 10);
    d = expect_delivery(b);
    assert_int_equal(d->len, len);
    assert_memory_equal(d->body, body, len);
    assert_int_equal(broker_ack(b, d->generation, d->tag, false), BROKER_OK);
    broker_delivery_free(&d);
    free(body);
    client_free(c);
    client_free(p);
}

/* --- publishing over a network that fails --- */

static void test_stalled_broker(void **state)
{
    static const size_t sizes[] = {100, 8 * MIB};
    struct client *c = client_new("FRONTEND", true);
    enum broker_result r;
    struct note n;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        proxy_set(c->proxy, PROXY_FORWARD);
        assert_int_equal(broker_ping(c->broker), BROKER_OK);
        proxy_set(c->proxy, PROXY_STALL);
        note_init(&n, 1);
        n.m.body = mem_zalloc(sizes[i]);
        n.m.len = sizes[i];
        int64_t ms = timed_publish(c, &n, &r);
        assert_true(ms >= CONFIRM_MS - 100 && ms < CONFIRM_MS + LATE_MS);
        /* the small one went out whole, the large one cannot have */
        assert_int_equal(r, i == 0 ? BROKER_UNCERTAIN : BROKER_UNAVAILABLE);
        ms = timed_publish(c, &n, &r); /* and now the log-in gets no answer */
        assert_int_equal(r, BROKER_UNAVAILABLE);
        assert_true(ms < CONFIRM_MS + LATE_MS);
        free((void *)(uintptr_t)n.m.body);
    }
    proxy_set(c->proxy, PROXY_FORWARD);
    note_init(&n, 2);
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    client_free(c);
}

/* The broker has the message, but its confirm never comes. */
static void test_confirm_lost(void **state)
{
    struct client *c = client_new("FRONTEND", true);
    enum broker_result r;
    uint64_t depth = 0;
    struct note n;

    (void)state;
    note_init(&n, 1);
    assert_int_equal(broker_ping(c->broker), BROKER_OK);
    proxy_set(c->proxy, PROXY_MUTE);
    int64_t ms = timed_publish(c, &n, &r);
    assert_int_equal(r, BROKER_UNCERTAIN);
    assert_true(ms < CONFIRM_MS + LATE_MS);
    proxy_set(c->proxy, PROXY_FORWARD);
    assert_int_equal(broker_queue_depth(c->broker, queue_name, &depth), BROKER_OK);
    assert_int_equal(depth, 1); /* it was never published a second time */
    client_free(c);
}

/* A connection that was closed while nobody looked: the publish goes over a new one. */
static void test_stale_connection(void **state)
{
    struct client *c = client_new("FRONTEND", true);
    uint64_t depth = 0;
    struct note n;

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(broker_ping(c->broker), BROKER_OK);
        proxy_set(c->proxy, PROXY_REFUSE);
        proxy_set(c->proxy, PROXY_FORWARD);
        note_init(&n, i);
        assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    }
    assert_int_equal(broker_queue_depth(c->broker, queue_name, &depth), BROKER_OK);
    assert_int_equal(depth, 10);
    client_free(c);
}

static void test_broker_away(void **state)
{
    struct client *c = client_new("FRONTEND", true);
    enum broker_result r;
    struct note n;

    (void)state;
    note_init(&n, 1);
    assert_int_equal(broker_ping(c->broker), BROKER_OK);
    proxy_set(c->proxy, PROXY_REFUSE);
    int64_t ms = timed_publish(c, &n, &r);
    assert_int_equal(r, BROKER_UNAVAILABLE);
    assert_true(ms < 1000);
    assert_int_equal(broker_ping(c->broker), BROKER_UNAVAILABLE);
    client_free(c);
}

/* The first host of the list is dead, the second is not. */
static void test_second_host(void **state)
{
    struct client *c = client_new("FRONTEND", false);
    char second[64];
    struct note n;

    (void)state;
    snprintf(second, sizeof(second), "%s:%d", c->host[0], (int)c->conf.port);
    c->host[0] = "127.0.0.1:1";
    c->host[1] = second;
    c->conf.hosts.n = 2;
    note_init(&n, 1);
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    client_free(c);
}

/* Idle far beyond the heartbeat: a publisher keeps its connection all the same. */
static void test_idle_publisher(void **state)
{
    struct client *c = client_new("FRONTEND", false);
    struct note n;

    (void)state;
    c->conf.heartbeat_s = 1;
    note_init(&n, 1);
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    clock_sleep_ms(5000);
    note_init(&n, 2);
    assert_int_equal(broker_publish(c->broker, &n.m), BROKER_OK);
    assert_int_equal(c->broker->generation, 1);
    client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_publish_confirmed, fresh),
        cmocka_unit_test_setup(test_unroutable, fresh),
        cmocka_unit_test_setup(test_forbidden, fresh),
        cmocka_unit_test_setup(test_missing_exchange, fresh),
        cmocka_unit_test_setup(test_wrong_password, fresh),
        cmocka_unit_test_setup(test_window, fresh),
        cmocka_unit_test_setup(test_window_forbidden, fresh),
        cmocka_unit_test_setup(test_large_body, fresh),
        cmocka_unit_test_setup(test_stalled_broker, fresh),
        cmocka_unit_test_setup(test_confirm_lost, fresh),
        cmocka_unit_test_setup(test_stale_connection, fresh),
        cmocka_unit_test_setup(test_broker_away, fresh),
        cmocka_unit_test_setup(test_second_host, fresh),
        cmocka_unit_test_setup(test_idle_publisher, fresh),
    };

    log_init("itest_broker", LOG_LEVEL_ERROR, LOG_TARGET_STDERR);
    return cmocka_run_group_tests(tests, setup, teardown);
}
