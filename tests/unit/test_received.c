/* The received time that counts, and the target that does. */
#include "backend/share/received.h"
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOW    (1700000000 * SECOND)

static json_t *vectors;

/* A message stamped STAMP by process PID of HOST, for work handed out at CREATED. */
static int64_t received(struct origins *o, const char *host, int64_t pid, int64_t stamp,
                        int64_t created, bool redelivered, int64_t now)
{
    struct solution_message msg = {.host = host, .pid = pid, .received_us = stamp};
    struct share s = {.msg = &msg, .redelivered = redelivered};
    struct backend_network net = {.share_target_limit = EASIEST};

    s.work.found = created != 0;
    s.work.created_us = created;
    share_receive(&s, &net, o, now);
    return s.received_us;
}

static void test_bounds(void **state)
{
    struct origins *o = origins_new();

    (void)state;
    assert_int_equal(received(o, "a", 1, NOW - SECOND, NOW - 9 * SECOND, false, NOW), NOW - SECOND);
    /* not in the future of the worker */
    assert_int_equal(received(o, "b", 1, NOW + SECOND, NOW - 9 * SECOND, false, NOW), NOW);
    /* not before its work */
    assert_int_equal(received(o, "c", 1, NOW - 99 * SECOND, NOW - 9 * SECOND, false, NOW),
                     NOW - 9 * SECOND);
    /* unknown work bounds nothing */
    assert_int_equal(received(o, "d", 1, NOW - 99 * SECOND, 0, false, NOW), NOW - 99 * SECOND);
    origins_free(&o);
    assert_null(o);
}

static void test_monotone_per_origin(void **state)
{
    struct origins *o = origins_new();

    (void)state;
    received(o, "a", 1, NOW, 0, false, NOW);
    assert_int_equal(received(o, "a", 1, NOW - 4 * SECOND, 0, false, NOW), NOW - 4 * SECOND);
    assert_int_equal(received(o, "a", 1, NOW - 6 * SECOND, 0, false, NOW), NOW - 5 * SECOND);
    /* another process, another host: bounds of their own */
    assert_int_equal(received(o, "a", 2, NOW - 60 * SECOND, 0, false, NOW), NOW - 60 * SECOND);
    assert_int_equal(received(o, "b", 1, NOW - 60 * SECOND, 0, false, NOW), NOW - 60 * SECOND);
    /* a redelivery is late by nature, and moves nothing */
    assert_int_equal(received(o, "a", 1, NOW - 60 * SECOND, 0, true, NOW), NOW - 60 * SECOND);
    assert_int_equal(received(o, "a", 1, NOW - 4 * SECOND, 0, false, NOW), NOW - 4 * SECOND);
    origins_free(&o);
}

/* A stamp from the future must not push the origin's later ones up. */
static void test_future_stamp_moves_nothing(void **state)
{
    struct origins *o = origins_new();

    (void)state;
    received(o, "a", 1, NOW + 3600 * SECOND, 0, false, NOW);
    assert_int_equal(received(o, "a", 1, NOW - SECOND, 0, false, NOW), NOW - SECOND);
    origins_free(&o);
}

static void test_many_origins(void **state)
{
    struct origins *o = origins_new();

    (void)state;
    received(o, "first", 0, NOW, 0, false, NOW);
    for (int64_t pid = 0; pid < 3 * ORIGINS_KEPT; pid++)
        received(o, "a", pid, NOW - 1000 + pid / 10, 0, false, NOW);
    /* the silent longest was forgotten first; this one was the latest all the time */
    assert_int_equal(received(o, "first", 0, NOW - 60 * SECOND, 0, false, NOW), NOW - 5 * SECOND);
    assert_int_equal(received(o, "a", 0, NOW - 60 * SECOND, 0, false, NOW), NOW - 60 * SECOND);
    origins_free(&o);
}

static void test_long_host_names(void **state)
{
    struct origins *o = origins_new();
    char host[ORIGIN_MAX_TEXT + 1];

    (void)state;
    memset(host, 'h', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    received(o, host, 1, NOW, 0, false, NOW);
    assert_int_equal(received(o, host, 1, NOW - 60 * SECOND, 0, false, NOW), NOW - 5 * SECOND);
    assert_int_equal(received(o, NULL, 1, NOW - 60 * SECOND, 0, false, NOW), NOW - 60 * SECOND);
    origins_free(&o);
}

static void test_once(void **state)
{
    struct origins *o = origins_new();
    struct good g;

    (void)state;
    good_new(&g, vectors);
    g.share.received_set = false;
    g.msg.received_us = NOW - SECOND;
    g.share.work.created_us = NOW - 2 * SECOND;
    share_receive(&g.share, &g.net, o, NOW);
    assert_int_equal(g.share.received_us, NOW - SECOND);
    g.msg.received_us = NOW;
    share_receive(&g.share, &g.net, o, NOW);
    assert_int_equal(g.share.received_us, NOW - SECOND);
    good_free(&g);
    origins_free(&o);
}

/* A captured frontend may write the easiest target into `work`; the network's limit bounds it. */
static void test_effective_target(void **state)
{
    static const char limit[] = "00000000ffff0000000000000000000000000000000000000000000000000000";
    static const char harder[] = "0000000000ff0000000000000000000000000000000000000000000000000000";
    struct origins *o = origins_new();
    struct good g;
    char hex[65];

    (void)state;
    good_new(&g, vectors);
    memcpy(g.net.share_target_limit, limit, sizeof(limit));
    share_receive(&g.share, &g.net, o, NOW);
    u256_to_hex(&g.share.target, hex);
    assert_string_equal(hex, limit);
    u256_from_hex(harder, 64, &g.share.work.target);
    share_receive(&g.share, &g.net, o, NOW);
    u256_to_hex(&g.share.target, hex);
    assert_string_equal(hex, harder);
    good_free(&g);
    origins_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_monotone_per_origin),
        cmocka_unit_test(test_future_stamp_moves_nothing),
        cmocka_unit_test(test_many_origins),
        cmocka_unit_test(test_long_host_names),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_effective_target),
    };

    vectors = vectors_load("wallet.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
