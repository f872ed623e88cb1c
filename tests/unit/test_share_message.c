/* common/message/share: what frontends send of shares of jobs, honest and hostile. */
#include "common/message/share.h"

#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct share_message sample(void)
{
    struct share_message m = {.from = {
                                  .network = "litecoin-b",
                                  .received_us = INT64_C(1764000000123456),
                                  .host = "front1",
                                  .ip = "2001:db8::1",
                                  .agent = "cpuminer/2.5.1 \"x\\y\"",
                                  .miner = "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe/W\xc3\xb6rker",
                                  .pid = 4711,
                              }};

    for (size_t i = 0; i < sizeof(m.from.id.b); i++)
        m.from.id.b[i] = (uint8_t)(i * 17);
    for (size_t i = 0; i < HEADER_SIZE; i++)
        m.header[i] = (uint8_t)(255 - 3 * i);
    return m;
}

/* From a heap copy without a NUL behind it. */
static const char *read_copy(const char *body, size_t len, struct share_message *ret)
{
    uint8_t *copy = bytes_copy((const uint8_t *)body, len);
    const char *wrong = share_read((const char *)copy, len, ret);

    free(copy);
    return wrong;
}

static void test_round_trip(void **state)
{
    const struct share_message m = sample();
    struct share_message got;
    size_t len;
    char *body = share_build(&m, &len);

    (void)state;
    assert_non_null(body);
    assert_null(read_copy(body, len, &got));
    assert_true(uuid_equal(&got.from.id, &m.from.id));
    assert_string_equal(got.from.network, "litecoin-b");
    assert_int_equal(got.from.received_us, m.from.received_us);
    assert_string_equal(got.from.host, "front1");
    assert_string_equal(got.from.agent, m.from.agent);
    assert_string_equal(got.from.os, "");
    assert_string_equal(got.from.miner, m.from.miner);
    assert_int_equal(got.from.pid, 4711);
    assert_memory_equal(got.header, m.header, HEADER_SIZE);
    share_message_clear(&got);
    free(body);
}

/* The bound of the whole holds the longest of everything. */
static void test_longest(void **state)
{
    char text[2 * ORIGIN_MAX_TEXT];
    struct share_message m = sample(), got;
    size_t len;

    (void)state;
    memset(text, 1, sizeof(text) - 1); /* six letters each */
    text[sizeof(text) - 1] = '\0';
    m.from.network = "01234567890123456789012345678-zz";
    m.from.host = m.from.ip = m.from.agent = m.from.os = m.from.miner = text;
    m.from.pid = INT64_MIN;
    char *body = share_build(&m, &len);
    assert_non_null(body);
    assert_null(read_copy(body, len, &got));
    assert_int_equal(strlen(got.from.host), ORIGIN_MAX_TEXT);
    share_message_clear(&got);
    free(body);
}

static void test_build_refused(void **state)
{
    struct share_message m = sample();
    size_t len;

    (void)state;
    m.from.network = "Litecoin";
    assert_null(share_build(&m, &len));
    m.from.network = "";
    assert_null(share_build(&m, &len));
    m = sample();
    m.from.received_us = 0;
    assert_null(share_build(&m, &len));
    m = sample();
    m.from.agent = "\xff";
    assert_null(share_build(&m, &len));
    m = sample();
    m.from.id.b[6] = 0x8d; /* the database would not take it */
    assert_null(share_build(&m, &len));
}

#define ID "\"id\":\"0190a5b8-7e4a-7cc3-98c4-dc0c0c07398f\""
#define ORIGIN                                                                                     \
    "\"origin\":{\"pid\":1,\"host\":\"\",\"ip\":\"\",\"agent\":\"\",\"os\":\"\",\"miner\":\"\"}"
#define TIME   "\"received_us\":1764000000123456"
#define ZEROS  "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define HEADER "\"header\":\"" ZEROS ZEROS "\""
#define BEGIN  "{\"v\":1,\"kind\":\"share\"," ID ",\"network\":\"x\"," TIME ","
#define WHOLE  BEGIN ORIGIN "," HEADER "}"

static void test_hostile(void **state)
{
    static const struct {
        const char *body, *wrong;
    } cases[] = {
        {WHOLE, NULL},
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {WHOLE "x", "not a JSON object"},
        {"{\"v\":1,\"v\":1}", "not a JSON object"},
        {"[[[[]]]]", "JSON nested too deep or of too many values"},
        {"{\"v\":1,\"kind\":\"solution\"}", "kind: another one"},
        {"{\"v\":1,\"kind\":1}", "kind: another one"},
        {"{\"v\":2,\"kind\":\"share\"}", "v: unknown version"},
        {"{\"v\":1.0,\"kind\":\"share\"}", "v: unknown version"},
        {"{\"v\":1,\"kind\":\"share\",\"id\":\"0190a5b8-7e4a-7cc3-98c4-dc0c0c07398\"}",
         "id: no UUID"},
        {"{\"v\":1,\"kind\":\"share\",\"id\":\"4861640e-0d8e-8d73-8047-5e79196c5622\"}",
         "id: no UUID"},
        {"{\"v\":1,\"kind\":\"share\"," ID ",\"network\":\"a.b\"}", "network: no network's name"},
        {"{\"v\":1,\"kind\":\"share\"," ID ",\"network\":\"x\",\"received_us\":1}",
         "received_us: no time between 2020 and 2100"},
        {BEGIN HEADER "}", "origin: a text is missing"},
        {BEGIN "\"origin\":[]," HEADER "}", "origin: a text is missing"},
        {BEGIN ORIGIN "}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":80}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":[]}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":\"" ZEROS "\"}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":\"" ZEROS ZEROS "0\"}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":\"" ZEROS ZEROS "00\"}", "header: not 160 hexadecimal digits"},
        {BEGIN ORIGIN ",\"header\":\"x" ZEROS
                      "0000000000000000000000000000000000000000000000000000000000000000000000000000"
                      "000\"}",
         "header: not 160 hexadecimal digits"},
    };
    struct share_message m = {.from = {.pid = 42}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *wrong = read_copy(cases[i].body, strlen(cases[i].body), &m);

        if (cases[i].wrong == NULL) {
            assert_null(wrong);
            share_message_clear(&m);
            m.from.pid = 42;
        } else {
            assert_non_null(wrong);
            assert_string_equal(wrong, cases[i].wrong);
            assert_int_equal(m.from.pid, 42); /* untouched */
        }
    }
}

static void test_too_long(void **state)
{
    char *body = mem_zalloc(SHARE_MAX_BODY + 2);
    struct share_message m;

    (void)state;
    memset(body, ' ', SHARE_MAX_BODY + 1);
    memcpy(body, WHOLE, strlen(WHOLE));
    assert_null(read_copy(body, SHARE_MAX_BODY, &m));
    share_message_clear(&m);
    assert_string_equal(read_copy(body, SHARE_MAX_BODY + 1, &m), "longer than any share");
    free(body);
}

static void test_route(void **state)
{
    static const char *const none[] = {"share.",
                                       "share",
                                       "solution.litecoin",
                                       "share.litecoin.large",
                                       "share.A",
                                       "shares.litecoin",
                                       "share.0123456789012345678901234567890123"};
    static const char longest[] = "01234567890123456789012345678901";
    char route[SOLUTION_ROUTE_SIZE], network[NETWORK_MAX_NAME + 1];

    (void)state;
    share_route("litecoin-b", route);
    assert_string_equal(route, "share.litecoin-b");
    assert_true(share_route_network(route, network));
    assert_string_equal(network, "litecoin-b");
    share_route(longest, route);
    assert_true(share_route_network(route, network));
    assert_string_equal(network, longest);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(share_route_network(none[i], network));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_longest),
        cmocka_unit_test(test_build_refused), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_too_long),      cmocka_unit_test(test_route),
    };

    return cmocka_run_group_tests_name("share_message", tests, NULL, NULL);
}
