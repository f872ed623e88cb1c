/* What follows from the times at which the tips were first seen. */
#include "backend/chain/tips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tip tip(uint8_t id, int64_t height, int64_t seen_us)
{
    return (struct tip){.hash = {{id}}, .height = height, .seen_us = seen_us};
}

/* Newest first, as loaded: a chain of four, with a reorganisation at height 12. */
static struct tips example(void)
{
    struct tips t = {.loaded = true, .complete = true, .n = 5};

    t.row[0] = tip(5, 13, 500);
    t.row[1] = tip(4, 12, 400); /* the other 12 */
    t.row[2] = tip(3, 12, 300);
    t.row[3] = tip(2, 11, 200);
    t.row[4] = tip(1, 10, 100);
    return t;
}

static void test_height_before(void **state)
{
    static const struct {
        int64_t time, want;
    } cases[] = {
        {0, -1},   {100, -1}, {101, 10}, {200, 10}, {201, 11},
        {301, 12}, {401, 12}, {500, 12}, {501, 13}, {INT64_MAX, 13},
    };
    struct tips t = example();
    int64_t height;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(tips_height_before(&t, cases[i].time, &height));
        assert_int_equal(height, cases[i].want);
    }
}

/* When older rows exist they must be asked for, not taken for absent. */
static void test_incomplete(void **state)
{
    struct tips t = example();
    int64_t height;

    (void)state;
    t.complete = false;
    assert_false(tips_height_before(&t, 100, &height));
    assert_true(tips_height_before(&t, 101, &height));
    assert_int_equal(height, 10);
}

static void test_empty(void **state)
{
    struct tips t = {.loaded = true, .complete = true};
    int64_t height;

    (void)state;
    assert_true(tips_height_before(&t, INT64_MAX, &height));
    assert_int_equal(height, -1);
    assert_int_equal(tips_greatest(&t), -1);
    assert_null(tips_find(&t, &(struct u256){{1}}));
}

/* A wallet's clock may jump: rows need not be in the order of their heights. */
static void test_heights_out_of_order(void **state)
{
    struct tips t = example();
    int64_t height;

    (void)state;
    t.row[3].height = 20;
    assert_int_equal(tips_greatest(&t), 20);
    assert_true(tips_height_before(&t, 500, &height));
    assert_int_equal(height, 20);
}

static void test_find(void **state)
{
    struct tips t = example();

    (void)state;
    assert_int_equal(tips_find(&t, &(struct u256){{3}})->seen_us, 300);
    assert_null(tips_find(&t, &(struct u256){{6}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_height_before), cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_empty),         cmocka_unit_test(test_heights_out_of_order),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
