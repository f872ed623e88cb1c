/* The RPC client against a scripted HTTP server: what each way of failing is called. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/rpc/rpc.h"
#include "tests/tools/lib/http_peer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OK_1    "{\"result\":1,\"error\":null,\"id\":1}"
#define OK_2    "{\"result\":2,\"error\":null,\"id\":2}"
#define ERROR_1 "{\"result\":null,\"error\":{\"code\":-5,\"message\":\"no such\\ntx\"},\"id\":1}"

static char password_file[] = "/tmp/penstock-test-rpc-XXXXXX";

static struct rpc *open_url(const char *url)
{
    char err[256];
    struct rpc_conf conf = {
        .url = url,
        .user = "alice",
        .password_file = password_file,
        .connect_timeout_ms = 60000,
        .timeout_ms = 60000, /* a busy machine must not look like a silent wallet */
        .max_reply = 1 << 20,
    };
    struct rpc *rpc = rpc_open(&conf, err, sizeof(err));
    assert_non_null(rpc);
    return rpc;
}

static struct rpc_call one_call(const char *url, int64_t timeout_ms)
{
    struct rpc_call call = {.method = "getblock", .timeout_ms = timeout_ms};
    struct rpc *rpc = open_url(url);
    rpc_perform(rpc, &call, 1);
    rpc_close(&rpc);
    assert_null(rpc);
    return call;
}

struct one_case {
    struct peer_step step;
    enum rpc_result result;
    long http_status;
    int64_t code;
    const char *message; /* part of it; NULL: any */
};

static void check_case_within(const struct one_case *c, int64_t timeout_ms)
{
    struct peer *peer = peer_start(&c->step, 1);
    struct rpc_call call = one_call(peer_url(peer), timeout_ms);
    size_t requests = peer_requests(peer);
    peer_stop(&peer);
    if (call.result != c->result)
        print_error("status %d, body %.60s: %s (%s)\n", c->step.status,
                    c->step.body ? c->step.body : "-", rpc_result_name(call.result), call.message);
    assert_int_equal(call.result, c->result);
    assert_int_equal(call.http_status, c->http_status);
    assert_int_equal(call.code, c->code);
    assert_int_equal(requests, 1);
    assert_true((call.result == RPC_OK) == (call.reply != NULL));
    if (c->message)
        assert_non_null(strstr(call.message, c->message));
    rpc_calls_clear(&call, 1);
    assert_null(call.reply);
}

static void check_case(const struct one_case *c)
{
    check_case_within(c, 0);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct one_case cases[] = {
        {{.status = 200, .body = OK_1}, RPC_OK, 200, 0, ""},
        {{.status = 200, .body = "{\"result\":null,\"error\":null,\"id\":1}"}, RPC_OK, 200, 0, ""},
        {{.status = 200, .body = "{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":1}"},
         RPC_OK,
         200,
         0,
         0},
        {{.status = 500, .body = ERROR_1}, RPC_ERROR, 500, -5, "no such?tx"},
        {{.status = 404, .body = ERROR_1}, RPC_ERROR, 404, -5, NULL},
        {{.status = 400, .body = ERROR_1}, RPC_ERROR, 400, -5, NULL},
        {{.status = 200, .body = ERROR_1}, RPC_ERROR, 200, -5, NULL}, /* bcoin */
        {{.status = 500, .body = "{\"error\":{\"code\":-32700,\"message\":\"Parse\"},\"id\":null}"},
         RPC_ERROR,
         500,
         -32700,
         "Parse"},
        {{.status = 500, .body = "{\"result\":null,\"error\":{\"code\":-28},\"id\":1}"},
         RPC_UNAVAILABLE,
         500,
         -28,
         NULL},
        {{.status = 500, .type = "text/html", .body = "Work queue depth exceeded"},
         RPC_UNAVAILABLE,
         500,
         0,
         "Work queue"},
        {{.status = 401, .body = ""}, RPC_UNAVAILABLE, 401, 0, "password"},
        {{.status = 401, .body = OK_1}, RPC_UNAVAILABLE, 401, 0, NULL},
        {{.status = 403, .body = ""}, RPC_UNAVAILABLE, 403, 0, "rpcallowip"},
        {{.status = 404, .body = "<html>"}, RPC_UNAVAILABLE, 404, 0, NULL},
        {{.status = 503, .body = ""}, RPC_UNAVAILABLE, 503, 0, NULL},
        {{.status = 502, .body = "<html>"}, RPC_UNCERTAIN, 502, 0, NULL},
        {{.status = 504, .body = "<html>"}, RPC_UNCERTAIN, 504, 0, NULL},
        {{.status = 500, .type = "text/html", .body = "<html>oops"}, RPC_MALFORMED, 500, 0, NULL},
        {{.status = 302, .body = "", .location = "http://127.0.0.1:1/"}, RPC_MALFORMED, 302, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case(&cases[i]);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "null",
        "1",
        "[]",
        "[" OK_1 "]",
        "{}",
        "{\"result\":1}",
        "{\"result\":1,\"id\":2}",
        "{\"result\":1,\"id\":\"1\"}",
        "{\"result\":1,\"id\":1.0}",
        "{\"result\":1,\"id\":null}",
        "{\"id\":1}",
        "{\"error\":null,\"id\":1}",
        "{\"result\":1,\"error\":{\"code\":-1},\"id\":1}",
        "{\"error\":\"text\",\"id\":1}",
        "{\"error\":7,\"id\":1}",
        "{\"error\":{\"code\":\"-5\",\"message\":\"x\"},\"id\":1}",
        "{\"error\":{\"message\":\"x\"},\"id\":1}",
        "{\"error\":{\"code\":-5.5},\"id\":1}",
        "{\"result\":1,\"id\":1",
        "{\"result\":\"1,\"id\":1}",
        OK_1 OK_1,
        "\x1f\x8b\x08 gzip that nobody asked for",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        check_case(
            &(struct one_case){{.status = 200, .body = bodies[i]}, RPC_MALFORMED, 200, 0, NULL});
    check_case(&(struct one_case){{.status = 500, .body = OK_1}, RPC_MALFORMED, 500, 0, NULL});
}

static void test_bounds(void **state)
{
    (void)state;
    size_t size = 10u << 20;
    char *large = mem_zalloc(size + 1);
    memset(large, ' ', size);
    memcpy(large + size - strlen(OK_1), OK_1, strlen(OK_1));
    check_case(&(struct one_case){
        {.status = 200, .body = large}, RPC_MALFORMED, 200, 0, "exceeds the bound"});
    check_case(&(struct one_case){
        {.status = 200, .body = large + size - (1 << 20)}, RPC_OK, 200, 0, NULL}); /* just fits */

    memset(large, '[', 1 << 19);
    large[1 << 19] = '\0';
    check_case(&(struct one_case){{.status = 200, .body = large}, RPC_MALFORMED, 200, 0, NULL});
    free(large);
}

static void test_uncertain(void **state)
{
    (void)state;
    static const struct one_case cases[] = {
        {{.status = 0}, RPC_UNCERTAIN, 0, 0, NULL},
        {{.status = 200, .body = OK_1, .missing = 5}, RPC_UNCERTAIN, 200, 0, NULL},
        {{.status = 200, .body = OK_1, .delay_ms = 5000}, RPC_UNCERTAIN, 0, 0, NULL},
    };
    static const int64_t within_ms[] = {400, 3000, 400}; /* the second one's head must be there */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_case_within(&cases[i], within_ms[i]);
}

static void test_silent_server_times_out(void **state)
{
    (void)state;
    struct peer *peer = peer_start(NULL, 0);
    int64_t start = clock_mono_ms();
    struct rpc_call call = one_call(peer_url(peer), 400);
    assert_int_equal(call.result, RPC_UNCERTAIN);
    assert_in_range(clock_mono_ms() - start, 390, 30000);
    peer_stop(&peer);
}

static void *interrupt_soon(void *arg)
{
    clock_sleep_ms(50);
    rpc_interrupt(arg);
    return NULL;
}

/* Calls that would take longer than any test end when another thread says so, whether it says so
 * before or while they are under way; what comes afterwards is as ever. */
static void test_interrupt(void **state)
{
    struct peer *peer = peer_start(NULL, 0);
    struct rpc *rpc = open_url(peer_url(peer));
    struct rpc_call call = {.method = "getblock", .timeout_ms = 3600000};
    pthread_t thread;

    (void)state;
    rpc_interrupt(rpc);
    rpc_perform(rpc, &call, 1);
    assert_true(call.result == RPC_UNAVAILABLE || call.result == RPC_UNCERTAIN);
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, rpc), 0);
    rpc_perform(rpc, &call, 1);
    assert_true(call.result == RPC_UNAVAILABLE || call.result == RPC_UNCERTAIN);
    assert_null(call.reply);
    assert_int_equal(pthread_join(thread, NULL), 0);

    call.timeout_ms = 200;
    rpc_perform(rpc, &call, 1);
    assert_non_null(strstr(call.message, "timed out"));
    rpc_close(&rpc);
    peer_stop(&peer);
}

static void test_unavailable(void **state)
{
    (void)state;
    struct peer *peer = peer_start(NULL, 0);
    char *url = mem_strdup(peer_url(peer));
    peer_stop(&peer);
    struct rpc_call call = one_call(url, 0); /* nobody listens */
    assert_int_equal(call.result, RPC_UNAVAILABLE);
    assert_non_null(strstr(call.message, "connect"));
    assert_int_equal(call.http_status, 0);
    free(url);

    call = one_call("http://wallet.invalid:1/", 0);
    assert_int_equal(call.result, RPC_UNAVAILABLE);

    /* TLS that cannot be agreed on: the request was never sent. */
    static const struct peer_step step = {.status = 200, .body = OK_1, .close = true};
    peer = peer_start(&step, 1);
    url = mem_sprintf("https%s", strchr(peer_url(peer), ':'));
    call = one_call(url, 400);
    assert_int_equal(call.result, RPC_UNAVAILABLE);
    peer_stop(&peer);
    free(url);
}

/* The proxy variables point to a live server that would answer. */
static void test_proxy_variables_are_ignored(void **state)
{
    (void)state;
    static const struct peer_step step = {.status = 200, .body = OK_1};
    struct peer *proxy = peer_start(&step, 1);
    setenv("http_proxy", peer_url(proxy), 1);
    setenv("all_proxy", peer_url(proxy), 1);
    struct rpc_call call = one_call("http://wallet.invalid:1/", 0);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(call.result, RPC_UNAVAILABLE);
    assert_int_equal(peer_connections(proxy), 0);
    peer_stop(&proxy);
}

static void test_request_form(void **state)
{
    (void)state;
    static const struct peer_step step = {.status = 200, .body = OK_1};
    struct peer *peer = peer_start(&step, 1);
    struct rpc *rpc = open_url(peer_url(peer));
    struct rpc_call call = {.method = "sendtoaddress", .params = json_pack("[s,s]", "a", "0.10")};
    rpc_perform(rpc, &call, 1);
    assert_int_equal(call.result, RPC_OK);
    assert_int_equal(json_integer_value(call.reply), 1);
    assert_string_equal(peer_body(peer, 0),
                        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"sendtoaddress\","
                        "\"params\":[\"a\",\"0.10\"]}");
    const char *head = peer_head(peer, 0);
    assert_non_null(strstr(head, "POST / HTTP/1.1\r\n"));
    assert_non_null(strstr(head, "Authorization: Basic YWxpY2U6czNjcmV0\r\n"));
    assert_non_null(strstr(head, "Content-Type: application/json\r\n"));
    assert_null(strcasestr(head, "\r\nAccept-Encoding:"));
    assert_null(strcasestr(head, "\r\nExpect:"));
    rpc_calls_clear(&call, 1);
    json_decref(call.params);
    rpc_close(&rpc);
    peer_stop(&peer);
}

/* A kept-alive connection dies after the second request was read. libcurl would send the request
 * again, and the script would even answer it; a payment would have been made twice. */
static void test_request_is_never_repeated(void **state)
{
    (void)state;
    static const struct peer_step steps[] = {
        {.status = 200, .body = OK_1}, {.status = 0}, {.status = 200, .body = OK_2}};
    struct peer *peer = peer_start(steps, 3);
    struct rpc *rpc = open_url(peer_url(peer));
    struct rpc_call call = {.method = "getblockcount"};
    rpc_perform(rpc, &call, 1);
    assert_int_equal(call.result, RPC_OK);
    rpc_calls_clear(&call, 1);

    call.method = "sendtoaddress";
    rpc_perform(rpc, &call, 1);
    assert_int_equal(call.result, RPC_UNCERTAIN);
    assert_int_equal(peer_requests(peer), 2);
    rpc_close(&rpc);
    peer_stop(&peer);
}

/* A connection that the wallet closed while it was idle is noticed before anything is sent. */
static void test_closed_idle_connection_is_replaced(void **state)
{
    (void)state;
    static const struct peer_step steps[] = {{.status = 200, .close = true}, {.status = 200}};
    struct peer *peer = peer_start(steps, 2);
    struct rpc *rpc = open_url(peer_url(peer));
    for (int i = 0; i < 3; i++) {
        struct rpc_call call = {.method = "getblockcount"};
        rpc_perform(rpc, &call, 1);
        assert_int_equal(call.result, RPC_OK);
        rpc_calls_clear(&call, 1);
        while (peer_closed(peer) == 0)
            clock_sleep_ms(1);
    }
    assert_int_equal(peer_requests(peer), 3);
    assert_int_equal(peer_connections(peer), 2); /* the second one was kept alive */
    rpc_close(&rpc);
    peer_stop(&peer);
}

static void test_large_uses_its_own_connection(void **state)
{
    (void)state;
    static const struct peer_step step = {.status = 200};
    struct peer *peer = peer_start(&step, 1);
    struct rpc *rpc = open_url(peer_url(peer));
    for (int i = 0; i < 4; i++) {
        struct rpc_call call = {.method = "getblocktemplate", .large = i > 0};
        rpc_perform(rpc, &call, 1);
        assert_int_equal(call.result, RPC_OK);
        rpc_calls_clear(&call, 1);
    }
    assert_int_equal(peer_connections(peer), 4);
    rpc_close(&rpc);
    peer_stop(&peer);
}

static void test_call_timeout_overrides(void **state)
{
    (void)state;
    static const struct peer_step step = {.status = 200, .delay_ms = 4000};
    struct peer *peer = peer_start(&step, 1);
    struct rpc *rpc = open_url(peer_url(peer));
    struct rpc_call calls[2] = {{.method = "a", .timeout_ms = 300}, {.method = "b"}};
    rpc_perform(rpc, calls, 2);
    assert_int_equal(calls[0].result, RPC_UNCERTAIN);
    assert_int_equal(calls[1].result, RPC_OK);
    rpc_calls_clear(calls, 2);
    rpc_close(&rpc);
    peer_stop(&peer);
}

/* Each of 30 calls gets the answer to its own request (the peer echoes it), 8 at a time. */
static void test_many_in_flight(void **state)
{
    (void)state;
    enum { N = 30 };
    static const struct peer_step step = {.status = 200, .delay_ms = 20, .until_at_once = 8};
    struct peer *peer = peer_start(&step, 1);
    struct rpc *rpc = open_url(peer_url(peer));
    struct rpc_call calls[N] = {{0}};
    for (int i = 0; i < N; i++)
        calls[i] = (struct rpc_call){.method = "getblock", .params = json_pack("[i]", i)};
    rpc_perform(rpc, calls, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(calls[i].result, RPC_OK);
        assert_true(json_equal(json_object_get(calls[i].reply, "params"), calls[i].params));
        json_decref(calls[i].params);
    }
    assert_int_equal(peer_most_at_once(peer), 8);
    rpc_calls_clear(calls, N);
    rpc_close(&rpc);
    peer_stop(&peer);
}

static void batch_of_three(const struct peer_step *step, struct rpc_call calls[3])
{
    struct peer *peer = peer_start(step, 1);
    struct rpc *rpc = open_url(peer_url(peer));
    for (int i = 0; i < 3; i++)
        calls[i] = (struct rpc_call){.method = "getblock"};
    rpc_batch(rpc, calls, 3);
    assert_int_equal(peer_requests(peer), 1);
    assert_int_equal(peer_body(peer, 0)[0], '[');
    rpc_close(&rpc);
    peer_stop(&peer);
}

static void test_batch(void **state)
{
    (void)state;
    struct rpc_call calls[3];
    /* reordered, one an error */
    batch_of_three(&(struct peer_step){.status = 200,
                                       .body = "[{\"result\":30,\"id\":3},{\"result\":10,\"id\":1},"
                                               "{\"error\":{\"code\":-8},\"id\":2}]"},
                   calls);
    assert_int_equal(calls[0].result, RPC_OK);
    assert_int_equal(json_integer_value(calls[0].reply), 10);
    assert_int_equal(calls[1].result, RPC_ERROR);
    assert_int_equal(calls[1].code, -8);
    assert_int_equal(calls[2].result, RPC_OK);
    assert_int_equal(json_integer_value(calls[2].reply), 30);
    rpc_calls_clear(calls, 3);

    /* one missing, one answered twice, strangers ignored */
    batch_of_three(
        &(struct peer_step){.status = 200,
                            .body = "[{\"result\":1,\"id\":1},{\"result\":9,\"id\":9},null,7,"
                                    "{\"result\":3,\"id\":3},{\"result\":3,\"id\":3}]"},
        calls);
    assert_int_equal(calls[0].result, RPC_OK);
    assert_int_equal(calls[1].result, RPC_MALFORMED);
    assert_int_equal(calls[2].result, RPC_MALFORMED);
    rpc_calls_clear(calls, 3);
}

static void test_batch_fails_as_a_whole(void **state)
{
    (void)state;
    static const struct one_case cases[] = {
        {{.status = 401, .body = ""}, RPC_UNAVAILABLE, 401, 0, NULL},
        {{.status = 0}, RPC_UNCERTAIN, 0, 0, NULL},
        {{.status = 200, .body = "[]"}, RPC_MALFORMED, 200, 0, NULL},
        {{.status = 200, .body = OK_1}, RPC_MALFORMED, 200, 0, NULL},
        {{.status = 500, .body = "{\"error\":{\"code\":-28},\"id\":null}"},
         RPC_UNAVAILABLE,
         500,
         -28,
         NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rpc_call calls[3];
        batch_of_three(&cases[i].step, calls);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(calls[k].result, cases[i].result);
            assert_int_equal(calls[k].http_status, cases[i].http_status);
            assert_int_equal(calls[k].code, cases[i].code);
            assert_null(calls[k].reply);
        }
    }
}

static void test_no_calls(void **state)
{
    (void)state;
    struct rpc *rpc = open_url("http://127.0.0.1:1/");
    rpc_perform(rpc, NULL, 0);
    rpc_batch(rpc, NULL, 0);
    rpc_close(&rpc);
    rpc_close(&rpc);
}

static void test_open_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"http://alice:hunter2@127.0.0.1/", "user or password"},
        {"http://alice@127.0.0.1/", "user or password"},
        {"file:///etc/passwd", "neither http nor https"},
        {"127.0.0.1", "no URL"},
        {"", "no URL"},
    };
    char err[256];
    struct rpc_conf conf = {.user = "a",
                            .password_file = password_file,
                            .connect_timeout_ms = 1,
                            .timeout_ms = 1,
                            .max_reply = 1};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf.url = cases[i].url;
        assert_null(rpc_open(&conf, err, sizeof(err)));
        assert_non_null(strstr(err, cases[i].why));
        assert_null(strstr(err, "hunter2"));
    }
    conf.url = "http://127.0.0.1:1/";
    conf.password_file = "/nonexistent/password";
    assert_null(rpc_open(&conf, err, sizeof(err)));
    assert_non_null(strstr(err, "/nonexistent/password"));
}

static int write_password(void **state)
{
    (void)state;
    int fd = mkstemp(password_file);
    if (fd < 0 || write(fd, "s3cret\n", 7) != 7)
        return -1;
    return close(fd);
}

static int remove_password(void **state)
{
    (void)state;
    return unlink(password_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_uncertain),
        cmocka_unit_test(test_silent_server_times_out),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_unavailable),
        cmocka_unit_test(test_proxy_variables_are_ignored),
        cmocka_unit_test(test_request_form),
        cmocka_unit_test(test_request_is_never_repeated),
        cmocka_unit_test(test_closed_idle_connection_is_replaced),
        cmocka_unit_test(test_large_uses_its_own_connection),
        cmocka_unit_test(test_call_timeout_overrides),
        cmocka_unit_test(test_many_in_flight),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_fails_as_a_whole),
        cmocka_unit_test(test_no_calls),
        cmocka_unit_test(test_open_refuses),
    };
    return cmocka_run_group_tests(tests, write_password, remove_password);
}
