#include "common/message/solution.h"

#include "common/message/json_bound.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SIXTEEN "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p"

/* From a heap copy without a NUL behind it; the fields are then compared while it lives. */
static uint8_t *split_copy(const char *text, struct text field[SOLUTION_FIELDS], bool *ret_ok)
{
    uint8_t *copy = bytes_copy((const uint8_t *)text, strlen(text));

    *ret_ok = solution_split((const char *)copy, strlen(text), field);
    return copy;
}

static bool splits(const char *text)
{
    struct text field[SOLUTION_FIELDS];
    bool ok;

    free(split_copy(text, field, &ok));
    return ok;
}

static void assert_field(const struct text *field, const char *want)
{
    assert_int_equal(field->len, strlen(want));
    assert_memory_equal(field->p, want, field->len);
}

static void test_split(void **state)
{
    struct text field[SOLUTION_FIELDS];
    uint8_t *copy;
    bool ok;

    (void)state;
    copy = split_copy(" a ,\tb,c c,,\"\\,f,g,h,i,j,k,l,m,n,00ff, 01 \r\n", field, &ok);
    assert_true(ok);
    assert_field(&field[SOLUTION_BLOCK_HASH], "a");
    assert_field(&field[SOLUTION_BLOCK_TIME], "b");
    assert_field(&field[SOLUTION_PREV_BLOCK_TIME], "c c");
    assert_field(&field[SOLUTION_PREV_HEIGHT], "");
    assert_field(&field[SOLUTION_POW_HASH], "\"\\");
    assert_field(&field[SOLUTION_BLOCK_HEX], "00ff");
    assert_field(&field[SOLUTION_TRANSACTION_HEX], "01");
    free(copy);
}

/* Fields are looked at eight bytes at a time. */
static void test_every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t place = 0; place < len; place++) {
            for (int byte = 1; byte < 256; byte++) {
                char text[64];
                int head = snprintf(text, sizeof(text), "%.*s,,,,,,,,,,,,,,,", (int)len + 2,
                                    "a~ ~ ~ ~ ~ ~ ~ ~ ~ ~ a");
                text[1 + place] = (char)byte;
                text[1 + len] = 'z';
                assert_true(head > 0);
                bool fits = byte >= 0x20 && byte <= 0x7e && byte != ',';
                assert_int_equal(splits(text), fits);
            }
        }
    }
}

static void test_split_refused(void **state)
{
    (void)state;
    assert_true(splits(SIXTEEN));
    assert_true(splits(",,,,,,,,,,,,,,,"));
    assert_true(splits(" , , , , , , , , , , , , , , , "));
    assert_false(splits(""));
    assert_false(splits("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o")); /* 15 */
    assert_false(splits(SIXTEEN ",q"));                    /* 17 */
    assert_false(splits(SIXTEEN ","));
    assert_false(splits("a\x7f,,,,,,,,,,,,,,,"));
    assert_false(splits("a\x01z,,,,,,,,,,,,,,,"));
    assert_false(splits("a\tz,,,,,,,,,,,,,,,"));
    assert_false(splits("\xc3\xa4,,,,,,,,,,,,,,,"));
    assert_false(
        solution_split(SIXTEEN "\0", sizeof(SIXTEEN), (struct text[SOLUTION_FIELDS]){{0}}));
}

/* A message as a frontend makes it. */
static struct solution_message sample(void)
{
    struct solution_message m = {
        .network = "litecoin-b",
        .received_us = INT64_C(1764000000123456),
        .host = "front1",
        .ip = "2001:db8::1",
        .agent = "1.0.8.3 \"x\\y\"",
        .os = "LIN",
        .miner = "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe/W\xc3\xb6rker",
        .pid = 4711,
    };

    for (size_t i = 0; i < sizeof(m.id.b); i++)
        m.id.b[i] = (uint8_t)(i * 17);
    assert_true(solution_split("hash,1,2,3,pow,guid,work,0,10,20,1769512,1518037739857,"
                               "1518041527556,7,00aabb,\"\\</script>",
                               strlen("hash,1,2,3,pow,guid,work,0,10,20,1769512,1518037739857,"
                                      "1518041527556,7,00aabb,\"\\</script>"),
                               m.field));
    return m;
}

static const char *read_copy(const char *body, size_t len, struct solution_message *ret)
{
    uint8_t *copy = bytes_copy((const uint8_t *)body, len);
    const char *wrong = solution_read((const char *)copy, len, ret);

    if (wrong == NULL)
        solution_message_keep(ret);
    free(copy);
    return wrong;
}

static void test_route(void **state)
{
    char route[SOLUTION_ROUTE_SIZE], network[NETWORK_MAX_NAME + 1];
    static const char longest[] = "abcdefghijklmnopqrstuvwxyz-01234";
    static const char *const none[] = {"",
                                       "solution",
                                       "solution.",
                                       "solution..large",
                                       "share.a",
                                       "solution.a.x",
                                       "solution.a.large.x",
                                       "solution.a.",
                                       "xsolution.a",
                                       "solution.abcdefghijklmnopqrstuvwxyz-012345"};

    (void)state;
    assert_int_equal(solution_way(0), SOLUTION_SMALL);
    assert_int_equal(solution_way(65536), SOLUTION_SMALL);
    assert_int_equal(solution_way(65537), SOLUTION_LARGE);
    solution_route("litecoin-b", SOLUTION_SMALL, route);
    assert_string_equal(route, "solution.litecoin-b");
    solution_route("litecoin-b", SOLUTION_LARGE, route);
    assert_string_equal(route, "solution.litecoin-b.large");
    assert_true(solution_route_network(route, network));
    assert_string_equal(network, "litecoin-b");
    solution_route(longest, SOLUTION_LARGE, route);
    assert_int_equal(strlen(route), sizeof(route) - 1);
    assert_true(solution_route_network(route, network));
    assert_string_equal(network, longest);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_false(solution_route_network(none[i], network));
}

static void test_round_trip(void **state)
{
    struct solution_message in = sample(), out;
    size_t len;
    char *body = solution_build(&in, &len);

    (void)state;
    assert_non_null(body);
    assert_int_equal(len, strlen(body));
    assert_null(read_copy(body, len, &out));
    assert_true(uuid_equal(&in.id, &out.id));
    assert_string_equal(out.network, in.network);
    assert_true(out.received_us == in.received_us);
    assert_string_equal(out.host, in.host);
    assert_string_equal(out.ip, in.ip);
    assert_string_equal(out.agent, in.agent);
    assert_string_equal(out.os, in.os);
    assert_string_equal(out.miner, in.miner);
    assert_true(out.pid == in.pid);
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        assert_int_equal(out.field[i].len, in.field[i].len);
        assert_memory_equal(out.field[i].p, in.field[i].p, in.field[i].len);
    }
    free(body);
    solution_message_clear(&out);
    assert_null(out.json);
}

static void assert_same(const struct solution_message *a, const struct solution_message *b)
{
    assert_true(uuid_equal(&a->id, &b->id));
    assert_string_equal(a->network, b->network);
    assert_true(a->received_us == b->received_us && a->pid == b->pid);
    assert_string_equal(a->host, b->host);
    assert_string_equal(a->ip, b->ip);
    assert_string_equal(a->agent, b->agent);
    assert_string_equal(a->os, b->os);
    assert_string_equal(a->miner, b->miner);
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        assert_int_equal(a->field[i].len, b->field[i].len);
        assert_memory_equal(a->field[i].p, b->field[i].p, a->field[i].len);
    }
}

/* The usual form is read apart: to the same end as the same message with a space in it. */
static void test_usual_form(void **state)
{
    struct solution_message in = sample(), usual, spaced;
    size_t len;

    (void)state;
    in.agent = "1.0.8.3";
    in.miner = "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe/rig 1";
    in.pid = 0;
    in.field[SOLUTION_TRANSACTION_HEX] = (struct text){"00ff", 4};
    in.field[SOLUTION_THREAD_ID] = (struct text){"", 0};
    char *body = solution_build(&in, &len);
    char *other = mem_sprintf("{ %s", body + 1);

    assert_null(read_copy(body, len, &usual));
    assert_null(read_copy(other, strlen(other), &spaced));
    assert_non_null(usual.copy);
    assert_non_null(spaced.json);
    assert_same(&usual, &in);
    assert_same(&usual, &spaced);
    solution_message_clear(&usual);
    solution_message_clear(&spaced);
    assert_null(usual.copy);
    free(other);
    free(body);
}

/* Such an id could not be stored: whoever sent it would stop the queue. */
static void test_id_that_cannot_be_stored(void **state)
{
    struct solution_message in = sample(), got;
    size_t len;

    (void)state;
    in.agent = in.miner = "x";
    in.field[SOLUTION_TRANSACTION_HEX] = (struct text){"00ff", 4};
    char *body = solution_build(&in, &len);
    char *version = strstr(body, "\"id\":\"") + strlen("\"id\":\"") + 14;

    assert_null(read_copy(body, len, &got));
    solution_message_clear(&got);
    *version = '8';
    assert_string_equal(read_copy(body, len, &got), "id: no UUID");
    free(body);
    in.id.b[6] = 0x80;
    assert_null(solution_build(&in, &len));
}

/* One byte of the usual form changed, in any way: read apart or not, what comes out is what jansson
 * makes of it. */
static void test_usual_form_changed(void **state)
{
    static const char with[] = {'\0', '\n', ' ', '"', '\\', ',', '0', ']', '}', '\x7f', '\x80'};
    struct solution_message in = sample();
    size_t len;

    (void)state;
    in.agent = in.miner = "x";
    in.field[SOLUTION_TRANSACTION_HEX] = (struct text){"00ff", 4};
    char *body = solution_build(&in, &len);

    for (size_t i = 1; i < len * sizeof(with); i++) {
        struct solution_message a, b;
        char was = body[i / sizeof(with)];

        body[i / sizeof(with)] = with[i % sizeof(with)];
        char *other = mem_zalloc(len + 2);
        memcpy(other + 1, body, len);
        other[0] = ' ';
        const char *wrong = read_copy(body, len, &a);
        const char *also = read_copy(other, len + 1, &b);

        assert_true((wrong == NULL) == (also == NULL));
        if (wrong == NULL) {
            assert_same(&a, &b);
            solution_message_clear(&a);
            solution_message_clear(&b);
        }
        free(other);
        body[i / sizeof(with)] = was;
    }
    free(body);
}

/* The form is a contract with other versions: fixed here, character by character. */
static void test_wire_form(void **state)
{
    static const char want[] =
        "{\"v\":1,\"kind\":\"solution\",\"id\":\"00112233-4455-6677-8899-aabbccddeeff\","
        "\"network\":\"litecoin-b\",\"received_us\":1764000000123456,"
        "\"origin\":{\"pid\":4711,\"host\":\"front1\",\"ip\":\"2001:db8::1\","
        "\"agent\":\"1.0.8.3 \\\"x\\\\y\\\"\",\"os\":\"LIN\","
        "\"miner\":\"mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe/W\xc3\xb6rker\"},"
        "\"solution\":[\"hash\",\"1\",\"2\",\"3\",\"pow\",\"guid\",\"work\",\"0\",\"10\",\"20\","
        "\"1769512\",\"1518037739857\",\"1518041527556\",\"7\",\"00aabb\","
        "\"\\\"\\\\</script>\"]}";
    struct solution_message m = sample();
    size_t len;
    char *body = solution_build(&m, &len);

    (void)state;
    assert_string_equal(body, want);
    free(body);
}

static bool builds(const struct solution_message *m)
{
    size_t len;
    char *body = solution_build(m, &len);
    const bool ok = body != NULL;

    free(body);
    return ok;
}

static void test_build_refused(void **state)
{
    struct solution_message m = sample();

    (void)state;
    assert_true(builds(&m));
    m.host = NULL;
    assert_true(builds(&m));
    m.agent = "bad \xff utf-8";
    assert_false(builds(&m));
    m = sample();
    m.field[3] = (struct text){"caf\xc3\xa9", 5};
    assert_false(builds(&m));
    m.field[3] = (struct text){"\0", 1};
    assert_false(builds(&m));
    m = sample();
    m.network = "";
    assert_false(builds(&m));
    m.network = "Litecoin";
    assert_false(builds(&m));
    m.network = "abcdefghijklmnopqrstuvwxyz0123456";
    assert_false(builds(&m));
    m = sample();
    m.received_us = 0;
    assert_false(builds(&m));
}

/* A long text of the origin is cut between characters, never a reason to lose the solution. */
static void test_origin_cut(void **state)
{
    struct solution_message m = sample(), out;
    char text[1000];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    text[sizeof(text) - 1] = '\0';
    m.miner = text;
    m.agent = text + 2 * 300; /* 399 bytes, the last of them half a character: cut off */
    char *body = solution_build(&m, &len);
    assert_non_null(body);
    assert_null(solution_read(body, len, &out));
    assert_int_equal(strlen(out.miner), 254);
    assert_memory_equal(out.miner, text, 254);
    assert_int_equal(strlen(out.agent), 254);
    solution_message_clear(&out);
    free(body);
}

static char *replaced(const char *body, const char *what, const char *with)
{
    const char *at = strstr(body, what);

    assert_non_null(at);
    return mem_sprintf("%.*s%s%s", (int)(at - body), body, with, at + strlen(what));
}

#define C16  "0123456789abcdef"
#define C64  C16 C16 C16 C16
#define C256 C64 C64 C64 C64

static void test_poison(void **state)
{
    static const struct {
        const char *what, *with;
    } rows[] = {
        {"\"v\":1,", ""},
        {"\"v\":1", "\"v\":2"},
        {"\"v\":1", "\"v\":\"1\""},
        {"\"v\":1", "\"v\":1.0"},
        {"\"v\":1", "\"v\":1,\"v\":1"}, /* twice */
        {"\"kind\":\"solution\"", "\"kind\":\"share\""},
        {"\"kind\":\"solution\"", "\"kind\":null"},
        {"00112233-", "0011223-"},
        {"\"network\":\"litecoin-b\"", "\"network\":\"../etc\""},
        {"\"network\":\"litecoin-b\"", "\"network\":\"\""},
        {"\"network\":\"litecoin-b\"", "\"network\":\"litecoin\\u0000b\""},
        {"1764000000123456", "1577836799999999"},
        {"1764000000123456", "4102444800000000"},
        {"1764000000123456", "-1764000000123456"},
        {"1764000000123456", "1.764e15"},
        {"1764000000123456", "99999999999999999999"},
        {"1764000000123456", "\"1764000000123456\""},
        {"\"pid\":4711", "\"pid\":\"4711\""},
        {"\"pid\":4711,", ""},
        {"\"host\":\"front1\"", "\"host\":7"},
        {"\"os\":\"LIN\",", ""},
        {"\"origin\":{", "\"origin\":[],\"x\":{"},
        {"\"hash\",", ""},
        {"\"hash\",", "\"hash\",\"more\","},
        {"\"os\":\"LIN\"", "\"os\":\"" C256 "\""},
        {"\"hash\"", "1"},
        {"\"hash\"", "\"h\\u00e4sh\""},
        {"\"hash\"", "\"h\\nsh\""},
        {"\"hash\"", "[[\"hash\"]]"}, /* deeper than 3 */
        {"\"solution\":[", "\"solution\":null,\"x\":["},
        {"]}", "]}x"},
        {"]}", "]"},
        {"{\"v\"", "[{\"v\""},
    };
    struct solution_message m = sample(), out, before;
    size_t len;
    char *body = solution_build(&m, &len);

    (void)state;
    memset(&out, 0x5a, sizeof(out));
    before = out;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *bad = replaced(body, rows[i].what, rows[i].with);

        assert_non_null(read_copy(bad, strlen(bad), &out));
        assert_memory_equal(&out, &before, sizeof(out));
        free(bad);
    }
    for (size_t n = 0; n < len; n++)
        assert_non_null(read_copy(body, n, &out));
    free(body);
}

/* What a later version may add is passed over, as long as it stays within the bounds. */
static void test_unknown_members(void **state)
{
    struct solution_message m = sample(), out;
    size_t len;
    char *body = solution_build(&m, &len);
    char *more = replaced(body, "\"v\":1", "\"new\":{\"a\":[1,2.5,\"{[\\\"\"]},\"v\":1");
    char *deep = replaced(body, "\"v\":1", "\"new\":{\"a\":[[]]},\"v\":1");

    (void)state;
    assert_null(read_copy(more, strlen(more), &out));
    solution_message_clear(&out);
    assert_non_null(read_copy(deep, strlen(deep), &out));
    free(more);
    free(deep);
    free(body);
}

/* A hostile message may be as long as the bound: it is refused before anything is built of it. */
static void test_bombs(void **state)
{
    struct solution_message out;
    char *bomb = mem_zalloc(SOLUTION_MAX_BODY + 1);

    (void)state;
    memset(bomb, '[', SOLUTION_MAX_BODY + 1);
    assert_string_equal(solution_read(bomb, SOLUTION_MAX_BODY, &out),
                        "JSON nested too deep or of too many values");
    assert_string_equal(solution_read(bomb, SOLUTION_MAX_BODY + 1, &out),
                        "longer than any solution");
    for (size_t i = 1; i + 1 < SOLUTION_MAX_BODY; i += 2)
        memcpy(bomb + i, "1,", 2);
    assert_string_equal(solution_read(bomb, SOLUTION_MAX_BODY, &out),
                        "JSON nested too deep or of too many values");
    memset(bomb, '\\', SOLUTION_MAX_BODY);
    memcpy(bomb, "[\"", 2);
    assert_string_equal(solution_read(bomb, SOLUTION_MAX_BODY, &out), "not JSON");
    free(bomb);
}

/* The hex of a 4 MB block fits; a message beyond the bound is not built. */
static void test_large(void **state)
{
    struct solution_message m = sample(), out;
    const size_t most = 8u * 1000 * 1000;
    char *hex = mem_zalloc(SOLUTION_MAX_BODY);
    size_t len;

    (void)state;
    memset(hex, 'a', SOLUTION_MAX_BODY);
    m.field[SOLUTION_BLOCK_HEX] = (struct text){hex, most};
    char *body = solution_build(&m, &len);
    assert_non_null(body);
    assert_null(solution_read(body, len, &out));
    assert_int_equal(out.field[SOLUTION_BLOCK_HEX].len, most);
    solution_message_clear(&out);
    free(body);
    m.field[SOLUTION_BLOCK_HEX].len = SOLUTION_MAX_BODY;
    assert_false(builds(&m));
    free(hex);
}

static void test_json_within(void **state)
{
    static const struct {
        const char *text;
        unsigned depth, values;
        bool ok;
    } rows[] = {
        {"", 0, 1, true},
        {"1", 0, 1, true},
        {"[]", 0, 9, false},
        {"[[]]", 2, 9, true},
        {"[[]]", 1, 9, false},
        {"[1,2,3]", 1, 4, true},
        {"[1,2,3]", 1, 3, false},
        {"[[],[],[]]", 2, 9, true},
        {"\"[[[[,,,,\"", 0, 1, true},
        {"\"\\\"[[[\"", 0, 1, true},   /* an escaped quote */
        {"\"\\\\\"[", 0, 9, false},    /* an escaped backslash, then the end */
        {"\"\\\\\\\"[\"", 0, 1, true}, /* both */
        {"\"[[[[", 0, 1, true},        /* never closed: not JSON, and harmless */
        {"]]]][", 1, 2, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t len = strlen(rows[i].text);
        uint8_t *copy = bytes_copy((const uint8_t *)rows[i].text, len);

        assert_int_equal(json_within((const char *)copy, len, rows[i].depth, rows[i].values),
                         rows[i].ok);
        free(copy);
    }
}

static void test_number(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1.5", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct text field = {rows[i].text, strlen(rows[i].text)};
        uint64_t x = 5;

        assert_int_equal(solution_number(&field, &x), rows[i].ok);
        assert_true(x == rows[i].value);
    }
}

static void test_hash_rate(void **state)
{
    static const struct {
        const char *hashes, *start, *end;
        uint64_t rate;
    } rows[] = {
        {"1769512", "1518037739857", "1518041527556", 467}, /* the protocol document's example */
        {"1", "0", "1", 1000},
        {"1", "5", "5", 0}, /* no interval */
        {"1", "6", "5", 0},
        {"x", "1", "5", 0},
        {"1", "", "5", 0},
        {"18446744073709551615", "0", "1", 0}, /* more than 64 bits */
        {"18446744073709551615", "0", "1000", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct solution_message m = sample();

        m.field[SOLUTION_HASH_COUNTER] = (struct text){rows[i].hashes, strlen(rows[i].hashes)};
        m.field[SOLUTION_TIMER_START] = (struct text){rows[i].start, strlen(rows[i].start)};
        m.field[SOLUTION_TIMER_END] = (struct text){rows[i].end, strlen(rows[i].end)};
        assert_true(solution_hash_rate(&m) == rows[i].rate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_every_byte_at_every_place),
        cmocka_unit_test(test_split_refused),
        cmocka_unit_test(test_route),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_wire_form),
        cmocka_unit_test(test_usual_form),
        cmocka_unit_test(test_usual_form_changed),
        cmocka_unit_test(test_id_that_cannot_be_stored),
        cmocka_unit_test(test_build_refused),
        cmocka_unit_test(test_origin_cut),
        cmocka_unit_test(test_poison),
        cmocka_unit_test(test_unknown_members),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_json_within),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_hash_rate),
    };
    return cmocka_run_group_tests_name("solution", tests, NULL, NULL);
}
