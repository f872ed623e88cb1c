/* Numbers, times and CSV as people and spreadsheets read them, with values that no pool has. */
#include "common/base/mem.h"
#include "frontend/site/format.h"
#include "frontend/web/csv.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_counts(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {{0, "0"},
                 {7, "7"},
                 {999, "999"},
                 {1000, "1,000"},
                 {123456, "123,456"},
                 {1234567, "1,234,567"},
                 {UINT64_MAX, "18,446,744,073,709,551,615"}};
    char text[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        format_count(cases[i].n, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_amounts(void **state)
{
    static const struct {
        int64_t units;
        unsigned decimals;
        const char *text;
    } cases[] = {{0, 8, "0"},
                 {1, 8, "0.00000001"},
                 {-1, 8, "-0.00000001"},
                 {123456789012345, 8, "1,234,567.89012345"},
                 {-100000000000, 8, "-1,000"},
                 {99999999999, 8, "999.99999999"},
                 {1000, 0, "1,000"},
                 {INT64_MAX, 0, "9,223,372,036,854,775,807"},
                 {INT64_MIN, 0, "-9,223,372,036,854,775,808"},
                 {INT64_MIN, 18, "-9.223372036854775808"},
                 {INT64_MIN, 1, "-922,337,203,685,477,580.8"}};
    char text[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        format_amount(cases[i].units, cases[i].decimals, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_rates(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0 H/s"},           {-1, "0 H/s"},
                 {NAN, "0 H/s"},         {INFINITY, "0 H/s"},
                 {1, "1.00 H/s"},        {9.994, "9.99 H/s"},
                 {9.996, "10.0 H/s"},    {99.94, "99.9 H/s"},
                 {99.96, "100 H/s"},     {999.4, "999 H/s"},
                 {999.6, "1.00 kH/s"},   {1234567, "1.23 MH/s"},
                 {5.56e12, "5.56 TH/s"}, {1e24, "1.00 YH/s"},
                 {1e29, "100000 YH/s"},  {DBL_MAX, "over 999,999 YH/s"},
                 {DBL_MIN, "0.00 H/s"}};
    char text[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        format_si(cases[i].value, "H/s", text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_percent(void **state)
{
    char text[FORMAT_SIZE];

    (void)state;
    format_percent(98.31, text);
    assert_string_equal(text, "98.3 %");
    format_percent(0, text);
    assert_string_equal(text, "0 %");
    format_percent(NAN, text);
    assert_string_equal(text, "0 %");
    format_percent(267.2, text);
    assert_string_equal(text, "267 %");
    format_percent(DBL_MAX, text);
    assert_string_equal(text, "over 999,999 %");
    format_bp(150, text);
    assert_string_equal(text, "1.5 %");
    format_bp(0, text);
    assert_string_equal(text, "0 %");
    format_bp(INT64_MIN, text);
    assert_string_equal(text, "-92233720368547758.08 %");
}

static void test_spans(void **state)
{
    static const struct {
        double seconds;
        const char *span, *length;
    } cases[] = {{0, "0 seconds", "0.0 seconds"},
                 {-5, "0 seconds", "0.0 seconds"},
                 {1, "1 second", "1.0 seconds"},
                 {59, "59 seconds", "59 seconds"},
                 {60, "1 minute", "1.0 minutes"},
                 {3599, "59 minutes", "59 minutes"},
                 {24120, "6 hours", "6.7 hours"},
                 {86400 * 3.5, "3 days", "3.5 days"},
                 {86400 * 366.0, "1 year", "1.0 years"},
                 {NAN, "0 seconds", "0.0 seconds"},
                 {1e300, "over a million years", "over a million years"}};
    char text[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        format_span(cases[i].seconds, text);
        assert_string_equal(text, cases[i].span);
        format_length(cases[i].seconds, text);
        assert_string_equal(text, cases[i].length);
    }
}

static void test_ago(void **state)
{
    char text[FORMAT_SIZE];

    (void)state;
    format_ago(1000, 1005, text);
    assert_string_equal(text, "just now");
    format_ago(1000, 1300, text);
    assert_string_equal(text, "5 minutes ago");
    format_ago(1000 + 7200, 1000, text);
    assert_string_equal(text, "in 2 hours");
    format_ago(INT64_MIN, INT64_MAX, text);
    assert_string_equal(text, "over a million years ago");
    format_ago(INT64_MAX, INT64_MIN, text);
    assert_string_equal(text, "in over a million years");
}

static void test_times(void **state)
{
    static const char *const wrong[] = {NULL,
                                        "",
                                        "yesterday",
                                        "2026-01-31",
                                        "2026-01-31 12:00",
                                        "2026-13-31 12:00:00",
                                        "2026-01-31 12:00:00<b>"};
    char text[FORMAT_SIZE];
    int64_t at = 42;

    (void)state;
    assert_true(format_epoch("1970-01-01 00:00:07", &at));
    assert_int_equal(at, 7);
    assert_true(format_epoch("2026-01-31 12:34:56.123456", &at));
    assert_int_equal(at, 1769862896);
    format_utc(at, text);
    assert_string_equal(text, "2026-01-31 12:34 UTC");
    format_iso(at, text);
    assert_string_equal(text, "2026-01-31T12:34:56Z");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(format_epoch(wrong[i], &at));
    format_utc(INT64_MAX, text);
    assert_string_equal(text, "?");
}

static void test_short_names(void **state)
{
    char text[FORMAT_SIZE], *longest = mem_sprintf("%0999d", 7);

    (void)state;
    format_short("", text);
    assert_string_equal(text, "");
    format_short("123456789012345678", text);
    assert_string_equal(text, "123456789012345678");
    format_short("1234567890123456789", text);
    assert_string_equal(text, "12345678…456789");
    format_short(longest, text);
    assert_string_equal(text, "00000000…000007");
    free(longest);
}

/* --- CSV --- */

static void csv_is(const char *text, const char *expected)
{
    struct buf b = BUF_INIT(200);
    struct csv c = CSV_INIT(&b);

    csv_text(&c, text);
    csv_end_row(&c);
    assert_false(c.full);
    assert_int_equal(strlen(b.data), b.len);
    b.data[b.len - 2] = '\0';
    assert_string_equal(b.data, expected);
    buf_free(&b);
}

static void test_csv_texts(void **state)
{
    (void)state;
    csv_is("", "\"\"");
    csv_is("rig 1", "\"rig 1\"");
    csv_is("a,b", "\"a,b\"");
    csv_is("say \"hi\"", "\"say \"\"hi\"\"\"");
    csv_is("two\r\nlines", "\"two\r\nlines\"");
    /* what a spreadsheet would compute */
    csv_is("=1+1", "\"'=1+1\"");
    csv_is("+1", "\"'+1\"");
    csv_is("-1", "\"'-1\"");
    csv_is("@SUM(A1)", "\"'@SUM(A1)\"");
    csv_is("\t=1", "\"'\t=1\"");
    csv_is("\r=1", "\"'\r=1\"");
    csv_is("\n=1", "\"'\n=1\"");
    csv_is("  =1", "\"'  =1\"");
    csv_is("\"=1", "\"'\"\"=1\"");
    csv_is("＝1", "\"'＝1\"");
    csv_is("a=1", "\"a=1\"");
}

static void test_csv_rows(void **state)
{
    struct buf b = BUF_INIT(200);
    struct csv c = CSV_INIT(&b);

    (void)state;
    csv_text(&c, "a");
    csv_text(&c, NULL);
    csv_uint(&c, UINT64_MAX);
    csv_end_row(&c);
    csv_amount(&c, -100000001, 8);
    csv_text(&c, NULL);
    csv_end_row(&c);
    assert_string_equal(b.data, "\"a\",,18446744073709551615\r\n-1.00000001,\r\n");
    buf_free(&b);
}

static void test_csv_bound(void **state)
{
    struct buf b = BUF_INIT(4);
    struct csv c = CSV_INIT(&b);

    (void)state;
    csv_text(&c, "abcdef");
    csv_text(&c, "x");
    assert_true(c.full);
    assert_true(b.len <= 4);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_rates),     cmocka_unit_test(test_percent),
        cmocka_unit_test(test_spans),     cmocka_unit_test(test_ago),
        cmocka_unit_test(test_times),     cmocka_unit_test(test_short_names),
        cmocka_unit_test(test_csv_texts), cmocka_unit_test(test_csv_rows),
        cmocka_unit_test(test_csv_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
