#include "frontend/read/kept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fact {
    uint64_t number;
    int64_t read_s;
    char network[8];
};

static unsigned reads;
static enum db_result answer;

static enum db_result read_fact(struct db *db, const char *network, int64_t now_s, void *ret)
{
    struct fact *f = ret;

    (void)db;
    assert_int_equal(f->number + (uint64_t)f->read_s, 0); /* zeroed, also the second time */
    f->number = ++reads;
    f->read_s = now_s;
    strncpy(f->network, network, sizeof f->network - 1);
    return answer;
}

static enum db_result read_other(struct db *db, const char *network, int64_t now_s, void *ret)
{
    (void)db, (void)network, (void)now_s;
    *(uint64_t *)ret = 1000 + ++reads;
    return answer;
}

static int set_up(void **state)
{
    reads = 0;
    answer = DB_OK;
    *state = kept_new();
    return 0;
}

static int tear_down(void **state)
{
    struct kept *k = *state;

    kept_free(&k);
    assert_null(k);
    kept_free(&k);
    return 0;
}

static struct fact get(struct kept *k, const char *network, int64_t now_s)
{
    struct fact f;

    assert_int_equal(kept_get(k, NULL, network, now_s, false, read_fact, sizeof f, &f), DB_OK);
    assert_string_equal(f.network, network);
    return f;
}

static void test_keeps_for_some_seconds(void **state)
{
    assert_int_equal(get(*state, "a", 100).number, 1);
    assert_int_equal(get(*state, "a", 100).number, 1);
    assert_int_equal(get(*state, "a", 100 + KEPT_S - 1).number, 1);
    assert_int_equal(get(*state, "a", 100 + KEPT_S).number, 2);
    assert_int_equal(get(*state, "a", 100 + KEPT_S).read_s, 100 + KEPT_S);
    assert_int_equal(reads, 2);
}

static void test_a_clock_set_back(void **state)
{
    assert_int_equal(get(*state, "a", 100).number, 1);
    assert_int_equal(get(*state, "a", 99).number, 2);
    assert_int_equal(get(*state, "a", 99).number, 2);
}

static void test_keeps_apart(void **state)
{
    static const char *const networks[] = {"a", "b", "ab", ""};
    uint64_t other;

    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
            assert_int_equal(get(*state, networks[i], 100).number, i + 1);
    }
    assert_int_equal(kept_get(*state, NULL, "a", 100, false, read_other, sizeof other, &other),
                     DB_OK);
    assert_int_equal(other, 1005);
    assert_int_equal(get(*state, "a", 100).number, 1);
}

static void test_a_name_is_its_text(void **state)
{
    char name[] = "a";

    assert_int_equal(get(*state, name, 100).number, 1);
    name[0] = 'b';
    assert_int_equal(get(*state, name, 100).number, 2);
    assert_int_equal(get(*state, "a", 100).number, 1);
}

static void test_reads_anew_when_asked(void **state)
{
    struct fact f;

    assert_int_equal(get(*state, "a", 100).number, 1);
    assert_int_equal(kept_get(*state, NULL, "a", 100, true, read_fact, sizeof f, &f), DB_OK);
    assert_int_equal(f.number, 2);
    assert_int_equal(get(*state, "a", 100).number, 2);
}

/* What could not be read is neither remembered nor answered with what was known before. */
static void test_failures(void **state)
{
    static const struct fact nothing;
    struct fact f;

    assert_int_equal(get(*state, "a", 100).number, 1);
    answer = DB_UNAVAILABLE;
    for (unsigned i = 0; i < 2; i++) {
        memset(&f, 1, sizeof f);
        assert_int_equal(kept_get(*state, NULL, "a", 100 + KEPT_S, false, read_fact, sizeof f, &f),
                         DB_UNAVAILABLE);
        assert_memory_equal(&f, &nothing, sizeof f);
        assert_int_equal(reads, 2 + i);
    }
    answer = DB_OK;
    assert_int_equal(get(*state, "a", 100 + KEPT_S).number, 4);
    answer = DB_REFUSED;
    assert_int_equal(kept_get(*state, NULL, "a", 100 + KEPT_S, true, read_fact, sizeof f, &f),
                     DB_REFUSED);
    answer = DB_OK;
    assert_int_equal(get(*state, "a", 100 + KEPT_S).number, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps_for_some_seconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_clock_set_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_name_is_its_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_anew_when_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
