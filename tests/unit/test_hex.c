#include "common/base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void round_trip_of_every_byte(void **state)
{
    (void)state;
    uint8_t bytes[256], back[256];
    char text[2 * 256 + 1];

    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    hex_encode(bytes, sizeof(bytes), text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_memory_equal(text + 506, "fdfeff", 6);
    assert_true(hex_decode(text, 512, back));
    assert_memory_equal(bytes, back, sizeof(bytes));
}

static void both_cases_are_read(void **state)
{
    (void)state;
    uint8_t out[4];

    assert_true(hex_decode("DeadBEEF", 8, out));
    assert_memory_equal(out, "\xde\xad\xbe\xef", 4);
}

/* Of all 256 characters, in either half of a byte, exactly the 22 digits are read. */
static void nothing_but_digits(void **state)
{
    (void)state;
    uint8_t out;

    for (int c = 0; c < 256; c++) {
        char high[2] = {(char)c, '0'}, low[2] = {'0', (char)c};
        bool digit = c && strchr("0123456789abcdefABCDEF", c);

        assert_int_equal(hex_decode(high, 2, &out), digit);
        assert_int_equal(hex_decode(low, 2, &out), digit);
    }
}

static void odd_and_empty(void **state)
{
    (void)state;
    uint8_t out[2];
    char text[1];

    assert_false(hex_decode("abcd", 3, out));
    assert_true(hex_decode("", 0, out));
    hex_encode(out, 0, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_of_every_byte),
        cmocka_unit_test(both_cases_are_read),
        cmocka_unit_test(nothing_but_digits),
        cmocka_unit_test(odd_and_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
