/* What needs no server: the meaning of error numbers, what is kept of error texts, host names, the
 * schema rule. */
#include "common/db/db-private.h"
#include "common/db/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_meanings(void **state)
{
    static const struct {
        unsigned number;
        enum db_result result, in_doubt;
        bool final;
    } cases[] = {
        {1213, DB_CONFLICT, DB_CONFLICT, false},      {1205, DB_CONFLICT, DB_CONFLICT, false},
        {1020, DB_CONFLICT, DB_CONFLICT, false},      {1062, DB_DUPLICATE, DB_DUPLICATE, false},
        {1586, DB_DUPLICATE, DB_DUPLICATE, false},    {1040, DB_UNAVAILABLE, DB_UNAVAILABLE, true},
        {1203, DB_UNAVAILABLE, DB_UNAVAILABLE, true}, {1226, DB_UNAVAILABLE, DB_UNAVAILABLE, true},
        {1290, DB_UNAVAILABLE, DB_UNAVAILABLE, true}, {1836, DB_UNAVAILABLE, DB_UNAVAILABLE, true},
        {1047, DB_UNAVAILABLE, DB_UNAVAILABLE, true}, {1114, DB_UNAVAILABLE, DB_UNAVAILABLE, false},
        {1053, DB_UNAVAILABLE, DB_UNCERTAIN, true},   {1317, DB_UNAVAILABLE, DB_UNCERTAIN, false},
        {1927, DB_UNAVAILABLE, DB_UNCERTAIN, true},   {1969, DB_UNAVAILABLE, DB_UNCERTAIN, false},
        {4031, DB_UNAVAILABLE, DB_UNCERTAIN, true},   {2002, DB_UNAVAILABLE, DB_UNCERTAIN, true},
        {2006, DB_UNAVAILABLE, DB_UNCERTAIN, true},   {2013, DB_UNAVAILABLE, DB_UNCERTAIN, true},
        {2026, DB_UNAVAILABLE, DB_UNCERTAIN, true},   {5014, DB_UNAVAILABLE, DB_UNCERTAIN, true},
        {1044, DB_REFUSED, DB_REFUSED, false},        {1045, DB_REFUSED, DB_REFUSED, false},
        {1064, DB_REFUSED, DB_REFUSED, false},        {1142, DB_REFUSED, DB_REFUSED, false},
        {1143, DB_REFUSED, DB_REFUSED, false},        {1227, DB_REFUSED, DB_REFUSED, false},
        {1264, DB_REFUSED, DB_REFUSED, false},        {1370, DB_REFUSED, DB_REFUSED, false},
        {1452, DB_REFUSED, DB_REFUSED, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(db_classify(cases[i].number, false), cases[i].result);
        assert_int_equal(db_classify(cases[i].number, true), cases[i].in_doubt);
        assert_int_equal(db_error_is_final(cases[i].number), cases[i].final);
        assert_false(db_error_is_stale(cases[i].number));
    }
    assert_true(db_error_is_stale(1243));
    assert_true(db_error_is_stale(1615));
    assert_true(db_error_is_stale(2057));
}

static void test_texts_lose_values(void **state)
{
    static const struct {
        unsigned number;
        const char *text, *kept;
    } cases[] = {
        {1062, "Duplicate entry 'secret' for key 'miner_address'",
         "Duplicate entry '?' for key 'miner_address'"},
        {1062, "Duplicate entry 'it's' for key 'k' for key 'miner_address'",
         "Duplicate entry '?' for key 'miner_address'"},
        {1366, "Incorrect string value: '\\xFF' for column `a`.`b`.`c` at row 1",
         "Incorrect string value: '?' for column `a`.`b`.`c` at row 1"},
        {1292, "Truncated incorrect INTEGER value: 'secret'",
         "Truncated incorrect INTEGER value: '?'"},
        {1292, "Truncated incorrect INTEGER value: 'cut off",
         "Truncated incorrect INTEGER value: '?'"},
        {1062, "no quotation", "no quotation"},
        {1142, "INSERT command denied to user 'u'@'h' for table `t`",
         "INSERT command denied to user 'u'@'h' for table `t`"},
    };
    char out[DB_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        db_error_text(cases[i].number, cases[i].text, out, sizeof out);
        assert_string_equal(out, cases[i].kept);
    }
    char small[12];
    db_error_text(1142, "a text longer than the room", small, sizeof small);
    assert_string_equal(small, "a text long");
}

static void test_hosts(void **state)
{
    static const struct {
        const char *text, *host;
        unsigned port;
    } cases[] = {
        {"db1", "db1", 3306},           {"db1.example:3307", "db1.example", 3307},
        {"10.0.0.1", "10.0.0.1", 3306}, {"::1", "::1", 3306},
        {"[::1]", "::1", 3306},         {"[fe80::1]:65535", "fe80::1", 65535},
    };
    static const char *const wrong[] = {"",     ":3306", "db1:",   "db1:0",  "db1:65536", "db1:12a",
                                        "[::1", "[]",    "[::1]x", "db1:-1", "db1:999999"};
    char host[64];
    unsigned port;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(db_host_parse(cases[i].text, 3306, host, sizeof host, &port));
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (db_host_parse(wrong[i], 3306, host, sizeof host, &port))
            fail_msg("'%s' is taken for a host", wrong[i]);
    assert_false(db_host_parse("much-too-long", 3306, host, 13, &port));
    assert_true(db_host_parse("much-too-long", 3306, host, 14, &port));
}

static void test_schema_rule(void **state)
{
    char err[256] = "";

    (void)state;
    assert_true(schema_fits(3, 3, 1, err, sizeof err));
    assert_true(schema_fits(3, 9, 3, err, sizeof err)); /* a later schema that admits us */
    assert_string_equal(err, "");
    assert_false(schema_fits(3, 2, 1, err, sizeof err));
    assert_non_null(strstr(err, "penstockctl migrate"));
    assert_false(schema_fits(3, 9, 4, err, sizeof err));
    assert_non_null(strstr(err, "later version"));
}

static void test_open_refuses_bad_settings(void **state)
{
    char *words[] = {"good", "bad:port"};
    struct db_conf conf = {.hosts = {words, 2}, .port = 3306, .password_file = "/nonexistent/file"};
    char err[256] = "";

    (void)state;
    assert_null(db_open(&conf, err, sizeof err));
    assert_non_null(strstr(err, "bad:port"));
    conf.hosts.n = 1;
    assert_null(db_open(&conf, err, sizeof err));
    assert_non_null(strstr(err, "/nonexistent/file"));
    struct db *none = NULL;
    db_close(&none);
}

static void test_values(void **state)
{
    struct db_value i = DB_INT(-5), u = DB_UINT(7), t = DB_TEXT("text"), n = DB_NULL;

    (void)state;
    assert_int_equal(db_int(&i), -5);
    assert_int_equal(db_int(&u), 7);
    assert_int_equal(db_uint(&u), 7);
    assert_string_equal(db_text(&t), "text");
    assert_int_equal(t.len, 4);
    assert_true(db_is_null(&n));
    assert_false(db_is_null(&t));
    assert_null(db_text(&n));
    assert_string_equal(db_result_name(DB_UNCERTAIN), "uncertain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings), cmocka_unit_test(test_texts_lose_values),
        cmocka_unit_test(test_hosts),    cmocka_unit_test(test_schema_rule),
        cmocka_unit_test(test_values),   cmocka_unit_test(test_open_refuses_bad_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
