/*
 * common/rpc against a real litecoind, which test_rpc.py starts. The environment says where:
 * ITEST_RPC_URL, ITEST_RPC_USER, ITEST_RPC_PASSWORD_FILE; ITEST_RPC_WRONG_PASSWORD_FILE holds
 * another password. The node has one RPC thread and a work queue of one, and a peer.
 */
#include "common/base/clock.h"
#include "common/rpc/rpc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        fprintf(stderr, "itest_rpc: %s is not set\n", name);
        exit(64);
    }
    return value;
}

static struct rpc *open_node(const char *password_setting)
{
    char err[256];
    struct rpc_conf conf = {
        .url = setting("ITEST_RPC_URL"),
        .user = setting("ITEST_RPC_USER"),
        .password_file = setting(password_setting),
        .connect_timeout_ms = 1000,
        .timeout_ms = 10000,
        .max_reply = 8 << 20,
    };
    struct rpc *rpc = rpc_open(&conf, err, sizeof(err));
    if (rpc == NULL)
        fail_msg("%s", err);
    return rpc;
}

static int open_rpc(void **state)
{
    *state = open_node("ITEST_RPC_PASSWORD_FILE");
    return 0;
}

static int close_rpc(void **state)
{
    rpc_close((struct rpc **)state);
    return 0;
}

static struct rpc_call call(struct rpc *rpc, const char *method, json_t *params)
{
    struct rpc_call c = {.method = method, .params = params};

    rpc_perform(rpc, &c, 1);
    json_decref(params);
    return c;
}

static void test_results(void **state)
{
    struct rpc_call c = call(*state, "getblockcount", NULL);
    assert_int_equal(c.result, RPC_OK);
    assert_int_equal(c.http_status, 200);
    assert_true(json_integer_value(c.reply) >= 1);
    rpc_calls_clear(&c, 1);

    c = call(*state, "submitblock", json_pack("[s]", setting("ITEST_RPC_BLOCK")));
    assert_int_equal(c.result, RPC_OK);
    assert_string_equal(json_string_value(c.reply), "duplicate");
    rpc_calls_clear(&c, 1);

    c = call(*state, "setmocktime", json_pack("[i]", 0)); /* its result is null */
    assert_int_equal(c.result, RPC_OK);
    assert_true(json_is_null(c.reply));
    rpc_calls_clear(&c, 1);
}

static void test_errors(void **state)
{
    static const struct {
        const char *method, *parameter;
        int64_t code;
        long http_status;
    } cases[] = {
        {"getblockheader", "0000000000000000000000000000000000000000000000000000000000000001", -5,
         500},
        {"submitblock", "00", -22, 500},
        {"nosuchmethod", "", -32601, 404},
        {"getblockhash", "text", -1, 500},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rpc_call c = call(*state, cases[i].method, json_pack("[s]", cases[i].parameter));
        assert_int_equal(c.result, RPC_ERROR);
        assert_int_equal(c.code, cases[i].code);
        assert_int_equal(c.http_status, cases[i].http_status);
        assert_true(c.message[0] != '\0');
        assert_null(c.reply);
    }
}

/* 4 * 50 coins are mined; their digits arrive as the node wrote them. */
static void test_amounts_are_texts(void **state)
{
    int64_t amount;
    struct rpc_call c = call(*state, "getwalletinfo", NULL);
    assert_int_equal(c.result, RPC_OK);
    const char *text = json_string_value(json_object_get(c.reply, "immature_balance"));
    assert_non_null(text);
    assert_string_equal(text, "200.00000000");
    assert_true(rpc_amount(text, 8, &amount));
    assert_true(amount == INT64_C(20000000000));
    rpc_calls_clear(&c, 1);
}

static void test_batch(void **state)
{
    json_t *one = json_pack("[i]", 1), *high = json_pack("[i]", 1000000);
    struct rpc_call calls[] = {
        {.method = "getblockhash", .params = one},
        {.method = "getblockhash", .params = high},
        {.method = "nosuchmethod"},
        {.method = "getblockcount"},
    };
    rpc_batch(*state, calls, 4);
    assert_int_equal(calls[0].result, RPC_OK);
    assert_int_equal(json_string_length(calls[0].reply), 64);
    assert_int_equal(calls[1].result, RPC_ERROR);
    assert_int_equal(calls[1].code, -8);
    assert_int_equal(calls[2].code, -32601);
    assert_int_equal(calls[3].result, RPC_OK);
    assert_int_equal(calls[3].http_status, 200);
    rpc_calls_clear(calls, 4);
    json_decref(one);
    json_decref(high);
}

static void test_wrong_password(void **state)
{
    (void)state;
    struct rpc *rpc = open_node("ITEST_RPC_WRONG_PASSWORD_FILE");
    struct rpc_call calls[2] = {{.method = "getblockcount"}, {.method = "getblockcount"}};
    rpc_perform(rpc, calls, 1);
    rpc_batch(rpc, calls, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(calls[i].result, RPC_UNAVAILABLE);
        assert_int_equal(calls[i].http_status, 401);
    }
    rpc_close(&rpc);
}

/* One call is being served and one waits; the node turns the others away unread. */
static void test_full_work_queue(void **state)
{
    enum { N = 8 };
    json_t *ms = json_pack("[i]", 500);
    struct rpc_call calls[N];
    unsigned served = 0, refused = 0;

    for (int i = 0; i < N; i++)
        calls[i] = (struct rpc_call){.method = "waitfornewblock", .params = ms};
    rpc_perform(*state, calls, N);
    for (int i = 0; i < N; i++) {
        served += calls[i].result == RPC_OK;
        refused += calls[i].result == RPC_UNAVAILABLE && calls[i].http_status == 500 &&
                   strcmp(calls[i].message, "Work queue depth exceeded") == 0;
    }
    assert_true(served >= 1 && refused >= 1);
    assert_int_equal(served + refused, N);
    rpc_calls_clear(calls, N);
    json_decref(ms);
}

static void test_time_out(void **state)
{
    json_t *ms = json_pack("[i]", 1500);
    struct rpc_call c = {.method = "waitfornewblock", .params = ms, .timeout_ms = 300};
    int64_t start = clock_mono_ms();

    rpc_perform(*state, &c, 1);
    assert_int_equal(c.result, RPC_UNCERTAIN);
    assert_true(clock_mono_ms() - start >= 290);
    json_decref(ms);
    clock_sleep_ms(1500); /* until the node's only thread is free again */
}

/* The quickest of 50 calls, in milliseconds. */
static int64_t quickest_of(struct rpc *rpc, struct rpc_call *c, const char *member)
{
    int64_t quickest = INT64_MAX;

    for (int i = 0; i < 50; i++) {
        int64_t start = clock_mono_ms();

        rpc_perform(rpc, c, 1);
        if (clock_mono_ms() - start < quickest)
            quickest = clock_mono_ms() - start;
        assert_int_equal(c->result, RPC_OK);
        assert_true(json_is_integer(json_object_get(c->reply, member)));
        rpc_calls_clear(c, 1);
    }
    return quickest;
}

/* Each large reply over a reused connection stalls for 44 ms; with `large` none must, unless the
 * machine is busy: then small ones take their time, too. */
static void test_large_reply_does_not_stall(void **state)
{
    json_t *rules = json_pack("[{s:[s,s]}]", "rules", "mweb", "segwit");
    struct rpc_call c = {.method = "getblocktemplate", .params = rules, .large = true};
    struct rpc_call small = {.method = "getmininginfo"};
    int64_t usual = quickest_of(*state, &small, "blocks");

    assert_in_range(quickest_of(*state, &c, "coinbasevalue"), 0, 35 + 5 * usual);
    json_decref(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),           cmocka_unit_test(test_errors),
        cmocka_unit_test(test_amounts_are_texts), cmocka_unit_test(test_batch),
        cmocka_unit_test(test_wrong_password),    cmocka_unit_test(test_full_work_queue),
        cmocka_unit_test(test_time_out),          cmocka_unit_test(test_large_reply_does_not_stall),
    };
    return cmocka_run_group_tests(tests, open_rpc, close_rpc);
}
