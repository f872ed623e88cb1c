/* common/broker against a scripted peer: what a real broker does rarely, or never. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/broker/broker.h"
#include "tests/unit/fake_broker.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define N 5

struct client {
    struct broker_conf conf;
    struct broker *b;
    struct fake *fake;
};

static void client_init(struct client *c, fake_script *first, fake_script *second)
{
    char err[256] = "";

    *c = (struct client){.fake = fake_new(first, second)};
    c->conf = fake_conf(c->fake);
    c->b = broker_open(&c->conf, "test", err, sizeof(err));
    assert_non_null(c->b);
}

static void client_clear(struct client *c)
{
    broker_close(&c->b);
    fake_free(c->fake);
}

static const char *const ids[N] = {"id-0", "id-1", "id-2", "id-3", "id-4"};

static enum broker_result publish_n(struct client *c, size_t n, enum broker_result *results)
{
    struct broker_message m[N];

    for (size_t i = 0; i < n; i++)
        m[i] = (struct broker_message){.exchange = "penstock",
                                       .routing_key = "share.x",
                                       .message_id = ids[i],
                                       .type = "share",
                                       .body = "{}",
                                       .len = 2};
    return broker_publish_many(c->b, m, n, results);
}

static enum broker_result publish_one(struct client *c)
{
    enum broker_result result;

    return publish_n(c, 1, &result);
}

/* --- confirms --- */

static void script_one_ack_for_all(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, N, true);
    fake_linger(f);
}

static void test_multiple(void **state)
{
    enum broker_result r[N];
    struct client c;

    (void)state;
    client_init(&c, script_one_ack_for_all, NULL);
    assert_int_equal(publish_n(&c, N, r), BROKER_OK);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(r[i], BROKER_OK);
    client_clear(&c);
}

static void script_mixed(struct fake *f)
{
    fake_handshake(f);
    fake_tell_fates(f);
    fake_linger(f);
}

static void test_mixed(void **state)
{
    static const enum broker_result expected[N] = FAKE_FATES;
    enum broker_result r[N];
    struct client c;

    (void)state;
    client_init(&c, script_mixed, NULL);
    assert_int_equal(publish_n(&c, N, r), BROKER_NACKED);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(r[i], expected[i]);
    client_clear(&c);
}

/* A nack of a message that was also returned stays a nack. */
static void script_returned_and_nacked(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_return(f, "id-0");
    fake_nack(f, 1, false);
    fake_linger(f);
}

static void test_returned_and_nacked(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_returned_and_nacked, NULL);
    assert_int_equal(publish_one(&c), BROKER_NACKED);
    client_clear(&c);
}

/* --- connections that end --- */

static void script_gone_half_way(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, 2, true);
}

static void test_gone_half_way(void **state)
{
    enum broker_result r[N];
    struct client c;

    (void)state;
    client_init(&c, script_gone_half_way, script_one_ack_for_all);
    assert_int_equal(publish_n(&c, N, r), BROKER_UNCERTAIN);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(r[i], i < 2 ? BROKER_OK : BROKER_UNCERTAIN);
    assert_int_equal(c.fake->published, N); /* nothing was sent a second time */
    assert_int_equal(publish_n(&c, N, r), BROKER_OK);
    assert_int_equal(c.fake->connections, 2);
    client_clear(&c);
}

/* Ends once the client's kernel knows of the close: nobody there has read it. */
static void script_gone_at_once(struct fake *f)
{
    struct tcp_info info = {.tcpi_state = TCP_ESTABLISHED};
    socklen_t len = sizeof info;

    fake_handshake(f);
    shutdown(f->fd, SHUT_WR);
    while (info.tcpi_state != TCP_FIN_WAIT2 && info.tcpi_state != TCP_CLOSE) {
        usleep(1000);
        fake_check(getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    }
    f->go = 1;
}

static void script_ack_one(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_ack(f, 1, false);
    fake_linger(f);
}

static void test_stale(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_gone_at_once, script_ack_one);
    assert_int_equal(broker_ping(c.b), BROKER_OK);
    while (!c.fake->go)
        usleep(1000);
    assert_int_equal(publish_one(&c), BROKER_OK);
    assert_int_equal(c.fake->published, 1);
    client_clear(&c);
}

/* The message is out, then the connection ends: whether it arrived cannot be known. */
static void script_takes_and_goes(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
}

static void test_taken_and_gone(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_takes_and_goes, script_ack_one);
    assert_int_equal(publish_one(&c), BROKER_UNCERTAIN);
    assert_int_equal(c.fake->connections, 1);
    client_clear(&c);
}

static void script_forced_close(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_close(f, 0, 320, "CONNECTION_FORCED - broker forced connection closure");
    fake_linger(f);
}

static void test_forced_close(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_forced_close, NULL);
    assert_int_equal(publish_one(&c), BROKER_UNCERTAIN);
    assert_non_null(strstr(broker_error(c.b), "CONNECTION_FORCED"));
    client_clear(&c);
}

static void script_refuses_third(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, 1, false);
    fake_close(f, 1, 403, "ACCESS_REFUSED");
    fake_linger(f);
}

/* One was confirmed, four are open: which of them was refused is not said. */
static void test_refused_with_doubt(void **state)
{
    enum broker_result r[N];
    struct client c;

    (void)state;
    client_init(&c, script_refuses_third, NULL);
    assert_int_equal(publish_n(&c, N, r), BROKER_UNCERTAIN);
    assert_int_equal(r[0], BROKER_OK);
    for (size_t i = 1; i < N; i++)
        assert_int_equal(r[i], BROKER_UNCERTAIN);
    client_clear(&c);
}

static void script_refuses_last(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, N - 1, true);
    fake_close(f, 1, 404, "NOT_FOUND");
    fake_linger(f);
}

static void test_refused_without_doubt(void **state)
{
    enum broker_result r[N];
    struct client c;

    (void)state;
    client_init(&c, script_refuses_last, NULL);
    assert_int_equal(publish_n(&c, N, r), BROKER_FORBIDDEN);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(r[i], i < N - 1 ? BROKER_OK : BROKER_FORBIDDEN);
    client_clear(&c);
}

/* --- blocked --- */

static void script_blocked(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 1);
    fake_blocked(f, true);
    fake_wait_go(f);
    fake_blocked(f, false);
    fake_ack(f, 1, false); /* of the message that nobody waits for any more */
    fake_await_n(f, 1);
    fake_ack(f, 1, false); /* and once more: still not the second's */
    fake_nack(f, 2, false);
    fake_linger(f);
}

static void test_blocked(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_blocked, NULL);
    assert_int_equal(publish_one(&c), BROKER_UNCERTAIN);
    assert_non_null(strstr(broker_error(c.b), "low on disk")); /* it did not wait for all of it */
    for (int i = 0; i < 3; i++)
        assert_int_equal(publish_one(&c), BROKER_UNAVAILABLE);
    assert_int_equal(broker_ping(c.b), BROKER_UNAVAILABLE);
    assert_non_null(strstr(broker_error(c.b), "low on disk"));
    assert_int_equal(c.fake->published, 1);
    c.fake->go = 1;
    while (broker_ping(c.b) != BROKER_OK)
        clock_sleep_ms(1);
    assert_int_equal(publish_one(&c), BROKER_NACKED);
    assert_int_equal(c.fake->connections, 1);
    client_clear(&c);
}

/* --- peers that do not answer, or not as they should --- */

static void script_silent(struct fake *f)
{
    fake_linger(f);
}

static void script_silent_after_start(struct fake *f)
{
    fake_start(f);
    fake_linger(f);
}

static void script_no_confirm(struct fake *f)
{
    fake_handshake(f);
    fake_linger(f);
}

static void test_bounded(void **state)
{
    static const struct {
        fake_script *script;
        int64_t connect_ms, confirm_ms;
        enum broker_result expected;
    } cases[] = {
        {script_silent, 300, FAKE_PATIENCE_MS, BROKER_UNAVAILABLE},
        {script_silent_after_start, 300, FAKE_PATIENCE_MS, BROKER_UNAVAILABLE},
        {script_no_confirm, FAKE_PATIENCE_MS, 1500, BROKER_UNCERTAIN},
    };
    struct client c;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        client_init(&c, cases[i].script, NULL);
        c.conf.connect_timeout_ms = cases[i].connect_ms;
        if (cases[i].connect_ms == FAKE_PATIENCE_MS) /* the time is for the confirm alone */
            assert_int_equal(broker_ping(c.b), BROKER_OK);
        c.conf.confirm_timeout_ms = cases[i].confirm_ms;
        int64_t start = clock_mono_ms();
        assert_int_equal(publish_one(&c), cases[i].expected);
        assert_true(clock_mono_ms() - start < FAKE_PATIENCE_MS / 2);
        client_clear(&c);
    }
}

static void script_http(struct fake *f)
{
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nServer: not what you think\r\n\r\n";

    fake_send(f, text, sizeof(text) - 1);
    fake_linger(f);
}

static void script_wrong_password(struct fake *f)
{
    fake_start(f);
    fake_close(f, 0, 403, "ACCESS_REFUSED - Login was refused");
    fake_linger(f);
}

static void test_login_refused(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_wrong_password, NULL);
    assert_int_equal(broker_ping(c.b), BROKER_FORBIDDEN);
    assert_non_null(strstr(broker_error(c.b), "Login was refused"));
    client_clear(&c);
    client_init(&c, script_http, NULL);
    assert_int_equal(broker_ping(c.b), BROKER_UNAVAILABLE);
    client_clear(&c);
}

/* --- deliveries --- */

static const char *const queues[] = {"share.x"};

static void script_deliveries(struct fake *f)
{
    fake_subscribe(f);
    fake_deliver(f, 1);
    fake_header(f, "id-0", 6, 3);
    fake_body(f, "ab"); /* in three frames */
    fake_body(f, "cd");
    fake_body(f, "ef");
    fake_deliver(f, 2);
    fake_header(f, "id-1", 0, -1);
    fake_deliver(f, 3);
    fake_header(f, "id-2", 9, -1); /* too long: dead-lettered */
    fake_body(f, "123456789");
    fake_deliver(f, 4);
    fake_header(f, "id-3", 8, -1);
    fake_body(f, "12345678");
    fake_linger(f);
}

static void expect(struct client *c, const char *id, const char *body, uint64_t count)
{
    struct broker_delivery *d = NULL;

    assert_int_equal(broker_receive(c->b, 8, FAKE_PATIENCE_MS, &d), BROKER_OK);
    assert_string_equal(d->message_id, id);
    assert_string_equal((char *)d->body, body);
    assert_int_equal(d->len, strlen(body));
    assert_int_equal(d->delivery_count, count);
    assert_string_equal(d->queue, "share.x");
    broker_delivery_free(&d);
}

static void test_deliveries(void **state)
{
    struct broker_delivery *d = NULL;
    struct client c;

    (void)state;
    client_init(&c, script_deliveries, NULL);
    broker_consume(c.b, queues, 1, 10);
    expect(&c, "id-0", "abcdef", 3);
    expect(&c, "id-1", "", 0);
    expect(&c, "id-3", "12345678", 0);
    assert_int_equal(broker_receive(c.b, 8, 100, &d), BROKER_IDLE);
    while (c.fake->rejected == 0)
        usleep(1000);
    assert_int_equal(c.fake->rejected, 1);
    client_clear(&c);
}

static void script_endless(struct fake *f)
{
    fake_subscribe(f);
    fake_deliver(f, 1);
    fake_header(f, "id-0", UINT64_MAX, 0);
    fake_body(f, "and so on");
}

static void script_body_first(struct fake *f)
{
    fake_subscribe(f);
    fake_body(f, "out of nowhere");
    fake_linger(f);
}

static void script_header_first(struct fake *f)
{
    fake_subscribe(f);
    fake_header(f, "id-0", 3, -1);
    fake_linger(f);
}

static void script_two_headers(struct fake *f)
{
    fake_subscribe(f);
    fake_deliver(f, 1);
    fake_header(f, "id-0", 3, -1);
    fake_header(f, "id-0", 3000, -1);
    fake_linger(f);
}

static void script_body_too_long(struct fake *f)
{
    fake_subscribe(f);
    fake_deliver(f, 1);
    fake_header(f, "id-0", 3, -1);
    fake_body(f, "four");
    fake_linger(f);
}

static void script_interrupted(struct fake *f)
{
    fake_subscribe(f);
    fake_deliver(f, 1);
    fake_header(f, "id-0", 3, -1);
    fake_deliver(f, 2);
    fake_linger(f);
}

static void script_cancel(struct fake *f)
{
    struct wire w = {.len = 0};

    fake_subscribe(f);
    wire_short(&w, "share.x");
    wire_int(&w, 1, 1);
    fake_method(f, 1, METHOD(60, 30), &w);
    fake_linger(f);
}

/* Whatever goes wrong, the connection ends, its deliveries are lost, and the next one works. */
static void test_consumer_recovers(void **state)
{
    static fake_script *const scripts[] = {
        script_endless,       script_body_first,  script_header_first, script_two_headers,
        script_body_too_long, script_interrupted, script_cancel};
    struct broker_delivery *d;
    struct client c;

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        client_init(&c, scripts[i], script_deliveries);
        broker_consume(c.b, queues, 1, 10);
        assert_int_equal(broker_receive(c.b, 8, FAKE_PATIENCE_MS, &d), BROKER_UNAVAILABLE);
        expect(&c, "id-0", "abcdef", 3);
        assert_int_equal(broker_ack(c.b, 1, 1, false), BROKER_UNAVAILABLE); /* of the first one */
        client_clear(&c);
    }
}

/* --- without a peer --- */

static void test_open(void **state)
{
    struct broker_conf conf = {.password_file = (char *)"/nonexistent/secret"};
    char err[256] = "";

    (void)state;
    assert_null(broker_open(&conf, "test", err, sizeof(err)));
    assert_non_null(strstr(err, "/nonexistent/secret"));
}

static void test_hosts(void **state)
{
    static const char *const bad[] = {"127.0.0.1:1",     "[::1]:1",     "127.0.0.1:0",
                                      "127.0.0.1:65536", "127.0.0.1:x", ":5672",
                                      "127.0.0.1:5672x", "[]:1"};
    struct client c;

    (void)state;
    client_init(&c, script_ack_one, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        c.fake->host = (char *)(uintptr_t)bad[i];
        assert_int_equal(publish_one(&c), BROKER_UNAVAILABLE);
        assert_int_equal(c.fake->connections, 0);
    }
    c.fake->host = (char *)"localhost";
    assert_int_equal(publish_one(&c), BROKER_OK);
    client_clear(&c);
}

static int setup(void **state)
{
    (void)state;
    log_init("test_broker", LOG_LEVEL_FATAL, LOG_TARGET_STDERR);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multiple),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_returned_and_nacked),
        cmocka_unit_test(test_gone_half_way),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_taken_and_gone),
        cmocka_unit_test(test_forced_close),
        cmocka_unit_test(test_refused_with_doubt),
        cmocka_unit_test(test_refused_without_doubt),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_login_refused),
        cmocka_unit_test(test_deliveries),
        cmocka_unit_test(test_consumer_recovers),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_hosts),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
