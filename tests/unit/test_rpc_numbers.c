/* Numbers on their way from a wallet's JSON to base units. */
#include "common/rpc/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_quote(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{\"a\":0.1,\"b\":[1,-2.5]}", "{\"a\":\"0.1\",\"b\":[1,\"-2.5\"]}"},
        {"50.00000000", "\"50.00000000\""},
        {"1e-8", "\"1e-8\""},
        {"1E+8", "\"1E+8\""},
        {"-0.0", "\"-0.0\""},
        {"0", "0"},
        {"-1", "-1"},
        {"999999999999999999", "999999999999999999"},
        {"1000000000000000000", "\"1000000000000000000\""},
        {"-999999999999999999", "-999999999999999999"},
        {"99999999999999999999999999999", "\"99999999999999999999999999999\""},
        {"\"1.5\"", "\"1.5\""},
        {"\"a\\\"1.5\"", "\"a\\\"1.5\""},
        {"{\"1.5\":1.5}", "{\"1.5\":\"1.5\"}"},
        {"\"\\\\\",1.5", "\"\\\\\",\"1.5\""},
        {"", ""},
        {" [ 1.50 , 2 ] ", " [ \"1.50\" , 2 ] "},
        /* no JSON before, no JSON after */
        {"01.5", "01.5"},
        {"1.", "1."},
        {".5", ".5"},
        {"-", "-"},
        {"--1.5", "--1.5"},
        {"1.5.5", "1.5.5"},
        {"1e", "1e"},
        {"1e+", "1e+"},
        {"+1.5", "+\"1.5\""},
        {"{1.5:1}", "{1.5:1}"},
        {"{1.5 \t\r\n:1}", "{1.5 \t\r\n:1}"},
        {"NaN", "NaN"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len;
        char *out = rpc_quote_numbers(cases[i].in, strlen(cases[i].in), &len);
        assert_non_null(out);
        assert_string_equal(out, cases[i].out);
        assert_int_equal(len, strlen(out));
        free(out);
    }
}

static void test_quote_keeps_invalid_json_invalid(void **state)
{
    (void)state;
    static const char *const bad[] = {"[01.5]", "[1.]",      "[.5]",    "[-]",        "[--1.5]",
                                      "[1e]",   "[+1.5]",    "[1.5a]",  "[1.5\"a\"]", "{1.5:1}",
                                      "[a1.5]", "[1.5 2.5]", "[1.5.5]", "[1.5-1]",    "[0x1.5]",
                                      "[1.5",   "[1e1e1]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        size_t len;
        char *out = rpc_quote_numbers(bad[i], strlen(bad[i]), &len);
        assert_non_null(out);
        json_t *json = json_loadb(out, len, 0, NULL);
        if (json != NULL)
            print_error("%s became %s\n", bad[i], out);
        assert_null(json);
        free(out);
    }
}

static void test_quote_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"", "\"a", "\"a\\\"", "\"a\\", "[1,\"]"};
    size_t len;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(rpc_quote_numbers(bad[i], strlen(bad[i]), &len));

    char nested[2 * (RPC_MAX_DEPTH + 1)];
    memset(nested, '[', RPC_MAX_DEPTH + 1);
    memset(nested + RPC_MAX_DEPTH + 1, ']', RPC_MAX_DEPTH + 1);
    assert_null(rpc_quote_numbers(nested, sizeof(nested), &len));
    char *out = rpc_quote_numbers(nested + 1, sizeof(nested) - 2, &len);
    assert_non_null(out);
    assert_int_equal(len, sizeof(nested) - 2);
    free(out);
}

/* The text need not end with a NUL, and may hold some. */
static void test_quote_binary(void **state)
{
    (void)state;
    size_t len;
    char *tail = malloc(3); /* exact size: a read beyond it is seen by ASan */
    memcpy(tail, "1.5", 3);
    char *out = rpc_quote_numbers(tail, 3, &len);
    assert_string_equal(out, "\"1.5\"");
    free(out);
    free(tail);
    out = rpc_quote_numbers("\0001.5\0:", 6, &len);
    assert_int_equal(len, 8);
    assert_memory_equal(out, "\0\"1.5\"\0:", 8);
    free(out);
}

static void test_amount(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned decimals;
        int64_t amount;
    } good[] = {
        {"0", 8, 0},
        {"0.00000001", 8, 1},
        {"12.5", 8, 1250000000},
        {"50.00000000", 8, 5000000000},
        {"0.29", 2, 29}, /* 28 by way of a double */
        {"21000000.00000000", 8, 2100000000000000},
        {"92233720368.54775807", 8, INT64_MAX},
        {"9223372036854775807", 0, INT64_MAX},
        {"9.223372036854775807", 18, INT64_MAX},
        {"7", 0, 7},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t amount = -1;
        assert_true(rpc_amount(good[i].text, good[i].decimals, &amount));
        assert_true(amount == good[i].amount);
    }
}

static void test_amount_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-1",
        "+1",
        "1e1",
        "1.5e1",
        ".5",
        "5.",
        ".",
        "1.5.",
        "1..5",
        "0.000000001",
        "0.100000000",
        "1,5",
        " 1",
        "1 ",
        "0x1",
        "00",
        "01.5",
        "Inf",
        "nan",
        "1.-5",
        "1.5-",
        "92233720368.54775808",
        "100000000000", /* fits as such, not in base units */
        "999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t amount = -1;
        if (rpc_amount(bad[i], 8, &amount))
            print_error("accepted: %s\n", bad[i]);
        assert_false(rpc_amount(bad[i], 8, &amount));
        assert_true(amount == -1);
    }
    int64_t amount;
    assert_false(rpc_amount("1.0", 0, &amount));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_quote_keeps_invalid_json_invalid),
        cmocka_unit_test(test_quote_refuses),
        cmocka_unit_test(test_quote_binary),
        cmocka_unit_test(test_amount),
        cmocka_unit_test(test_amount_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
