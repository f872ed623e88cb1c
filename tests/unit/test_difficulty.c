#include "common/coin/difficulty.h"
#include "common/coin/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define Z8  "00000000"
#define Z16 Z8 Z8
#define F16 "ffffffffffffffff"

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        uint64_t number, per; /* number 0: refused */
    } rows[] = {
        {"1", 1, 1},
        {"0.3", 3, 10},
        {"0.00002", 2, 100000},
        {"65536", 65536, 1},
        {"007", 7, 1},
        {"1.", 1, 1},
        {"1.50", 150, 100},
        {"0.000000001", 1, 1000000000},
        {"999999999999999999", 999999999999999999, 1},
        {"", 0, 0},
        {".", 0, 0},
        {".5", 0, 0},
        {"0", 0, 0},
        {"0.000", 0, 0},
        {"0.0000000001", 0, 0},
        {"1000000000000000000", 0, 0},
        {"1.2.3", 0, 0},
        {"-1", 0, 0},
        {"+1", 0, 0},
        {"1e3", 0, 0},
        {" 1", 0, 0},
        {"1 ", 0, 0},
        {"0x1", 0, 0},
        {"inf", 0, 0},
        {"nan", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct difficulty d = {77, 78};
        const bool ok = difficulty_parse(rows[i].text, strlen(rows[i].text), &d);

        assert_int_equal(ok, rows[i].number != 0);
        assert_true(d.number == (ok ? rows[i].number : 77));
        assert_true(d.per == (ok ? rows[i].per : 78));
    }
    struct difficulty d;
    assert_false(difficulty_parse("1\0002", 3, &d));
    assert_true(difficulty_parse("12345", 2, &d)); /* no farther than LEN */
    assert_int_equal(d.number, 12);
}

static void assert_target(const char *algorithm, const char *text, const char *want)
{
    const struct pow_algorithm *pow = pow_by_name(algorithm);
    struct difficulty d;
    struct u256 target;
    char hex[65];

    assert_non_null(pow);
    assert_true(difficulty_parse(text, strlen(text), &d));
    difficulty_target(&d, pow->diff1_shift, &target);
    u256_to_hex(&target, hex);
    assert_string_equal(hex, want);
}

/* wallet.md E and stratum.md 5.1; those of 1000 computed with Python's integers: the last digits
 * that a miner's floating point cuts off are there. */
static void test_targets(void **state)
{
    (void)state;
    assert_target("sha256d", "1", "00000000ffff0000" Z16 Z16 Z16);
    assert_target("scrypt", "1", "0000ffff00000000" Z16 Z16 Z16);
    assert_target("sha256d", "0.001", "000003e7fc180000" Z16 Z16 Z16);
    assert_target("scrypt", "0.001", "03e7fc1800000000" Z16 Z16 Z16);
    assert_target("sha256d", "0.3", "0000000355520000" Z16 Z16 Z16);
    assert_target("scrypt", "0.3", "0003555200000000" Z16 Z16 Z16);
    assert_target("sha256d", "1000",
                  "00000000004188f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28");
    assert_target("scrypt", "1000",
                  "0000004188f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c28f5c2");
    assert_target("sha256d", "65536", "000000000000ffff" Z16 Z16 Z16);
    assert_target("scrypt", "65536", "00000000ffff0000" Z16 Z16 Z16);
    assert_target("scrypt", "8", "00001fffe0000000" Z16 Z16 Z16);
    assert_target("scrypt", "128", "000001fffe000000" Z16 Z16 Z16);
    assert_target("scrypt", "1024", "0000003fffc00000" Z16 Z16 Z16);
    assert_target("sha256d", "8", "000000001fffe000" Z16 Z16 Z16);
    assert_target("sha256d", "1024", "00000000003fffc0" Z16 Z16 Z16);
}

static void test_extremes(void **state)
{
    (void)state;
    assert_target("scrypt", "0.000000001", F16 F16 F16 F16); /* 0xffff * 10^9 << 224 */
    assert_target("scrypt", "0.00001", F16 F16 F16 F16);
    assert_target("scrypt", "0.00002", "c34f3cb000000000" Z16 Z16 Z16);
    assert_target("scrypt", "0.0000153",
                  "ff4e7ad555555555555555555555555555555555555555555555555555555555");
    assert_target("sha256d", "0.000000001", "3b9a8e6536000000" Z16 Z16 Z16); /* 65535 * 10^9 */
    assert_target("sha256d", "999999999999999999",
                  "000000000000000000000012724b5f7471d95e9005f3d06fb6fa888d86fa21a5");
}

/* It never rises, and divides the exact way round. */
static void test_order(void **state)
{
    struct u256 before = {{0}}, target;

    (void)state;
    memset(before.be, 0xff, sizeof(before.be));
    for (uint64_t n = 1; n < 4000; n++) {
        difficulty_target(&(struct difficulty){n, 1000}, 208, &target);
        assert_true(u256_cmp(&target, &before) < 0);
        before = target;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests_name("difficulty", tests, NULL, NULL);
}
