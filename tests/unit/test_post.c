/* common/broker/post.h against a scripted peer: fates out of order, in one, and of a lost
 * connection. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/broker/post.h"
#include "tests/unit/fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5 };

struct client {
    struct broker_conf conf;
    struct broker *b;
    struct posts *p;
    struct fake *fake;
    enum broker_result fate[2 * N]; /* by cookie; BROKER_IDLE: none yet */
};

static void client_init(struct client *c, fake_script *first, fake_script *second)
{
    char err[256] = "";

    *c = (struct client){.fake = fake_new(first, second)};
    c->conf = fake_conf(c->fake);
    c->b = broker_open(&c->conf, "test", err, sizeof(err));
    assert_non_null(c->b);
    c->p = posts_open(c->b);
    for (size_t i = 0; i < 2 * N; i++)
        c->fate[i] = BROKER_IDLE;
}

static void client_clear(struct client *c)
{
    posts_close(&c->p);
    broker_close(&c->b);
    fake_free(c->fake);
}

static enum broker_result send_one(struct client *c, uint64_t cookie, int64_t patience_ms)
{
    char id[16];

    snprintf(id, sizeof(id), "id-%llu", (unsigned long long)cookie);
    const struct broker_message m = {.exchange = "penstock",
                                     .routing_key = "share.x",
                                     .message_id = id,
                                     .type = "share",
                                     .body = "{}",
                                     .len = 2};
    return posts_send(c->p, &m, cookie, clock_mono_ms() + patience_ms);
}

static void send_from(struct client *c, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++)
        assert_int_equal(send_one(c, i, FAKE_PATIENCE_MS), BROKER_OK);
}

/* Until nothing is under way; each fate comes once. */
static void work(struct client *c)
{
    int64_t end = clock_mono_ms() + FAKE_PATIENCE_MS;
    enum broker_result r;
    uint64_t cookie;

    do {
        posts_work(c->p);
        while (posts_next(c->p, &cookie, &r)) {
            assert_in_range(cookie, 0, 2 * N - 1);
            assert_int_equal(c->fate[cookie], BROKER_IDLE);
            c->fate[cookie] = r;
        }
        usleep(1000);
    } while (posts_under_way(c->p) > 0 && clock_mono_ms() < end);
    assert_int_equal(posts_under_way(c->p), 0);
}

static void script_mixed(struct fake *f)
{
    fake_handshake(f);
    fake_tell_fates(f);
    fake_await_n(f, N); /* the next ones go on counting */
    fake_ack(f, N + 2, false);
    fake_ack(f, 2 * N, true);
    fake_linger(f);
}

static void test_mixed(void **state)
{
    static const enum broker_result expected[N] = FAKE_FATES;
    struct client c;

    (void)state;
    client_init(&c, script_mixed, NULL);
    send_from(&c, 0, N);
    assert_int_equal(posts_under_way(c.p), N);
    work(&c);
    assert_memory_equal(c.fate, expected, sizeof(expected));
    send_from(&c, N, N);
    work(&c);
    for (size_t i = N; i < 2 * N; i++)
        assert_int_equal(c.fate[i], BROKER_OK);
    client_clear(&c);
}

static void script_confirms_two_and_goes(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, 2, true);
}

static void script_confirms_all(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, N);
    fake_ack(f, N, true);
    fake_linger(f);
}

/* The tags of the next connection begin anew, and must not be taken for those of the last. */
static void test_lost(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_confirms_two_and_goes, script_confirms_all);
    send_from(&c, 0, N);
    work(&c);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(c.fate[i], i < 2 ? BROKER_OK : BROKER_UNCERTAIN);
    assert_int_equal(posts_fd(c.p), -1);
    uint64_t before = posts_generation(c.p);
    send_from(&c, N, N);
    assert_true(posts_generation(c.p) > before && posts_fd(c.p) >= 0);
    work(&c);
    for (size_t i = N; i < 2 * N; i++)
        assert_int_equal(c.fate[i], BROKER_OK);
    client_clear(&c);
}

static void script_silent(struct fake *f)
{
    fake_handshake(f);
    fake_linger(f);
}

static void test_overdue(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_silent, NULL);
    assert_int_equal(broker_ping(c.b), BROKER_OK); /* the time is for the confirm alone */
    assert_int_equal(send_one(&c, 0, 1000), BROKER_OK);
    assert_int_equal(send_one(&c, 1, FAKE_PATIENCE_MS), BROKER_OK);
    work(&c);
    assert_int_equal(c.fate[0], BROKER_UNCERTAIN);
    assert_int_equal(c.fate[1], BROKER_UNCERTAIN); /* it went down with the connection */
    assert_non_null(strstr(broker_error(c.b), "no confirm"));
    client_clear(&c);
}

static void script_blocked(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, 2);
    fake_hold(f);
    fake_blocked(f, true);
    fake_ack(f, 1, false); /* what came before the alarm may still be confirmed, for a short time */
    fake_release(f);
    fake_wait_go(f);
    fake_blocked(f, false);
    fake_await_n(f, 1);
    fake_ack(f, 2, false); /* too late for its program */
    fake_ack(f, 3, false);
    fake_linger(f);
}

static void test_blocked(void **state)
{
    struct client c;

    (void)state;
    client_init(&c, script_blocked, NULL);
    send_from(&c, 0, 2);
    work(&c);
    assert_int_equal(c.fate[0], BROKER_OK);
    assert_int_equal(c.fate[1], BROKER_UNCERTAIN);
    assert_int_equal(send_one(&c, 2, FAKE_PATIENCE_MS), BROKER_UNAVAILABLE);
    assert_true(posts_fd(c.p) >= 0); /* the connection stays: it tells when the alarm is over */
    c.fake->go = 1;
    int64_t end = clock_mono_ms() + FAKE_PATIENCE_MS;
    while (send_one(&c, 3, FAKE_PATIENCE_MS) != BROKER_OK && clock_mono_ms() < end) {
        posts_work(c.p);
        usleep(1000);
    }
    work(&c);
    assert_int_equal(c.fate[3], BROKER_OK);
    client_clear(&c);
}

static void script_reads_all(struct fake *f)
{
    fake_handshake(f);
    fake_await_n(f, POSTS_MAX);
    fake_ack(f, POSTS_MAX, true);
    fake_await_n(f, 1);
    fake_ack(f, POSTS_MAX + 1, false);
    fake_linger(f);
}

/* One more than there is room for is refused, and fits once the others' fates were taken. */
static void test_full(void **state)
{
    enum broker_result r;
    uint64_t cookie, n = 0;
    struct client c;

    (void)state;
    client_init(&c, script_reads_all, NULL);
    send_from(&c, 0, POSTS_MAX);
    assert_int_equal(send_one(&c, POSTS_MAX, FAKE_PATIENCE_MS), BROKER_UNAVAILABLE);
    while (posts_under_way(c.p) > 0)
        posts_work(c.p);
    assert_int_equal(send_one(&c, POSTS_MAX, FAKE_PATIENCE_MS), BROKER_UNAVAILABLE);
    while (posts_next(c.p, &cookie, &r)) {
        assert_int_equal(cookie, n++);
        assert_int_equal(r, BROKER_OK);
    }
    assert_int_equal(n, POSTS_MAX);
    assert_int_equal(send_one(&c, 7, FAKE_PATIENCE_MS), BROKER_OK);
    work(&c);
    assert_int_equal(c.fate[7], BROKER_OK);
    client_clear(&c);
}

static int setup(void **state)
{
    (void)state;
    log_init("test", LOG_LEVEL_FATAL, LOG_TARGET_STDERR);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),   cmocka_unit_test(test_lost), cmocka_unit_test(test_overdue),
        cmocka_unit_test(test_blocked), cmocka_unit_test(test_full),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
