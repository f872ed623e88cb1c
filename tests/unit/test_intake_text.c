/* What may be echoed, stored and compared of text that anyone can send. */
#include "frontend/intake/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void echo_is(const char *sent, const char *expected)
{
    char out[ECHO_MAX_BYTES + 1];

    memset(out, 'x', sizeof out);
    text_echo(sent, strlen(sent), out);
    assert_string_equal(out, expected);
}

static void test_echo_strips(void **state)
{
    (void)state;
    echo_is("", "");
    echo_is("plain", "plain");
    echo_is("<script>&amp;</script>", "scriptamp;/script");
    echo_is("a\tb\x01\x1f\x7f"
            "c\r\nd",
            "abcd");
    echo_is("\"' stay", "\"' stay");
    echo_is("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
}

static void test_echo_cuts_before_it_strips(void **state)
{
    char sent[100], expected[100];

    (void)state;
    memset(sent, 'a', sizeof sent);
    sent[99] = '\0';
    memcpy(expected, sent, 64);
    expected[64] = '\0';
    echo_is(sent, expected);

    memset(sent, '<', 60);
    echo_is(sent, "aaaa");

    /* Not NUL-terminated: a field in the middle of a text */
    char out[ECHO_MAX_BYTES + 1];
    text_echo("abcdef", 3, out);
    assert_string_equal(out, "abc");
}

static void tidy_is(const char *sent, size_t max_chars, size_t size, const char *expected)
{
    char out[64];

    memset(out, 'x', sizeof out);
    text_tidy(sent, max_chars, out, size);
    assert_string_equal(out, expected);
}

static void test_tidy(void **state)
{
    (void)state;
    tidy_is("", 5, 6, "");
    tidy_is("LIN", 5, 21, "LIN");
    tidy_is("123456", 5, 21, "12345");
    tidy_is("123456", 5, 4, "123");
    tidy_is("\xc3\xa4\xc3\xb6\xc3\xbc", 2, 9, "\xc3\xa4\xc3\xb6");
    tidy_is("\xc3\xa4\xc3\xb6", 9, 4, "\xc3\xa4"); /* no half characters */
    tidy_is("\xf0\x9f\x98\x80!", 9, 9, "\xf0\x9f\x98\x80!");
    tidy_is("a\tb\x7f", 9, 9, "a?b?");
    tidy_is("\xff\xfe", 9, 9, "??");
    tidy_is("\xc3", 9, 9, "?");
    tidy_is("\xe2\x82", 9, 9, "??");
    tidy_is("\xc0\xaf", 9, 9, "??");                /* overlong '/' */
    tidy_is("\xed\xa0\x80", 9, 9, "???");           /* surrogate */
    tidy_is("\xf4\x90\x80\x80", 9, 9, "????");      /* beyond U+10FFFF */
    tidy_is("\xc2\x85", 9, 9, "?");                 /* C1 control */
    tidy_is("\xc3\xa4\xffz", 3, 9, "\xc3\xa4?z");   /* each bad byte counts as a character */
    tidy_is("\xf8\x88\x80\x80\x80", 9, 9, "?????"); /* five bytes are no character */
}

static void test_clean(void **state)
{
    static const struct {
        const char *text;
        bool clean;
        size_t chars;
    } cases[] = {
        {"", true, 0},
        {"rig 1", true, 5},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true, 3},
        {"a\tb", false, 0},
        {"a\x7f", false, 0},
        {"\xc2\x9f", false, 0},
        {"\xc2\xa0", true, 1},
        {"\xe0\x80\x80", false, 0},
        {"\xe0\xa0\x80", true, 1},
        {"\xed\x9f\xbf", true, 1},
        {"\xed\xbf\xbf", false, 0},
        {"\xf4\x8f\xbf\xbf", true, 1},
        {"ok\xc3", false, 0},
        {"\x80", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t chars = 99;
        bool clean = text_is_clean(cases[i].text, strlen(cases[i].text), &chars);

        assert_int_equal(clean, cases[i].clean);
        assert_int_equal(chars, clean ? cases[i].chars : 99);
    }
    /* Never looks beyond LEN */
    size_t chars;
    assert_false(text_is_clean("\xc3\xa4", 1, &chars));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_strips),
        cmocka_unit_test(test_echo_cuts_before_it_strips),
        cmocka_unit_test(test_tidy),
        cmocka_unit_test(test_clean),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
