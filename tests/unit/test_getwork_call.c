/* frontend/getwork: calls as miners send them, and as they do not. */
#include "frontend/getwork/call.h"

#include "common/base/mem.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static json_t *vectors;

static enum call_error read_text(const char *text, struct call *ret)
{
    return call_read(text, strlen(text), ret);
}

static void takes(const char *text, enum call_method method, const char *id)
{
    struct call c;

    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_int_equal(c.method, method);
    assert_string_equal(c.id, id);
}

static void test_work(void **state)
{
    (void)state;
    takes("{\"method\": \"getwork\", \"params\": [], \"id\":0}\r\n", CALL_GETWORK, "0");
    takes("{\"method\":\"getwork\"}", CALL_GETWORK, "null");
    takes("{\"method\":\"getwork\",\"params\":null,\"id\":null}", CALL_GETWORK, "null");
    takes("{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"x\":[{}],\"method\":\"getwork\"}", CALL_GETWORK,
          "\"a\\\"b\"");
}

static void test_ids(void **state)
{
    char *longest = mem_sprintf("{\"method\":\"getwork\",\"id\":\"%064d\"}", 0);
    char *longer = mem_sprintf("{\"method\":\"getwork\",\"id\":\"%065d\"}", 0);
    struct call c;

    (void)state;
    takes("{\"method\":\"getwork\",\"id\":1.5}", CALL_GETWORK, "1.5");
    takes("{\"method\":\"getwork\",\"id\":true}", CALL_GETWORK, "true");
    takes("{\"method\":\"getwork\",\"id\":-9007199254740993}", CALL_GETWORK, "-9007199254740993");
    takes("{\"method\":\"getwork\",\"id\":[1]}", CALL_GETWORK, "null");
    takes("{\"method\":\"getwork\",\"id\":{\"a\":1}}", CALL_GETWORK, "null");
    takes("{\"method\":\"getwork\",\"id\":\"\\u00e9\"}", CALL_GETWORK, "\"\\u00E9\"");
    assert_int_equal(read_text(longest, &c), CALL_OK);
    assert_int_equal(strlen(c.id), CALL_MAX_ID);
    takes(longer, CALL_GETWORK, "null");
    free(longest), free(longer);
}

/* V3 is what minerd sent. */
static void test_share(void **state)
{
    const json_t *v = vectors_named(vectors, "getwork", "V3");
    const char *data = vectors_text(v, "submitted"), *hex = vectors_text(v, "header");
    char *text =
        mem_sprintf("{\"method\": \"getwork\", \"params\": [ \"%s\" ], \"id\":1}\r\n", data);
    uint8_t header[HEADER_SIZE];
    struct call c;

    (void)state;
    assert_true(hex_decode(hex, 2 * HEADER_SIZE, header));
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_int_equal(c.method, CALL_SUBMIT_WORK);
    assert_true(c.form);
    assert_memory_equal(c.header, header, HEADER_SIZE);
    free(text);
    takes("{\"method\":\"getwork\",\"params\":[\"\"],\"id\":4}", CALL_SUBMIT_WORK, "4");
    assert_int_equal(read_text("{\"method\":\"getwork\",\"params\":[\"00\"]}", &c), CALL_OK);
    assert_false(c.form);
}

static void test_template(void **state)
{
    struct call c;

    (void)state;
    assert_int_equal(read_text("{\"method\": \"getblocktemplate\", \"params\": [{\"capabilities\": "
                               "[\"coinbasetxn\", \"coinbasevalue\", \"longpoll\", \"workid\"], "
                               "\"rules\": [\"segwit\"], \"longpollid\": \"abc\"}], \"id\":0}\r\n",
                               &c),
                     CALL_OK);
    assert_int_equal(c.method, CALL_TEMPLATE);
    assert_true(c.segwit);
    assert_string_equal(c.longpollid, "abc");
    assert_int_equal(
        read_text("{\"method\":\"getblocktemplate\",\"params\":[{\"rules\":[7,\"mweb\","
                  "\"!segwit\"]}]}",
                  &c),
        CALL_OK);
    assert_true(c.segwit);
    assert_int_equal(
        read_text("{\"method\":\"getblocktemplate\",\"params\":[{\"mode\":\"template\"}]}", &c),
        CALL_OK);
    assert_false(c.segwit);
    assert_string_equal(c.longpollid, "");
    takes("{\"method\":\"getblocktemplate\",\"params\":[]}", CALL_TEMPLATE, "null");
    takes("{\"method\":\"getblocktemplate\",\"params\":[null]}", CALL_TEMPLATE, "null");
    takes("{\"method\":\"getblocktemplate\",\"params\":[{\"mode\":\"proposal\",\"data\":\"00\"}],"
          "\"id\":9}",
          CALL_PROPOSAL, "9");
    char *text =
        mem_sprintf("{\"method\":\"getblocktemplate\",\"params\":[{\"longpollid\":\"%0*d\"}]}",
                    CALL_MAX_LONGPOLLID + 1, 0);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_string_equal(c.longpollid, "");
    free(text);
}

static void test_block(void **state)
{
    char hex[2 * HEADER_SIZE + 1], text[512];
    uint8_t header[HEADER_SIZE];
    struct call c;

    (void)state;
    for (size_t i = 0; i < HEADER_SIZE; i++)
        header[i] = (uint8_t)(i + 1);
    hex_encode(header, HEADER_SIZE, hex);
    snprintf(
        text, sizeof text,
        "{\"method\": \"submitblock\", \"params\": [\"%s01ff\", {\"workid\": \"x\"}], \"id\":1}",
        hex);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_int_equal(c.method, CALL_SUBMIT_BLOCK);
    assert_true(c.form);
    assert_memory_equal(c.header, header, HEADER_SIZE);
    snprintf(text, sizeof text, "{\"method\":\"submitblock\",\"params\":[\"%s\",null]}", hex);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_true(c.form);
    snprintf(text, sizeof text, "{\"method\":\"submitblock\",\"params\":[\"%.158s\"]}", hex);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_false(c.form);
    snprintf(text, sizeof text, "{\"method\":\"submitblock\",\"params\":[\"%s0\"]}", hex);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_false(c.form);
    hex[17] = 'x';
    snprintf(text, sizeof text, "{\"method\":\"submitblock\",\"params\":[\"%s\"]}", hex);
    assert_int_equal(read_text(text, &c), CALL_OK);
    assert_false(c.form);
}

static void test_errors(void **state)
{
    static const struct {
        const char *text;
        enum call_error e;
    } bad[] = {
        {"", CALL_NO_JSON},
        {"nonsense", CALL_NO_JSON},
        {"{\"method\":\"getwork\"", CALL_NO_JSON},
        {"{\"method\":\"getwork\"}x", CALL_NO_JSON},
        {"{\"method\":\"getwork\",\"id\":\"\\u0000\"}", CALL_NO_JSON},
        {"\xff", CALL_NO_JSON},
        {"7", CALL_NO_CALL},
        {"null", CALL_NO_CALL},
        {"\"getwork\"", CALL_NO_CALL},
        {"{}", CALL_NO_CALL},
        {"{\"method\":7}", CALL_NO_CALL},
        {"[]", CALL_BATCH},
        {"[{\"method\":\"getwork\"}]", CALL_BATCH},
        {"{\"method\":\"stop\"}", CALL_UNKNOWN},
        {"{\"method\":\"\"}", CALL_UNKNOWN},
        {"{\"method\":\"GetWork\"}", CALL_UNKNOWN},
        {"{\"method\":\"getwork\",\"params\":{}}", CALL_PARAMS},
        {"{\"method\":\"getwork\",\"params\":\"x\"}", CALL_PARAMS},
        {"{\"method\":\"getwork\",\"params\":[7]}", CALL_PARAMS},
        {"{\"method\":\"getwork\",\"params\":[null]}", CALL_PARAMS},
        {"{\"method\":\"getwork\",\"params\":[\"a\",\"b\"]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[7]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[{},{}]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[{\"mode\":\"x\"}]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[{\"mode\":7}]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[{\"rules\":\"segwit\"}]}", CALL_PARAMS},
        {"{\"method\":\"getblocktemplate\",\"params\":[{\"longpollid\":7}]}", CALL_PARAMS},
        {"{\"method\":\"submitblock\"}", CALL_PARAMS},
        {"{\"method\":\"submitblock\",\"params\":[]}", CALL_PARAMS},
        {"{\"method\":\"submitblock\",\"params\":[7]}", CALL_PARAMS},
        {"{\"method\":\"submitblock\",\"params\":[\"00\",7]}", CALL_PARAMS},
        {"{\"method\":\"submitblock\",\"params\":[\"00\",{},{}]}", CALL_PARAMS},
    };
    struct call c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_text(bad[i].text, &c) != bad[i].e)
            fail_msg("%s", bad[i].text);
        assert_int_not_equal(call_errors[bad[i].e].code, 0);
    }
    assert_int_equal(read_text("{\"method\":\"stop\",\"id\":7}", &c), CALL_UNKNOWN);
    assert_string_equal(c.id, "7");
    assert_int_equal(call_read("{\"method\":\"getwork\"}\0", 21, &c), CALL_NO_JSON);
}

static void bomb(const char *open, size_t n, enum call_error e)
{
    size_t len = strlen(open);
    char *text = mem_zalloc(n * len + 1);
    struct call c;

    for (size_t i = 0; i < n; i++)
        memcpy(text + i * len, open, len);
    assert_int_equal(call_read(text, n * len, &c), e);
    free(text);
}

static void test_bombs(void **state)
{
    (void)state;
    bomb("[", CALL_MAX_DEPTH, CALL_NO_JSON);
    bomb("[", CALL_MAX_DEPTH + 1, CALL_TOO_DEEP);
    bomb("[", 5000000, CALL_TOO_DEEP);
    bomb("{\"a\":", 2000000, CALL_TOO_DEEP);
    bomb("1,", 5000000, CALL_TOO_DEEP);
    bomb("\"", 5000001, CALL_NO_JSON);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work),  cmocka_unit_test(test_ids),
        cmocka_unit_test(test_share), cmocka_unit_test(test_template),
        cmocka_unit_test(test_block), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_bombs),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("getwork_call", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
