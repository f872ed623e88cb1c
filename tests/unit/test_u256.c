#include "common/coin/u256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define F8  "ffffffff"
#define Z8  "00000000"
#define ONE Z8 Z8 Z8 Z8 Z8 Z8 Z8 "00000001"

static struct u256 from(const char *hex)
{
    struct u256 x;

    assert_true(u256_from_hex(hex, strlen(hex), &x));
    return x;
}

static void test_hex(void **state)
{
    const char *text = "0001ae91ab2ac7a4f048f57fe7b8f28bf1248e961d3759f8981a2eda8c221f5a";
    struct u256 x = from(text), before = x;
    char out[65];

    (void)state;
    u256_to_hex(&x, out);
    assert_string_equal(out, text);
    assert_false(u256_from_hex(text, 63, &x));
    assert_false(u256_from_hex("00" ONE, 66, &x));
    assert_false(u256_from_hex("", 0, &x));
    assert_false(u256_from_hex("0x" Z8 Z8 Z8 Z8 Z8 Z8 Z8 "000001", 64, &x));
    assert_false(u256_from_hex(" 1" Z8 Z8 Z8 Z8 Z8 Z8 Z8 "000001", 64, &x));
    assert_memory_equal(&x, &before, sizeof(x));
}

static void test_order(void **state)
{
    const struct u256 zero = {{0}}, one = from(ONE), big = from("80" Z8 Z8 Z8 Z8 Z8 Z8 Z8 "000000");
    struct u256 r;

    (void)state;
    assert_true(u256_is_zero(&zero));
    assert_false(u256_is_zero(&one));
    assert_false(u256_is_zero(&big));
    assert_true(u256_cmp(&zero, &one) < 0);
    assert_true(u256_cmp(&big, &one) > 0);
    assert_int_equal(u256_cmp(&one, &one), 0);
    u256_reverse(one.be, &r);
    assert_int_equal(r.be[0], 1);
    u256_reverse(r.be, &r); /* in place */
    assert_int_equal(u256_cmp(&r, &one), 0);
}

/* Bitcoin Core's arith_uint256 tests (bignum_SetCompact). */
static void test_compact(void **state)
{
    static const struct {
        uint32_t bits;
        const char *tail; /* the last digits; NULL = refused */
        uint32_t back;
    } rows[] = {
        {0x01123456, "12", 0x01120000},
        {0x02123456, "1234", 0x02123400},
        {0x03123456, "123456", 0x03123456},
        {0x04123456, "12345600", 0x04123456},
        {0x05009234, "92340000", 0x05009234},
        {0x20123456, "1234560000000000000000000000000000000000000000000000000000000000",
         0x20123456},
        {0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000",
         0x207fffff},
        {0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000",
         0x2100ffff},
        {0x220000ff, "ff00000000000000000000000000000000000000000000000000000000000000",
         0x2100ff00},
        {0x1d00ffff, "ffff0000000000000000000000000000000000000000000000000000", 0x1d00ffff},
        {0x00000000, NULL, 0}, /* zero */
        {0x00123456, NULL, 0},
        {0x01003456, NULL, 0},
        {0x02000056, NULL, 0},
        {0x04000000, NULL, 0},
        {0xff000000, NULL, 0},
        {0x00923456, NULL, 0}, /* negative */
        {0x01fedcba, NULL, 0},
        {0x04923456, NULL, 0},
        {0xff123456, NULL, 0}, /* overflow */
        {0x21010000, NULL, 0},
        {0x21010101, NULL, 0},
        {0x22010101, NULL, 0},
        {0x22000100, NULL, 0},
        {0x23000001, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct u256 x;
        char want[65], got[65];
        const bool ok = u256_from_compact(rows[i].bits, &x);

        assert_int_equal(ok, rows[i].tail != NULL);
        if (!ok)
            continue;
        memset(want, '0', 64);
        strcpy(want + 64 - strlen(rows[i].tail), rows[i].tail);
        u256_to_hex(&x, got);
        assert_string_equal(got, want);
        assert_int_equal(u256_to_compact(&x), rows[i].back);
    }
}

static void test_to_compact_edges(void **state)
{
    static const struct {
        const char *hex;
        uint32_t bits;
    } rows[] = {
        {Z8 Z8 Z8 Z8 Z8 Z8 Z8 Z8, 0},
        {ONE, 0x01010000},
        {Z8 Z8 Z8 Z8 Z8 Z8 Z8 "00000080", 0x02008000},
        {Z8 Z8 Z8 Z8 Z8 Z8 Z8 "00ffffff", 0x0400ffff},
        {F8 F8 F8 F8 F8 F8 F8 F8, 0x2100ffff},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct u256 x = from(rows[i].hex);

        assert_int_equal(u256_to_compact(&x), rows[i].bits);
    }
}

/* floor(2^256 / (target + 1)); the uneven ones were computed with Python's integers. */
static void test_expected_hashes(void **state)
{
    static const struct {
        const char *target;
        uint64_t hashes;
    } rows[] = {
        {F8 F8 F8 F8 F8 F8 F8 F8, 1},
        {F8 F8 F8 F8 F8 F8 F8 "fffffffe", 1},
        {"80000000" Z8 Z8 Z8 Z8 Z8 Z8 Z8, 1},
        {"7fffffff" F8 F8 F8 F8 F8 F8 F8, 2},
        {"7fffff00" Z8 Z8 Z8 Z8 Z8 Z8 Z8, 2},
        {"55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555",
         2},
        {"55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555555"
         "55555554",
         3},
        {Z8 "ffff0000" Z8 Z8 Z8 Z8 Z8 Z8, 4295032833},
        {"00000111"
         "10000000" Z8 Z8 Z8 Z8 Z8 Z8,
         15728880},
        {Z8 Z8 F8 F8 F8 F8 F8 F8, UINT64_MAX}, /* 2^64: the cap */
        {Z8 "00000001" Z8 Z8 Z8 Z8 Z8 Z8, UINT64_MAX},
        {Z8 "00000001" Z8 Z8 Z8 Z8 Z8 "00000001", 18446744073709551615U},
        {Z8 "00000001"
            "00000001" Z8 Z8 Z8 Z8 Z8,
         18446744069414584320U},
        {Z8 Z8 Z8 Z8 Z8 Z8 Z8 Z8, UINT64_MAX},
        {ONE, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct u256 x = from(rows[i].target);

        assert_true(u256_expected_hashes(&x) == rows[i].hashes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_to_compact_edges),
        cmocka_unit_test(test_expected_hashes),
    };
    return cmocka_run_group_tests_name("u256", tests, NULL, NULL);
}
