/* Consuming by common/broker, against a real RabbitMQ; see itest_broker.c. */
#include "tests/integration/broker_fixture.h"

#include <malloc.h>

static void test_prefetch(void **state)
{
    struct client *c;
    struct broker_delivery *d[3], *more;

    (void)state;
    publish_numbers(0, 10);
    struct broker *b = consumer_new(&c, false, 3);
    for (int i = 0; i < 3; i++)
        expect_number(b, i, &d[i]);
    expect_idle(b);
    assert_int_equal(broker_ack(b, d[1]->generation, d[1]->tag, true), BROKER_OK); /* two of them */
    for (int i = 3; i < 5; i++) {
        expect_number(b, i, &more);
        broker_delivery_free(&more);
    }
    expect_idle(b);
    for (int i = 0; i < 3; i++)
        broker_delivery_free(&d[i]);
    client_free(c);
    b = consumer_new(&c, false, 10); /* 0 and 1 are done, 2 comes again */
    expect_number(b, 2, &more);
    assert_true(more->redelivered);
    assert_int_equal(more->delivery_count, 1);
    broker_delivery_free(&more);
    client_free(c);
}

static void test_delivery_count(void **state)
{
    struct broker_delivery *d;
    struct client *c;

    (void)state;
    publish_numbers(0, 1);
    for (unsigned i = 0; i < 4; i++) {
        expect_number(consumer_new(&c, false, 10), 0, &d);
        assert_int_equal(d->delivery_count, i);
        broker_delivery_free(&d);
        client_free(c);
    }
}

/* Two queues over one connection, and the limit is for both together. */
static void test_two_queues(void **state)
{
    char other[80];
    const char *queues[] = {queue_name, other};
    struct client *p = client_new("FRONTEND", false), *c = client_new("BACKEND", false);
    struct broker_delivery *d;
    struct note n;
    int from_other = 0;

    (void)state;
    snprintf(other, sizeof(other), "%s-other", queue_name);
    make_queue(other);
    for (int i = 0; i < 20; i++) {
        note_init(&n, i);
        n.m.routing_key = queues[i % 2];
        assert_int_equal(broker_publish(p->broker, &n.m), BROKER_OK);
    }
    broker_consume(c->broker, queues, 2, 6);
    for (int i = 0; i < 6; i++) {
        d = expect_delivery(c->broker);
        from_other += strcmp(d->queue, other) == 0;
        broker_delivery_free(&d);
    }
    expect_idle(c->broker);
    assert_int_equal(from_other, 3);
    client_free(c);
    client_free(p);
    delete_queue(other);
}

static void test_dead_letter(void **state)
{
    struct broker_delivery *d;
    struct client *c;
    char *id, *body;

    (void)state;
    publish_numbers(7, 9);
    struct broker *b = consumer_new(&c, false, 10);
    expect_number(b, 7, &d);
    id = mem_strdup(d->message_id);
    assert_int_equal(broker_dead_letter(b, d->generation, d->tag), BROKER_OK);
    broker_delivery_free(&d);
    expect_number(b, 8, &d); /* its neighbour is not taken along */
    assert_int_equal(broker_ack(b, d->generation, d->tag, false), BROKER_OK);
    broker_delivery_free(&d);
    body = take_dead(id);
    assert_non_null(body);
    assert_string_equal(body, "{\"n\":7}");
    free(body);
    free(id);
    client_free(c);
}

static void test_too_long(void **state)
{
    struct client *p = client_new("FRONTEND", false), *c;
    struct broker_delivery *d = NULL;
    struct note n, small;
    char *body;

    (void)state;
    note_init(&n, 1);
    n.m.len = 300000; /* several frames */
    n.m.body = memset(mem_zalloc(n.m.len + 1), 'x', n.m.len);
    note_init(&small, 2);
    assert_int_equal(broker_publish(p->broker, &n.m), BROKER_OK);
    assert_int_equal(broker_publish(p->broker, &small.m), BROKER_OK);
    struct broker *b = consumer_new(&c, false, 10);
    assert_int_equal(broker_receive(b, 1000, 3000, &d), BROKER_OK);
    assert_string_equal(d->message_id, small.id);
    assert_int_equal(broker_ack(b, d->generation, d->tag, true), BROKER_OK);
    broker_delivery_free(&d);
    body = take_dead(n.id);
    assert_non_null(body);
    assert_int_equal(strlen(body), n.m.len);
    free(body);
    free((void *)(uintptr_t)n.m.body);
    client_free(c);
    client_free(p);
}

static void test_empty_body(void **state)
{
    struct client *p = client_new("FRONTEND", false), *c;
    struct broker_delivery *d;
    struct note n;

    (void)state;
    note_init(&n, 1);
    n.m.len = 0;
    assert_int_equal(broker_publish(p->broker, &n.m), BROKER_OK);
    struct broker *b = consumer_new(&c, false, 10);
    d = expect_delivery(b);
    assert_int_equal(d->len, 0);
    assert_string_equal(d->message_id, n.id);
    broker_delivery_free(&d);
    client_free(c);
    client_free(p);
}

/* The connection breaks with deliveries in hand: told once, old tags are void, all comes again. */
static void test_consumer_reconnects(void **state)
{
    struct broker_delivery *d[3], *again;
    struct client *c;

    (void)state;
    publish_numbers(0, 3);
    struct broker *b = consumer_new(&c, true, 10);
    for (int i = 0; i < 3; i++)
        expect_number(b, i, &d[i]);
    proxy_set(c->proxy, PROXY_REFUSE);
    proxy_set(c->proxy, PROXY_FORWARD);
    assert_int_equal(broker_ping(b), BROKER_OK); /* reconnects, and does not hide it */
    assert_int_equal(broker_ack(b, d[2]->generation, d[2]->tag, true), BROKER_UNAVAILABLE);
    assert_int_equal(broker_dead_letter(b, d[0]->generation, d[0]->tag), BROKER_UNAVAILABLE);
    assert_int_equal(broker_receive(b, MAX_BODY, 1000, &again), BROKER_UNAVAILABLE);
    for (int i = 0; i < 3; i++) {
        expect_number(b, i, &again);
        assert_true(again->redelivered);
        assert_true(again->generation > d[i]->generation);
        assert_int_equal(broker_ack(b, again->generation, again->tag, false), BROKER_OK);
        broker_delivery_free(&again);
        broker_delivery_free(&d[i]);
    }
    expect_idle(b);
    client_free(c);
}

static void test_queue_deleted(void **state)
{
    struct broker_delivery *d;
    struct client *c;

    (void)state;
    struct broker *b = consumer_new(&c, false, 10);
    expect_idle(b);
    delete_queue(queue_name);
    assert_int_equal(broker_receive(b, MAX_BODY, 2000, &d), BROKER_UNAVAILABLE);
    assert_int_equal(broker_receive(b, MAX_BODY, 2000, &d), BROKER_FORBIDDEN);
    make_queue(queue_name);
    expect_idle(b);
    publish_numbers(1, 2);
    expect_number(b, 1, &d);
    broker_delivery_free(&d);
    client_free(c);
}

/* Heartbeats are answered while receive waits; a peer that fell silent is noticed by them. */
static void test_idle_consumer(void **state)
{
    struct broker_delivery *d;
    struct client *c;

    (void)state;
    struct broker *b = consumer_new(&c, true, 10);
    c->conf.heartbeat_s = 1;
    assert_int_equal(broker_receive(b, MAX_BODY, 5000, &d), BROKER_IDLE);
    assert_int_equal(c->proxy->accepted, 1);
    proxy_set(c->proxy, PROXY_MUTE);
    int64_t start = clock_mono_ms();
    assert_int_equal(broker_receive(b, MAX_BODY, 90000, &d), BROKER_UNAVAILABLE);
    assert_true(clock_mono_ms() - start < 80000);
    client_free(c);
}

static void test_queue_depth(void **state)
{
    struct client *c = client_new("BACKEND", false);
    uint64_t depth = 77;

    (void)state;
    publish_numbers(0, 4);
    assert_int_equal(broker_queue_depth(c->broker, queue_name, &depth), BROKER_OK);
    assert_int_equal(depth, 4);
    assert_int_equal(broker_queue_depth(c->broker, "no-such-queue", &depth), BROKER_FORBIDDEN);
    assert_int_equal(depth, 4);
    assert_int_equal(broker_queue_depth(c->broker, queue_name, &depth), BROKER_OK);
    client_free(c);
}

/* --- memory --- */

static void publish_bulk(struct broker *b, int count)
{
    enum { N = 1000 };
    static struct note n[N];
    static struct broker_message m[N];
    static enum broker_result results[N];

    for (int done = 0; done < count; done += N) {
        for (int i = 0; i < N; i++) {
            note_init(&n[i], done + i);
            m[i] = n[i].m;
        }
        assert_int_equal(broker_publish_many(b, m, N, results), BROKER_OK);
    }
}

static void consume_bulk(struct broker *b, int count)
{
    struct broker_delivery *d;

    for (int i = 1; i <= count; i++) {
        d = expect_delivery(b);
        if (i % 500 == 0)
            assert_int_equal(broker_ack(b, d->generation, d->tag, true), BROKER_OK);
        broker_delivery_free(&d);
    }
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* After a first round that fills all caches, hundreds of thousands in both directions
 * may not take more (PENSTOCK_TEST_MESSAGES sets another number). */
static void test_flat_memory(void **state)
{
    const char *number = getenv("PENSTOCK_TEST_MESSAGES");
    int left = number ? atoi(number) : 200000, round = 20000;
    struct client *p = client_new("FRONTEND", false), *c;
    struct broker *b = consumer_new(&c, false, 1000);

    (void)state;
    publish_bulk(p->broker, round);
    consume_bulk(b, round);
    size_t before = heap();
    for (; left > 0; left -= round) {
        publish_bulk(p->broker, round);
        consume_bulk(b, round);
    }
    assert_true(heap() < before + 256 * 1024);
    client_free(c);
    client_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty_body, fresh),
        cmocka_unit_test_setup(test_prefetch, fresh),
        cmocka_unit_test_setup(test_delivery_count, fresh),
        cmocka_unit_test_setup(test_two_queues, fresh),
        cmocka_unit_test_setup(test_dead_letter, fresh),
        cmocka_unit_test_setup(test_too_long, fresh),
        cmocka_unit_test_setup(test_consumer_reconnects, fresh),
        cmocka_unit_test_setup(test_queue_deleted, fresh),
        cmocka_unit_test_setup(test_idle_consumer, fresh),
        cmocka_unit_test_setup(test_queue_depth, fresh),
        cmocka_unit_test_setup(test_flat_memory, fresh),
    };

    log_init("itest_broker_consume", LOG_LEVEL_ERROR, LOG_TARGET_STDERR);
    return cmocka_run_group_tests(tests, setup, teardown);
}
