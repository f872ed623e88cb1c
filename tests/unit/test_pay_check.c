/* What a signed payment must be: our own reading of the bytes, against wallets that lie. */
#include "backend/chain/pay-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FEE 100

/* A transaction of one input and the given outputs, each to a script of one byte. */
struct paid {
    char script;
    int64_t value;
};

static uint8_t bytes[512];

static size_t put(size_t at, const void *data, size_t len)
{
    memcpy(bytes + at, data, len);
    return at + len;
}

static struct tx make(const struct paid *out, size_t n, uint32_t locktime)
{
    static const uint8_t version[] = {2, 0, 0, 0, 1}, tail[] = {0, 0xff, 0xff, 0xff, 0xff};
    uint8_t outpoint[36] = {7}, count = (uint8_t)n, length = 1;
    size_t at = put(0, version, sizeof(version));
    struct tx tx;

    at = put(at, outpoint, sizeof(outpoint));
    at = put(at, tail, sizeof(tail));
    at = put(at, &count, 1);
    for (size_t i = 0; i < n; i++) {
        at = put(at, &out[i].value, 8);
        at = put(at, &length, 1);
        at = put(at, &out[i].script, 1);
    }
    at = put(at, &locktime, 4);
    assert_int_equal(tx_parse(bytes, at, &tx), PARSE_OK);
    return tx;
}

/* To a and b are due 1000 and 2001; what is left of 10000 returns to c. */
static const char *check(const struct paid *out, size_t n, bool receiver_pays, int64_t input_sum,
                         int64_t fee, int64_t fee_max, uint32_t locktime, struct pay_output *ret)
{
    struct pay_output output[2] = {{.amount = 1000, .script = {{'a'}, 1}},
                                   {.amount = 2001, .script = {{'b'}, 1}}};
    struct pay_order order = {output, 2, receiver_pays, fee_max, 0};
    struct script change = {{'c'}, 1};
    struct tx tx = make(out, n, locktime);
    const char *wrong = pay_check_signed(&tx, &order, &change, input_sum, fee);

    if (ret != NULL)
        memcpy(ret, output, sizeof(output));
    return wrong;
}

static void test_good(void **state)
{
    static const struct paid pool[] = {{'a', 1000}, {'c', 6899}, {'b', 2001}},
                             receiver[] = {{'b', 1951}, {'a', 950}, {'c', 6999}},
                             exact[] = {{'a', 1000}, {'b', 2001}};
    struct pay_output got[2];

    (void)state;
    assert_null(check(pool, 3, false, 10000, FEE, FEE, 0, got));
    assert_true(got[0].received == 1000 && got[1].received == 2001);
    assert_null(check(receiver, 3, true, 9900 + FEE, FEE, FEE, 0, got));
    assert_true(got[0].received == 950 && got[1].received == 1951);
    assert_null(check(exact, 2, false, 3001 + FEE, FEE, FEE, 0, NULL));
}

static void test_an_odd_fee_is_borne_to_the_unit(void **state)
{
    static const struct paid out[] = {{'a', 949}, {'b', 1951}, {'c', 5}},
                             two[] = {{'a', 948}, {'b', 1952}, {'c', 5}};

    (void)state;
    assert_null(check(out, 3, true, 2905 + 101, 101, 200, 0, NULL));
    assert_non_null(check(two, 3, true, 2905 + 101, 101, 200, 0, NULL));
}

/* What each lets arrive is wrong in one way. */
static const struct {
    const char *what;
    struct paid out[4];
    size_t n;
    bool receiver_pays;
    int64_t input_sum, fee, fee_max;
    uint32_t locktime;
} bad[] = {
    {"somebody else instead", {{'a', 1000}, {'x', 2001}, {'c', 6899}}, 3, 0, 10000, FEE, FEE, 0},
    {"somebody else beside", {{'a', 1000}, {'b', 2001}, {'x', 6899}}, 3, 0, 10000, FEE, FEE, 0},
    {"one left out", {{'a', 1000}, {'c', 8900}}, 2, 0, 10000, FEE, FEE, 0},
    {"one left out for more change",
     {{'a', 1000}, {'c', 8000}, {'c', 900}},
     3,
     0,
     10000,
     FEE,
     FEE,
     0},
    {"one too many", {{'a', 1000}, {'b', 2001}, {'c', 6000}, {'c', 899}}, 4, 0, 10000, FEE, FEE, 0},
    {"paid twice", {{'a', 1000}, {'a', 1000}, {'b', 2001}}, 3, 0, 4101, FEE, FEE, 0},
    {"less", {{'a', 999}, {'b', 2001}, {'c', 6900}}, 3, 0, 10000, FEE, FEE, 0},
    {"more", {{'a', 1001}, {'b', 2001}, {'c', 6898}}, 3, 0, 10000, FEE, FEE, 0},
    {"the other's amount", {{'a', 2001}, {'b', 1000}, {'c', 6899}}, 3, 0, 10000, FEE, FEE, 0},
    {"the fee by one alone", {{'a', 900}, {'b', 2001}, {'c', 6999}}, 3, 1, 10000, FEE, FEE, 0},
    {"a receiver of nothing is an output of 0",
     {{'a', 0}, {'b', 2001}, {'c', 6999}},
     3,
     1,
     10000,
     FEE,
     FEE,
     0},
    {"another fee than was said",
     {{'a', 1000}, {'b', 2001}, {'c', 6898}},
     3,
     0,
     10000,
     FEE,
     200,
     0},
    {"too high a fee", {{'a', 1000}, {'b', 2001}, {'c', 6799}}, 3, 0, 10000, 200, 199, 0},
    {"more than there is", {{'a', 1000}, {'b', 2001}, {'c', 7099}}, 3, 0, 10000, -FEE, FEE, 0},
    {"not final", {{'a', 1000}, {'b', 2001}, {'c', 6899}}, 3, 0, 10000, FEE, FEE, 500000},
    {"beyond 63 bits", {{'a', 1000}, {'b', 2001}, {'c', -1}}, 3, 0, 10000, FEE, FEE, 0},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (check(bad[i].out, bad[i].n, bad[i].receiver_pays, bad[i].input_sum, bad[i].fee,
                  bad[i].fee_max, bad[i].locktime, NULL) == NULL)
            fail_msg("it was taken: %s", bad[i].what);
}

/* --- several calls at once --- */

static void test_each_call_keeps_its_own_result(void **state)
{
    struct rpc_call calls[] = {{.result = RPC_OK}, {.result = RPC_ERROR, .code = WALLET_PARAMETER}};

    (void)state;
    assert_int_equal(pay_asked(calls, 2, RPC_ERROR), RPC_ERROR);
    assert_int_equal(calls[0].result, RPC_OK);
    assert_int_equal(calls[1].result, RPC_ERROR);
}

static void test_a_fault_is_of_all_calls(void **state)
{
    struct rpc_call calls[] = {{.result = RPC_OK}, {.result = RPC_ERROR}};

    (void)state;
    assert_int_equal(pay_asked(calls, 2, RPC_UNCERTAIN), RPC_UNCERTAIN);
    assert_int_equal(calls[0].result, RPC_UNCERTAIN);
    assert_int_equal(calls[1].result, RPC_UNCERTAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_an_odd_fee_is_borne_to_the_unit),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_each_call_keeps_its_own_result),
        cmocka_unit_test(test_a_fault_is_of_all_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
