/* Requests out of a stream of bytes: however they are cut, whatever is wrong with them. */
#include "frontend/live/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char by_length[] = "POST /lp/litecoin?x=1 HTTP/1.1\r\nHost: pool\r\n"
                                "Authorization: Basic YTpi\r\nUser-Agent: cpuminer/2.5.1\r\n"
                                "X-Forwarded-For: 192.0.2.1\r\nContent-Length: 4\r\n\r\n{\"a\"";
/* As cpuminer-multi sends it: both headers, and the chunks count. */
static const char by_chunks[] = "POST /lp/litecoin HTTP/1.1\r\nHost: pool\r\n"
                                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
                                "Expect: 100-continue\r\nConnection: close\r\n\r\n"
                                "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

/* In pieces of SIZE bytes. */
static enum http_state feed(struct http_reader *r, const char *text, size_t size)
{
    enum http_state s = HTTP_READ_PART;

    for (size_t len = strlen(text), at = 0; at < len; at += size) {
        s = http_feed(r, text + at, size < len - at ? size : len - at);
        if (s == HTTP_READ_BAD)
            return s;
    }
    return s;
}

static void test_whole_and_in_pieces(void **state)
{
    (void)state;
    for (size_t size = 1; size <= sizeof by_length; size++) {
        struct http_reader *r = http_reader_new();

        assert_int_equal(feed(r, by_length, size), HTTP_READ_DONE);
        const struct http_ask *a = http_reader_ask(r);
        assert_string_equal(a->method, "POST");
        assert_string_equal(a->path, "/lp/litecoin");
        assert_string_equal(a->authorization, "Basic YTpi");
        assert_string_equal(a->agent, "cpuminer/2.5.1");
        assert_string_equal(a->forwarded, "192.0.2.1");
        assert_string_equal(a->body, "{\"a\"");
        assert_true(a->keep_alive && !a->expects);
        http_reader_free(&r);
    }
}

static void test_chunks_count(void **state)
{
    (void)state;
    for (size_t size = 1; size <= sizeof by_chunks; size++) {
        struct http_reader *r = http_reader_new();

        assert_int_equal(feed(r, by_chunks, size), HTTP_READ_DONE);
        assert_string_equal(http_reader_ask(r)->body, "abcde");
        assert_true(http_reader_ask(r)->expects && !http_reader_ask(r)->keep_alive);
        http_reader_free(&r);
    }
}

static void test_who_waits_is_told_once(void **state)
{
    (void)state;
    struct http_reader *r = http_reader_new();
    size_t head = (size_t)(strstr(by_chunks, "\r\n\r\n") + 4 - by_chunks);

    assert_int_equal(http_feed(r, by_chunks, head), HTTP_READ_WAITS);
    assert_true(http_reader_busy(r));
    assert_int_equal(http_feed(r, by_chunks + head, 3), HTTP_READ_PART);
    assert_int_equal(http_feed(r, by_chunks + head + 3, strlen(by_chunks) - head - 3),
                     HTTP_READ_DONE);
    http_reader_free(&r);
}

static void test_one_after_another(void **state)
{
    (void)state;
    struct http_reader *r = http_reader_new();

    for (int i = 0; i < 3; i++) {
        assert_false(http_reader_busy(r));
        assert_int_equal(feed(r, by_length, 10), HTTP_READ_DONE);
        http_next(r);
    }
    assert_int_equal(feed(r, "GET /lp/litecoin HTTP/1.1\r\n\r\n", 100), HTTP_READ_DONE);
    assert_string_equal(http_reader_ask(r)->method, "GET");
    assert_string_equal(http_reader_ask(r)->body, "");
    assert_string_equal(http_reader_ask(r)->authorization, "");
    http_reader_free(&r);
}

static void test_nothing_may_follow_before_the_answer(void **state)
{
    (void)state;
    struct http_reader *r = http_reader_new();

    assert_int_equal(feed(r, by_length, sizeof by_length), HTTP_READ_DONE);
    assert_int_equal(http_feed(r, "G", 1), HTTP_READ_BAD);
    assert_int_equal(http_reader_status(r), 400);
    http_reader_free(&r);

    static const char two[] = "GET / HTTP/1.1\r\n\r\nG";
    r = http_reader_new();
    assert_int_equal(feed(r, two, sizeof two), HTTP_READ_BAD);
    http_reader_free(&r);
}

static void test_the_end_of_a_long_list_is_kept(void **state)
{
    (void)state;
    char text[2048] = "GET / HTTP/1.1\r\nX-Forwarded-For: ";

    for (int i = 0; i < 120; i++)
        strcat(text, "192.0.2.1, ");
    strcat(text, "198.51.100.7\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    for (size_t size = 1; size < 700; size += 13) {
        struct http_reader *r = http_reader_new();

        assert_int_equal(feed(r, text, size), HTTP_READ_DONE);
        const char *kept = http_reader_ask(r)->forwarded;
        assert_true(strlen(kept) <= HTTP_READER_MAX_FIELD);
        const char *end = " 198.51.100.7,203.0.113.9";
        assert_string_equal(kept + strlen(kept) - strlen(end), end);
        http_reader_free(&r);
    }
}

/* FILL stands for so many letters that the bound is passed by one. */
static const struct {
    const char *before;
    size_t fill;
    const char *after;
    int status;
} bad[] = {
    {"nonsense\r\n\r\n", 0, "", 400},
    {"GET / HTTP/2.0\r\n\r\n", 0, "", 400},
    {"GET / HTTP/1.1\r\nHost pool\r\n\r\n", 0, "", 400},
    {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 0, "", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, "", 400},
    {"GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", 0, "", 400},
    {"GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 0, "", 400},
    {"POST / HTTP/1.1\r\nExpect: gold\r\n\r\n", 0, "", 417},
    {"GET /", HTTP_READER_MAX_PATH, " HTTP/1.1\r\n\r\n", 414},
    {"GET / HTTP/1.1\r\nAuthorization: ", HTTP_READER_MAX_FIELD + 1, "\r\n\r\n", 431},
    {"GET / HTTP/1.1\r\nX: ", HTTP_READER_MAX_HEAD, "\r\n\r\n", 431},
    {"GET / HTTP/1.1\r\n", HTTP_READER_MAX_HEAD, ": x\r\n\r\n", 431},
    {"POST / HTTP/1.1\r\nContent-Length: 4097\r\n\r\n", 0, "", 413},
    {"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, "", 400},
    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1001\r\n", HTTP_READER_MAX_BODY + 1,
     "\r\n", 413},
};

static void test_what_is_refused(void **state)
{
    static char text[65536];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t size = 1; size < 70000; size = size * 7 + 3) {
            struct http_reader *r = http_reader_new();

            memset(text, 'a', sizeof text);
            size_t before = strlen(bad[i].before);
            memcpy(text, bad[i].before, before);
            strcpy(text + before + bad[i].fill, bad[i].after);
            print_message("%zu in pieces of %zu\n", i, size);
            assert_int_equal(feed(r, text, size), HTTP_READ_BAD);
            assert_int_equal(http_reader_status(r), bad[i].status);
            assert_int_equal(http_feed(r, "x", 1), HTTP_READ_BAD);
            http_reader_free(&r);
        }
}

static void test_a_nul_is_no_text(void **state)
{
    static const char nul[] = "GET / HTTP/1.1\r\nUser-Agent: a\0b\r\n\r\n";

    (void)state;
    for (size_t size = 1; size <= sizeof nul; size++) {
        struct http_reader *r = http_reader_new();
        enum http_state s = HTTP_READ_PART;

        for (size_t at = 0; at < sizeof nul - 1 && s != HTTP_READ_BAD; at += size)
            s = http_feed(r, nul + at, size < sizeof nul - 1 - at ? size : sizeof nul - 1 - at);
        assert_int_equal(s, HTTP_READ_BAD);
        assert_int_equal(http_reader_status(r), 400);
        http_reader_free(&r);
    }
}

/* Header lines without end, and chunks of one byte without end. */
static void test_what_never_ends(void **state)
{
    (void)state;
    struct http_reader *r = http_reader_new();
    enum http_state s = feed(r, "GET / HTTP/1.1\r\n", 100);

    for (int i = 0; i < 10000 && s != HTTP_READ_BAD; i++)
        s = feed(r, "A: b\r\n", 100);
    assert_int_equal(s, HTTP_READ_BAD);
    http_reader_free(&r);

    r = http_reader_new();
    s = feed(r, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 100);
    for (int i = 0; i < 10000 && s != HTTP_READ_BAD; i++)
        s = feed(r, "1\r\na\r\n", 100);
    assert_int_equal(s, HTTP_READ_BAD);
    assert_int_equal(http_reader_status(r), 413);
    http_reader_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_and_in_pieces),
        cmocka_unit_test(test_chunks_count),
        cmocka_unit_test(test_who_waits_is_told_once),
        cmocka_unit_test(test_one_after_another),
        cmocka_unit_test(test_nothing_may_follow_before_the_answer),
        cmocka_unit_test(test_the_end_of_a_long_list_is_kept),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_a_nul_is_no_text),
        cmocka_unit_test(test_what_never_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
