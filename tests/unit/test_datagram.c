/* The lines by which wallets say that there is a new block, and which wallet is asked then. */
#include "backend/job/datagram.h"
#include "backend/job/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *line, const char *token, const char *component)
{
    char got[DATAGRAM_MAX + 1] = "unchanged";
    const bool ok = datagram_parse(line, strlen(line), token, got);

    if (ok != (component != NULL) || strcmp(got, component != NULL ? component : "") != 0)
        fail_msg("'%s' with token '%s': %d '%s'", line, token, ok, got);
}

static void test_lines(void **state)
{
    (void)state;
    check("VTC getblocktemplate signal=1 __spawn=1", "", "VTC"); /* as PowerPool documents them */
    check("DOGE _check_new_jobs signal=1 _single_exec=True __spawn=1", "", "DOGE");
    check("litecoin getblocktemplate", "", "litecoin");
    check("litecoin getblocktemplate signal=1\n", "", "litecoin");
    check("litecoin getblocktemplate\r\n", "", "litecoin");
    check("  litecoin  getblocktemplate  unknown=option ", "", "litecoin");
    check("manager update_profit", "", NULL); /* known, but of nothing that there is here */
    check("", "", NULL);
    check("\n", "", NULL);
    check("litecoin", "", NULL);
    check("litecoin getblocktemplate2", "", NULL);
    check("litecoin GETBLOCKTEMPLATE", "", NULL);
    check("litecoin stop signal=1", "", NULL);
    check("litecoin __init__", "", NULL);
    check("litecoin\tgetblocktemplate", "", NULL);
    check("litecoin getblocktemplate\nlitecoin getblocktemplate", "", NULL);
    check("litec\xc3\xb6in getblocktemplate", "", NULL);
}

static void test_token(void **state)
{
    (void)state;
    check("litecoin getblocktemplate s3cret signal=1", "s3cret", "litecoin");
    check("litecoin getblocktemplate signal=1 s3cret", "s3cret", "litecoin");
    check("litecoin getblocktemplate anything", "", "litecoin");
    check("litecoin getblocktemplate", "s3cret", NULL);
    check("litecoin getblocktemplate signal=1", "s3cret", NULL);
    check("litecoin getblocktemplate s3cre", "s3cret", NULL);
    check("litecoin getblocktemplate s3crets", "s3cret", NULL);
    check("litecoin getblocktemplate token=s3cret", "s3cret", NULL);
    check("s3cret getblocktemplate", "s3cret", NULL);
}

static void test_lengths(void **state)
{
    char line[DATAGRAM_MAX + 64], got[DATAGRAM_MAX + 1];

    (void)state;
    memset(line, 'x', sizeof(line));
    memcpy(line, "a getblocktemplate o=", 21);
    assert_true(datagram_parse(line, DATAGRAM_MAX, "", got));
    assert_false(datagram_parse(line, DATAGRAM_MAX + 1, "", got));
    memset(line, 'x', sizeof(line));
    memcpy(line + DATAGRAM_MAX - 17, " getblocktemplate", 17);
    assert_true(datagram_parse(line, DATAGRAM_MAX, "", got));
    assert_int_equal(strlen(got), DATAGRAM_MAX - 17);
    assert_false(datagram_parse("a\0 getblocktemplate", 19, "", got));
}

static void test_choice(void **state)
{
    static const struct {
        struct source_view view[3];
        size_t want;
    } rows[] = {
        {{{true, 9, 0}, {true, 9, 0}, {true, 9, 0}}, 0},
        {{{false, 9, 0}, {true, 9, 0}, {true, 9, 0}}, 1},
        {{{false, 9, 0}, {false, 9, 0}, {true, 1, 0}}, 2},
        {{{false, 9, 0}, {false, 9, 0}, {false, 9, 0}}, 3},
        {{{true, 7, SOURCE_LAG_MS - 1}, {true, 9, 0}, {true, 9, 0}}, 0}, /* just now */
        {{{true, 7, SOURCE_LAG_MS}, {true, 9, 0}, {true, 9, 0}}, 1},
        {{{true, 7, SOURCE_LAG_MS}, {false, 9, 0}, {true, 9, 0}}, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(sources_choose(rows[i].view, 3), rows[i].want);
    assert_int_equal(sources_choose(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests_name("datagram", tests, NULL, NULL);
}
