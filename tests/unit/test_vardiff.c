/* frontend/getwork: the share target from what a miner delivered (stratum.md 2). */
#include "frontend/getwork/vardiff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SHA256D 208
#define NOW     29400000
#define UNIT    UINT64_C(4294967296) /* about the hashes of difficulty 1 of sha256d */

static struct vardiff_conf conf(void)
{
    return (struct vardiff_conf){.enabled = true,
                                 .shares_per_minute = 20,
                                 .minimum = "64",
                                 .maximum = "524288",
                                 .manual = ""};
}

static const struct u256 easiest = {{[0] = 0xff, [31] = 0xff}};

static struct vardiff rules(const struct vardiff_conf *c)
{
    struct vardiff v;
    const char *wrong = vardiff_rules(c, SHA256D, &easiest, &v);

    if (wrong)
        fail_msg("%s", wrong);
    return v;
}

static struct u256 target_of(const char *difficulty)
{
    struct difficulty d;
    struct u256 t;

    assert_true(difficulty_parse(difficulty, strlen(difficulty), &d));
    difficulty_target(&d, SHA256D, &t);
    return t;
}

static void is_target(const struct u256 *got, const char *difficulty)
{
    struct u256 want = target_of(difficulty);
    char a[65], b[65];

    u256_to_hex(got, a);
    u256_to_hex(&want, b);
    assert_string_equal(a, b);
}

static void is_wrong(const struct vardiff_conf *c, const char *word)
{
    struct vardiff v;
    const char *wrong = vardiff_rules(c, SHA256D, &easiest, &v);

    assert_non_null(wrong);
    if (!strstr(wrong, word))
        fail_msg("%s", wrong);
}

/* 64, 128, … 524288: 14 tiers; never beyond the maximum. */
static void test_tiers(void **state)
{
    struct vardiff_conf c = conf();
    struct vardiff v = rules(&c);

    (void)state;
    assert_int_equal(v.tiers, 14);
    is_target(&v.tier[0].target, "64");
    is_target(&v.tier[1].target, "128");
    is_target(&v.tier[13].target, "524288");
    is_target(&v.start.target, "64");
    c.maximum = "100";
    v = rules(&c);
    assert_int_equal(v.tiers, 2);
    is_target(&v.tier[1].target, "100");
    c.maximum = "64";
    assert_int_equal(rules(&c).tiers, 1);
    c.maximum = "";
    v = rules(&c);
    assert_int_equal(v.tiers, VARDIFF_MAX_TIERS);
    c.minimum = "";
    v = rules(&c);
    assert_memory_equal(&v.tier[0].target, &easiest, sizeof easiest);
    for (size_t i = 1; i < v.tiers; i++)
        assert_true(u256_cmp(&v.tier[i].target, &v.tier[i - 1].target) < 0);
}

static void test_listed_tiers(void **state)
{
    char *words[] = {"128", "0.5", "64"};
    struct vardiff_conf c = conf();
    struct u256 hard = target_of("1");
    struct vardiff v;

    (void)state;
    c.tiers = (struct conf_words){words, 3};
    v = rules(&c);
    assert_int_equal(v.tiers, 3);
    is_target(&v.tier[0].target, "0.5");
    is_target(&v.tier[2].target, "128");
    assert_null(vardiff_rules(&c, SHA256D, &hard, &v)); /* none easier than the share target */
    assert_int_equal(v.tiers, 2);
    is_target(&v.tier[0].target, "64");
    words[1] = "x";
    is_wrong(&c, "tiers");
}

static void test_wrong_settings(void **state)
{
    struct vardiff_conf c = conf();

    (void)state;
    c.minimum = "0";
    is_wrong(&c, "minimum_difficulty");
    c = conf(), c.maximum = "-1";
    is_wrong(&c, "maximum_difficulty");
    c = conf(), c.maximum = "63";
    is_wrong(&c, "maximum_difficulty");
    c = conf(), c.manual = "inf";
    is_wrong(&c, "minimum_manual_difficulty");
}

/* N minutes up to LAST, in each DIFFICULTY units by SHARES shares. */
static struct vardiff_past past_of(size_t n, int64_t last, uint64_t shares, uint64_t units)
{
    struct vardiff_past p = {.n = n};

    for (size_t i = 0; i < n; i++)
        p.minute[i] = (struct vardiff_minute){last - (int64_t)(n - 1 - i), shares, units * UNIT};
    return p;
}

static void gives(const struct vardiff_conf *c, const char *password, struct vardiff_past past,
                  const char *difficulty)
{
    struct vardiff v = rules(c);
    struct wishes w;
    struct u256 got;

    wish_parse(password, strlen(password), &w);
    vardiff_target(&v, &w, &past, NOW, &got);
    is_target(&got, difficulty);
}

static void test_rate(void **state)
{
    struct vardiff_conf c = conf();

    (void)state;
    gives(&c, "", past_of(0, NOW, 0, 0), "64");
    gives(&c, "", past_of(10, NOW, 40, 2560), "128"); /* the worked examples: from 64 */
    gives(&c, "", past_of(10, NOW, 31, 2000), "128");
    gives(&c, "", past_of(1, NOW, 1, 1), "64");
    gives(&c, "", past_of(3, NOW, 1000, 64000), "4096");
    gives(&c, "", past_of(10, NOW, 159, 1u << 31), "524288");
    gives(&c, "", past_of(10, NOW - 9, 4, 4 * 4096), "1024"); /* 4 shares a minute at 4096 */
}

/* A rate between two tiers stays with the one that the miner has. */
static void test_no_flapping(void **state)
{
    struct vardiff_conf c = conf();

    (void)state;
    gives(&c, "", past_of(10, NOW, 26, 26 * 256), "256"); /* 1.3 times the pace */
    gives(&c, "", past_of(10, NOW, 13, 13 * 512), "512"); /* 0.65 times */
    gives(&c, "", past_of(10, NOW, 30, 30 * 256), "256"); /* 1.5: 384 is as near, the lower one */
    gives(&c, "", past_of(10, NOW, 31, 31 * 256), "512");
    gives(&c, "", past_of(10, NOW, 7, 7 * 512), "128"); /* 0.35: 179 */
}

static void test_silence(void **state)
{
    struct vardiff_conf c = conf();

    (void)state;
    gives(&c, "", past_of(1, NOW - 8, 20, 20 * 4096),
          "4096"); /* by the letter: minutes with shares */
    c.scope = VARDIFF_CONNECTION;
    gives(&c, "", past_of(1, NOW, 20, 20 * 4096), "4096");
    gives(&c, "", past_of(1, NOW - 1, 20, 20 * 4096), "4096");
    gives(&c, "", past_of(1, NOW - 3, 20, 20 * 4096), "1024"); /* two minutes of silence: a third */
    gives(&c, "", past_of(1, NOW - 8, 20, 20 * 4096), "512");  /* an eighth */
}

static void test_burst(void **state)
{
    struct vardiff_conf c = conf();
    struct vardiff_past p = past_of(10, NOW, 20, 20 * 64);

    (void)state;
    p.minute[9] = (struct vardiff_minute){NOW, 320, 320 * 64 * UNIT};
    gives(&c, "", p, "1024");
    p.minute[9] = (struct vardiff_minute){NOW, 159, 159 * 64 * UNIT}; /* not quite eight times */
    gives(&c, "", p, "128");
}

static void test_wishes(void **state)
{
    const struct vardiff_past none = {.n = 0}, fast = past_of(10, NOW, 1000, 64000);
    struct vardiff_conf c = conf();

    (void)state;
    gives(&c, "d=1000", fast, "1000");
    gives(&c, "d=1000", none, "1000");
    gives(&c, "d=0.5", fast, "0.5"); /* lower than all tiers, but not than the share target */
    gives(&c, "sd=256", none, "256");
    gives(&c, "sd=256", fast, "4096");
    gives(&c, "maxd=1024", fast, "1024");
    gives(&c, "md=256", none, "256");
    gives(&c, "md=5000", fast, "8192");
    gives(&c, "md=70 maxd=80", fast, "70"); /* none survives */
    gives(&c, "maxd=10", fast, "10");
    gives(&c, "d=512 sd=64 maxd=8", none, "512");
    c.manual = "100";
    gives(&c, "d=1", fast, "100");
    gives(&c, "sd=1", none, "100");
    c.enabled = false;
    gives(&c, "d=200", fast, "200");
}

static void test_off(void **state)
{
    struct vardiff_conf c = conf();
    const struct vardiff_past fast = past_of(10, NOW, 1000, 64000);
    const struct wishes none = {.given = {false}};
    struct u256 got;

    (void)state;
    c.enabled = false;
    struct vardiff v = rules(&c);
    vardiff_target(&v, &none, &fast, NOW, &got);
    assert_memory_equal(&got, &easiest, sizeof got);
}

/* Numbers at their ends: no target is zero, or easier than the share target. */
static void test_extremes(void **state)
{
    static const uint64_t ends[] = {0, 1, UINT64_MAX / 2, UINT64_MAX};
    struct vardiff_conf c = conf();
    const struct wishes none = {.given = {false}};
    struct wishes huge;

    (void)state;
    c.minimum = c.maximum = "";
    wish_parse("d=999999999999999999", 20, &huge);
    struct vardiff v = rules(&c);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++) {
            struct vardiff_past p = past_of(VARDIFF_MINUTES + 1, NOW, ends[i], 0);
            struct u256 got;

            for (size_t k = 0; k < p.n; k++)
                p.minute[k].hashes = ends[j];
            vardiff_target(&v, &none, &p, NOW + (int64_t)i * 100, &got);
            assert_false(u256_is_zero(&got));
            assert_true(u256_cmp(&got, &easiest) <= 0);
            vardiff_target(&v, &huge, &p, INT64_MAX, &got);
            assert_false(u256_is_zero(&got));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiers),
        cmocka_unit_test(test_listed_tiers),
        cmocka_unit_test(test_wrong_settings),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_no_flapping),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_off),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests_name("vardiff", tests, NULL, NULL);
}
