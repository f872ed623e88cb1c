#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void grows_to_its_bound_and_no_further(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(1000);

    for (int i = 0; i < 1000; i++)
        assert_true(buf_add(&b, "x", 1));
    assert_int_equal(b.len, 1000);
    assert_false(buf_add(&b, "y", 1));
    assert_false(buf_addf(&b, "%d", 7));
    assert_true(buf_add(&b, "", 0));
    assert_int_equal(b.len, 1000);
    assert_int_equal(strlen(b.data), 1000);
    assert_int_equal(b.data[999], 'x');
    buf_free(&b);
    assert_null(b.data);
}

static void formats(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(12);

    assert_true(buf_addf(&b, "%s-%d", "abc", 42));
    assert_true(buf_addf(&b, "%s", ""));
    assert_false(buf_addf(&b, "%s", "1234567"));
    assert_string_equal(b.data, "abc-42");
    assert_true(buf_addf(&b, "%06d", 1));
    assert_string_equal(b.data, "abc-42000001");
    buf_free(&b);
}

static void binary_and_clear(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(100000);
    static const char zeros[70000];

    buf_clear(&b); /* of an empty one */
    assert_null(b.data);
    assert_true(buf_add(&b, "a\0b", 3));
    assert_true(buf_add(&b, zeros, sizeof(zeros)));
    assert_int_equal(b.len, 70003);
    assert_memory_equal(b.data, "a\0b", 3);
    char *kept = b.data;
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.data, "");
    assert_true(buf_add(&b, "c", 1));
    assert_ptr_equal(b.data, kept);
    buf_free(&b);
    assert_true(buf_add(&b, "again", 5));
    buf_free(&b);
}

static void huge_lengths_do_not_wrap(void **state)
{
    (void)state;
    struct buf b = BUF_INIT(16);

    assert_true(buf_add(&b, "12345678", 8));
    assert_false(buf_add(&b, "x", SIZE_MAX));
    assert_false(buf_add(&b, "x", SIZE_MAX - 8));
    assert_string_equal(b.data, "12345678");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_bound_and_no_further),
        cmocka_unit_test(formats),
        cmocka_unit_test(binary_and_clear),
        cmocka_unit_test(huge_lengths_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
