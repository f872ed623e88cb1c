/* The rules for every chain, each with input that breaks it, and their order. */
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;
static struct good g;

static int set_up(void **state)
{
    (void)state;
    good_new(&g, vectors);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    good_free(&g);
    return 0;
}

static void assert_refused(enum reason reason)
{
    assert_false(share_check(&g.share, &g.net));
    assert_int_equal(g.share.state, SHARE_REJECTED);
    assert_string_equal(reason_name(g.share.reason), reason_name(reason));
    assert_true(g.share.detail[0] != '\0');
    for (const char *p = g.share.detail; *p != '\0'; p++)
        assert_in_range(*p, 0x20, 0x7e);
}

static void test_good(void **state)
{
    (void)state;
    assert_true(share_check(&g.share, &g.net));
    assert_int_equal(g.share.state, SHARE_OPEN);
    assert_int_equal(g.share.day, g.share.header.time / 86400);
}

static void test_known(void **state)
{
    (void)state;
    g.share.known = true;
    assert_refused(REASON_KNOWN);
}

static void test_unknown_work(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        "22222222-2222-4222-8222-22222222222",
        "22222222-2222-4222-8222-2222222222222",
        "22222222x2222-4222-8222-222222222222",
        "' OR 1=1 --",
        "{22222222-2222-4222-8222-222222}",
    };

    (void)state;
    g.share.work.found = false;
    assert_refused(REASON_UNKNOWN_WORK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        good_set(&g, SOLUTION_WORK_ID, bad[i]);
        assert_refused(REASON_UNKNOWN_WORK);
    }
}

static void test_work_of_another_miner(void **state)
{
    (void)state;
    good_set(&g, SOLUTION_MINER_GUID, GOOD_WORK);
    assert_refused(REASON_WORK_MISMATCH);
    good_set(&g, SOLUTION_MINER_GUID, "");
    assert_refused(REASON_WORK_MISMATCH);
    good_set(&g, SOLUTION_MINER_GUID, "11111111-1111-4111-8111-11111111111\x7f");
    assert_refused(REASON_WORK_MISMATCH);
}

static void test_disabled(void **state)
{
    (void)state;
    g.share.work.miner_disabled = true;
    assert_refused(REASON_MINER_DISABLED);
}

static void test_expired(void **state)
{
    (void)state;
    g.share.work.created_us = g.share.received_us - 3600 * INT64_C(1000000);
    assert_true(share_check(&g.share, &g.net));
    g.share.work.created_us--;
    assert_refused(REASON_WORK_EXPIRED);
}

static void test_target(void **state)
{
    static const char *const bad[] = {
        "",
        "0",
        "zz",
        "0x00000000000000000000000000000000000000000000000000000000000001",
        "000000000000000000000000000000000000000000000000000000000000000",
        "00000000000000000000000000000000000000000000000000000000000000000",
        "-000000000000000000000000000000000000000000000000000000000000001",
    };

    (void)state;
    g.share.target = g.share.pow_hash; /* must be less, not equal */
    assert_refused(REASON_TARGET_EXCEEDED);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        good_set(&g, SOLUTION_POW_HASH, bad[i]);
        assert_refused(REASON_TARGET_EXCEEDED);
    }
    good_set(&g, SOLUTION_POW_HASH, EASIEST);
    assert_refused(REASON_TARGET_EXCEEDED);
}

/* Everything is wrong at first; each repair brings the next rule to light. */
static void test_order(void **state)
{
    (void)state;
    good_set(&g, SOLUTION_MINER_GUID, "x");
    good_set(&g, SOLUTION_POW_HASH, "x");
    g.share.known = true;
    g.share.work.found = false;
    g.share.work.miner_disabled = true;
    g.share.work.created_us = 0;
    assert_refused(REASON_KNOWN);
    g.share.state = SHARE_OPEN;
    g.share.known = false;
    assert_refused(REASON_UNKNOWN_WORK);
    g.share.state = SHARE_OPEN;
    g.share.work.found = true;
    assert_refused(REASON_WORK_MISMATCH);
    g.msg.field[SOLUTION_MINER_GUID] = (struct text){GOOD_MINER, UUID_TEXT_LEN};
    g.share.state = SHARE_OPEN;
    assert_refused(REASON_MINER_DISABLED);
    g.share.state = SHARE_OPEN;
    g.share.work.miner_disabled = false;
    assert_refused(REASON_WORK_EXPIRED);
    g.share.state = SHARE_OPEN;
    g.share.work.created_us = g.share.received_us;
    assert_refused(REASON_TARGET_EXCEEDED);
}

/* Long and unprintable input is cut and replaced in what people read. */
static void test_detail(void **state)
{
    char text[400];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    share_reject(&g.share, REASON_TAMPERED, "%s", text);
    assert_int_equal(strlen(g.share.detail), DETAIL_MAX);
    share_reject(&g.share, REASON_TAMPERED, "%s", "a\nb\x1b[0m\xff");
    assert_string_equal(g.share.detail, "a?b?[0m?");
}

static void test_hostile_blocks(void **state)
{
    static const char *const bad[] = {"", "0", "zz", "00"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        good_set(&g, SOLUTION_BLOCK_HEX, bad[i]);
        good_set(&g, SOLUTION_TRANSACTION_HEX, bad[i]);
        assert_false(g.share.has_header);
        share_decode_block(&g.share);
        assert_int_not_equal(g.share.block_result, PARSE_OK);
        assert_int_not_equal(g.share.transaction_result, PARSE_OK);
    }
}

static void test_key(void **state)
{
    struct share other = g.share;

    (void)state;
    assert_int_equal(share_cmp_key(&g.share, &other), 0);
    other.day++;
    assert_true(share_cmp_key(&g.share, &other) < 0);
    other.pow_hash.be[31]--;
    assert_true(share_cmp_key(&g.share, &other) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_work, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_work_of_another_miner, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disabled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_target, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_detail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_blocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_key, set_up, tear_down),
    };

    vectors = vectors_load("wallet.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
