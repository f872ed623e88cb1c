/* Writers of JSON and HTML, amounts, query strings, and the head of an answer. */
#include "common/base/mem.h"
#include "frontend/web/amount.h"
#include "frontend/web/answer.h"
#include "frontend/web/html.h"
#include "frontend/web/query.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* --- amounts --- */

static void test_amounts(void **state)
{
    static const struct {
        int64_t units;
        unsigned decimals;
        const char *text;
    } cases[] = {
        {0, 8, "0"},
        {1, 8, "0.00000001"},
        {-1, 8, "-0.00000001"},
        {150000000, 8, "1.5"},
        {100000000, 8, "1"},
        {-2100000000000000, 8, "-21000000"},
        {10, 1, "1"},
        {1000, 0, "1000"},
        {INT64_MAX, 8, "92233720368.54775807"},
        {INT64_MIN, 8, "-92233720368.54775808"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MAX, 18, "9.223372036854775807"},
        {INT64_MIN, 18, "-9.223372036854775808"},
    };
    char text[AMOUNT_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        amount_text(cases[i].units, cases[i].decimals, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* --- JSON --- */

static void test_json(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct jsonw j = JSONW_INIT(&b);

    (void)state;
    jsonw_object_begin(&j, NULL);
    jsonw_uint(&j, "u", UINT64_MAX);
    jsonw_bool(&j, "b", true);
    jsonw_array_begin(&j, "a");
    jsonw_null(&j, NULL);
    jsonw_object_begin(&j, NULL);
    jsonw_object_end(&j);
    jsonw_text(&j, NULL, NULL);
    jsonw_array_end(&j);
    jsonw_amount(&j, "m", INT64_MAX, 8);
    jsonw_time(&j, "t", "2026-01-31 12:00:00.123456");
    jsonw_time(&j, "n", NULL);
    jsonw_object_end(&j);
    assert_false(j.full);
    assert_string_equal(b.data, "{\"u\":18446744073709551615,\"b\":true,\"a\":[null,{},null],"
                                "\"m\":92233720368.54775807,\"t\":\"2026-01-31T12:00:00.123456Z\","
                                "\"n\":null}");
    buf_free(&b);
}

/* Every character comes back from a reader as it was, as a text and as a key; none that means
 * something in HTML is there as itself. */
static void test_json_escapes(void **state)
{
    char all[128 + 8] = "";
    struct buf b = BUF_INIT(10000);
    struct jsonw j = JSONW_INIT(&b);

    (void)state;
    for (char c = 1; c < 127; c++)
        all[strlen(all)] = c;
    strcat(all, "\x7f\xc3\xa4\xe2\x82\xac");
    jsonw_object_begin(&j, NULL);
    jsonw_text(&j, all, all);
    jsonw_object_end(&j);
    assert_null(strpbrk(b.data, "<>&\n\t\x7f"));
    json_t *read = json_loads(b.data, 0, NULL);
    assert_non_null(read);
    assert_string_equal(json_string_value(json_object_get(read, all)), all);
    json_decref(read);
    buf_free(&b);
}

static void test_json_reals(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {1.5, "1.5"},
                 {100, "100"},
                 {0.0000001, "0"},
                 {1e15, "1000000000000000"},
                 {NAN, "0"},
                 {INFINITY, "0"},
                 {1.0 / 3, "0.333333"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = BUF_INIT(1000);
        struct jsonw j = JSONW_INIT(&b);

        jsonw_real(&j, NULL, cases[i].value);
        assert_string_equal(b.data, cases[i].text);
        buf_free(&b);
    }
}

static void test_json_bound(void **state)
{
    struct buf b = BUF_INIT(20);
    struct jsonw j = JSONW_INIT(&b);

    (void)state;
    jsonw_array_begin(&j, NULL);
    for (int i = 0; i < 100; i++)
        jsonw_text(&j, NULL, "text");
    jsonw_array_end(&j);
    assert_true(j.full);
    assert_true(b.len <= 20);
    buf_free(&b);
}

/* --- HTML --- */

static void test_html(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct html h = HTML_INIT(&b);

    (void)state;
    html_raw(&h, "<td title=\"");
    html_text(&h, "\"><script>alert('x')</script>&`\x01\x7f\xc3\xa4\n");
    html_raw(&h, "\">");
    html_uint(&h, UINT64_MAX);
    html_raw(&h, " ");
    html_amount(&h, -150000000, 8);
    html_text(&h, NULL);
    assert_string_equal(b.data,
                        "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
                        "&amp;&#96;??\xc3\xa4\n\">18446744073709551615 -1.5");
    assert_false(h.full);
    for (int i = 0; i < 1000; i++)
        html_text(&h, "<");
    assert_true(h.full);
    buf_free(&b);
}

/* --- query strings --- */

static bool ask(const char *query, uint64_t max, uint64_t *ret)
{
    char *variable = mem_sprintf("QUERY_STRING=%s", query);
    const struct request rq = {.env = (char *[]){variable, NULL}};
    bool good = query_uint(&rq, "page", 7, max, ret);

    free(variable);
    return good;
}

static void test_query(void **state)
{
    static const struct {
        const char *query;
        uint64_t value;
    } good[] = {{"", 7},        {"page=0", 0},    {"PAGE=12", 12},   {"a=b&page=3", 3},
                {"pages=9", 7}, {"page", 7},      {"page=5&", 5},    {"&&page=5", 5},
                {"xpage=9", 7}, {"page=0007", 7}, {"page=100", 100}, {"a=page=9", 7}};
    static const char *const bad[] = {"page=",
                                      "page=-1",
                                      "page=1x",
                                      "page=101",
                                      "page=%31",
                                      "page=1.0",
                                      "page=+1",
                                      "page= 1",
                                      "page=1&page=1",
                                      "page=99999999999999999999999999",
                                      "page=18446744073709551617"};
    const struct request none = {.env = (char *[]){NULL}};
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(ask(good[i].query, 100, &value));
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ask(bad[i], 100, &value));
    assert_true(ask("page=18446744073709551615", UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(ask("page=18446744073709551616", UINT64_MAX, &value));
    assert_true(ask("page=0", 0, &value));
    assert_false(ask("page=1", 0, &value));
    assert_true(query_uint(&none, "page", 7, 100, &value));
}

static void test_pages(void **state)
{
    static const struct {
        const char *query;
        bool good;
        uint64_t offset, size;
    } cases[] = {{"QUERY_STRING=", true, 0, PAGE_DEFAULT_SIZE},
                 {"QUERY_STRING=page=2&pageSize=100", true, 200, 100},
                 {"QUERY_STRING=page=1000&pageSize=1", true, 1000, 1},
                 {"QUERY_STRING=page=1001", false, 0, 0},
                 {"QUERY_STRING=pageSize=0", false, 0, 0},
                 {"QUERY_STRING=pageSize=101", false, 0, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct request rq = {.env = (char *[]){(char *)cases[i].query, NULL}};
        struct page page;

        assert_int_equal(query_page(&rq, &page), cases[i].good);
        if (!cases[i].good)
            continue;
        assert_int_equal(page.offset, cases[i].offset);
        assert_int_equal(page.size, cases[i].size);
    }
}

/* --- answers --- */

static struct reply answer(struct service *s, const char *text, char *if_none_match)
{
    const struct request rq = {.env = (char *[]){if_none_match, NULL}};
    struct reply reply = REPLY_INIT;
    struct jsonw j = answer_json(&reply);

    jsonw_text(&j, NULL, text);
    answer_json_end(s, &rq, &reply, &j, 30);
    return reply;
}

static void test_query_text(void **state)
{
    static const struct {
        const char *query, *text; /* NULL: refused */
    } cases[] = {
        {"", ""},
        {"a=abc", "abc"},
        {"A=abc", "abc"},
        {"x=1&a=b+c&y", "b c"},
        {"a=%41%4a%4A", "AJJ"},
        {"a=%C3%A4%3Cb%3E", "\xc3\xa4<b>"},
        {"a=1234567", "1234567"},
        {"a=12345678", NULL},
        {"a=%00", NULL},
        {"a=%", NULL},
        {"a=%4", NULL},
        {"a=%4&b=1", NULL},
        {"a=%zz", NULL},
        {"a=%-1", NULL},
        {"a=1&a=1", NULL},
        {"ab=1", ""},
        {"a", ""},
        {"a=", ""},
    };
    char text[8];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *variable = mem_sprintf("QUERY_STRING=%s", cases[i].query);
        const struct request rq = {.env = (char *[]){variable, NULL}};
        bool good = query_text(&rq, "a", text, sizeof text);

        assert_int_equal(good, cases[i].text != NULL);
        if (good)
            assert_string_equal(text, cases[i].text);
        free(variable);
    }
}

static void head_is(const struct reply *reply, const char *expected)
{
    char head[REPLY_HEAD_SIZE];
    size_t len = reply_head(reply, head);

    assert_int_equal(len, strlen(expected));
    assert_memory_equal(head, expected, len);
}

static void test_etags(void **state)
{
    struct service s = {.pid = 1};
    struct reply a = answer(&s, "a", NULL), b = answer(&s, "b", NULL);
    char *same = mem_sprintf("HTTP_IF_NONE_MATCH=\"x\", %s", a.etag);
    char *weak = mem_sprintf("HTTP_IF_NONE_MATCH=W/%s", a.etag);
    char *tags[] = {same, weak, "HTTP_IF_NONE_MATCH=*"};

    (void)state;
    assert_int_equal(a.status, 200);
    assert_int_equal(strlen(a.etag), 26);
    assert_string_not_equal(a.etag, b.etag);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        struct reply again = answer(&s, "a", tags[i]);

        assert_int_equal(again.status, 304);
        assert_int_equal(again.body.len, 0);
        assert_string_equal(again.etag, a.etag);
        buf_free(&again.body);
    }
    struct reply other = answer(&s, "b", same);
    assert_int_equal(other.status, 200);
    buf_free(&other.body);
    buf_free(&a.body);
    buf_free(&b.body);
    free(same);
    free(weak);
}

static void test_heads(void **state)
{
    struct reply plain = REPLY_INIT, kept = REPLY_INIT, known = REPLY_INIT;

    (void)state;
    plain.status = 405;
    plain.allow = "POST";
    head_is(&plain, "Status: 405\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 0\r\n"
                    "Allow: POST\r\nCache-Control: no-store\r\n\r\n");
    kept.public = true;
    kept.max_age_s = 30;
    kept.content_type = "application/json; charset=utf-8";
    strcpy(kept.etag, "\"x\"");
    head_is(&kept, "Status: 200\r\nContent-Type: application/json; charset=utf-8\r\n"
                   "Content-Length: 0\r\nETag: \"x\"\r\nAccess-Control-Allow-Origin: *\r\n"
                   "Cache-Control: public, max-age=30\r\n\r\n");
    known.status = 304;
    known.max_age_s = 1;
    head_is(&known, "Status: 304\r\nCache-Control: public, max-age=1\r\n\r\n");
}

static void test_errors(void **state)
{
    struct service s = {.pid = 1};
    struct reply reply = answer(&s, "half of it", NULL);

    (void)state;
    answer_error(&s, &reply, 404, "unknown", "It is \"not\" there");
    assert_int_equal(reply.status, 404);
    assert_int_equal(reply.max_age_s, 0);
    assert_string_equal(reply.etag, "");
    assert_string_equal(reply.body.data, "{\"error\":{\"code\":\"unknown\",\"message\":"
                                         "\"It is \\u0022not\\u0022 there\"}}");
    assert_int_equal(s.refusals.n, 1);
    buf_free(&reply.body);
}

static void test_page_heads(void **state)
{
    struct reply reply = REPLY_INIT;
    char head[REPLY_HEAD_SIZE];

    (void)state;
    reply_head(&reply, head);
    assert_null(strstr(head, "Content-Security-Policy")); /* what miners get is short */
    reply.page = true;
    memset(reply.location, 'x', sizeof reply.location - 1);
    memset(reply.file_name, 'x', sizeof reply.file_name - 1);
    reply.status = 405;
    reply.allow = "GET, HEAD";
    reply.public = true;
    memset(reply.etag, 'x', sizeof reply.etag - 1);
    reply_head(&reply, head); /* the longest there is */
    assert_non_null(strstr(head, "\r\nContent-Security-Policy: default-src 'none'; "));
    assert_null(strstr(head, "unsafe"));
    assert_non_null(strstr(head, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_string_equal(head + strlen(head) - 4, "\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts),      cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_escapes), cmocka_unit_test(test_json_reals),
        cmocka_unit_test(test_json_bound),   cmocka_unit_test(test_html),
        cmocka_unit_test(test_query),        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_query_text),   cmocka_unit_test(test_page_heads),
        cmocka_unit_test(test_etags),        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
