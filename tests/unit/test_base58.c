#include "common/coin/base58.h"

#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* From a heap copy of exactly its length, without a NUL behind it. */
static bool decodes(const char *text, size_t len, uint8_t payload[BASE58_MAX_PAYLOAD],
                    size_t *ret_len)
{
    uint8_t *copy = bytes_copy((const uint8_t *)text, len);
    const bool ok = base58check_decode((const char *)copy, len, payload, ret_len);

    free(copy);
    return ok;
}

static bool refused(const char *text)
{
    uint8_t payload[BASE58_MAX_PAYLOAD];
    size_t n;

    return !decodes(text, strlen(text), payload, &n);
}

static void test_known(void **state)
{
    static const struct {
        const char *text, *payload;
    } rows[] = {
        {"1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "0077bff20c60e522dfaa3350c39b030a5d004e839a"},
        {"1111111111111111111114oLvT2", "000000000000000000000000000000000000000000"},
        {"mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe", "6f396a170bc5862a193b3fc7782a2b8f17b8067c8f"},
        {"Qc9i2HqDhdGfo4mBqrQkKpWGqnH2meM47d", "3aaa89c4f2e5632948a18d4f3c3ea4c4d40a7e5341"},
        {"3QJmnh", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t payload[BASE58_MAX_PAYLOAD];
        char hex[2 * BASE58_MAX_PAYLOAD + 1], text[BASE58_MAX_TEXT + 1];
        size_t n;

        assert_true(decodes(rows[i].text, strlen(rows[i].text), payload, &n));
        hex_encode(payload, n, hex);
        assert_string_equal(hex, rows[i].payload);
        assert_true(base58check_encode(payload, n, text));
        assert_string_equal(text, rows[i].text);
    }
}

static void test_refused(void **state)
{
    (void)state;
    assert_true(refused(""));
    assert_true(refused("1"));
    assert_true(refused("111"));
    assert_true(refused("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"));  /* checksum */
    assert_true(refused("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN"));   /* short */
    assert_true(refused("11BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2")); /* one zero byte more */
    assert_true(refused("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 ")); /* white space */
    assert_true(refused(" 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"));
    assert_true(refused("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVNO")); /* 0, O, I, l are no digits */
    assert_true(refused("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNV\xc3\xa4"));
}

static void test_nul_inside(void **state)
{
    static const char text[] = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2\0";
    uint8_t payload[BASE58_MAX_PAYLOAD];
    size_t n;

    (void)state;
    assert_true(decodes(text, sizeof(text) - 2, payload, &n));
    assert_false(decodes(text, sizeof(text) - 1, payload, &n));
}

/* Whether it decodes is a matter of length here, not of the checksum, which is right. */
static void test_longest(void **state)
{
    static const char longest[] =
        "22UzJUbV3TnAhvzqfW411nkMuSfpgxfYfuuCyNPtrA9EQTViEdsmiBAqEyGP4EGFHb1c7XKWFmjWj9uzBdg8kpCVXA"
        "aWVGQmovSTnFjSjEEa9sAZqKUYrvnvgVtPVTuj";
    static const char longer[] = "5XYXv8oCmsCMqfLHnwEF4UvPGUJMVNh8nkVRqoS3qyMLAXwj1Bm6LjtPvfLtMFYJ4"
                                 "D7fynpg8CSeD4LsPvsjEPKit9Gu9m1vn6sPCk2LZPQuL8RDvGYbdNRhwLxf82kRD";
    uint8_t payload[BASE58_MAX_PAYLOAD];
    size_t n;

    (void)state;
    assert_int_equal(strlen(longest), 128);
    assert_true(decodes(longest, strlen(longest), payload, &n));
    assert_int_equal(n, 89);
    assert_true(strlen(longer) > BASE58_MAX_TEXT);
    assert_true(refused(longer));
}

/* The largest numbers and the most zeros that fit the text's bound, and one more. */
static void test_bounds(void **state)
{
    char z[BASE58_MAX_TEXT + 2], ones[BASE58_MAX_TEXT + 2];

    (void)state;
    memset(z, 'z', sizeof(z));
    memset(ones, '1', sizeof(ones));
    for (size_t len = 0; len < sizeof(z); len++) {
        uint8_t payload[BASE58_MAX_PAYLOAD];
        size_t n;

        assert_false(decodes(z, len, payload, &n));
        assert_false(decodes(ones, len, payload, &n));
    }
}

static void test_round_trip(void **state)
{
    uint8_t in[BASE58_MAX_PAYLOAD], out[BASE58_MAX_PAYLOAD];
    char text[BASE58_MAX_TEXT + 1];
    size_t n;

    (void)state;
    for (size_t len = 0; len <= 80; len++) {
        for (unsigned fill = 0; fill < 256; fill += 51) {
            memset(in, (int)fill, len);
            assert_true(base58check_encode(in, len, text));
            assert_true(decodes(text, strlen(text), out, &n));
            assert_int_equal(n, len);
            assert_memory_equal(in, out, len);
        }
    }
    assert_false(base58check_encode(in, 81, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nul_inside), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_longest),
    };
    return cmocka_run_group_tests_name("base58", tests, NULL, NULL);
}
