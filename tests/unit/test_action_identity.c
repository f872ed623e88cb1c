/* ADDRESS[/WORKER[/EMAIL]] */
#include "frontend/action/identity.h"

#include "common/base/mem.h"
#include "common/coin/bech32.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BASE58 "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"

static const struct address_rules rules = {
    .p2pkh = {111}, .p2pkh_n = 1, .p2sh = {196, 58}, .p2sh_n = 2, .hrp = "rltc"};

static char address[ADDRESS_MAX_TEXT + 1];

static bool parse(const char *rest, struct identity *ret)
{
    char *text = mem_sprintf("%s%s", address, rest);
    bool good = identity_parse(&rules, text, ret);

    free(text);
    return good;
}

static void accepts(const char *rest, const char *worker, const char *email)
{
    struct identity who;

    assert_true(parse(rest, &who));
    assert_string_equal(who.address, address);
    assert_string_equal(who.worker, worker);
    assert_string_equal(who.email, email);
}

static void refuses(const char *rest)
{
    struct identity who;

    assert_false(parse(rest, &who));
}

static void test_parts(void **state)
{
    (void)state;
    accepts("", "Default", "");
    accepts("/", "Default", "");
    accepts("//", "Default", "");
    accepts("/rig1", "rig1", "");
    accepts("/rig1/", "rig1", "");
    accepts("/rig1/me@example.org", "rig1", "me@example.org");
    accepts("//me@example.org", "Default", "me@example.org");
    accepts("/rig1/me@example.org/more/parts/", "rig1", "me@example.org");
    accepts("///rig", "Default", "");
    accepts("/ rig 1 ", " rig 1 ", "");
    accepts("/<b>&\"'", "<b>&\"'", ""); /* stored as it is; escaped where it is shown */
}

static void test_no_address(void **state)
{
    static const char *const texts[] = {"", "/", "//", "/rig1", "//me@example.org", " ", "x"};
    struct identity who;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(identity_parse(&rules, texts[i], &who));
    refuses(" /rig1");
    refuses("x/rig1");
    refuses(",/rig1");
}

static void test_worker_bounds(void **state)
{
    char rest[400] = "/";

    (void)state;
    memset(rest + 1, 'w', 64);
    accepts(rest, rest + 1, "");
    rest[65] = 'w';
    refuses(rest);
    memset(rest + 1, 'w', 398);
    refuses(rest);

    /* 64 characters of 4 bytes fit, and only so many */
    strcpy(rest, "/");
    for (int i = 0; i < 64; i++)
        strcat(rest, "\xf0\x9f\x98\x80");
    accepts(rest, rest + 1, "");
    strcat(rest, "x");
    refuses(rest);

    refuses("/a\tb");
    refuses("/a\x7f");
    refuses("/\xff");
    refuses("/\xc3");
    refuses("/\xc2\x80");
}

static void test_odd_email_is_left_out(void **state)
{
    static const char *const odd[] = {
        "nobody",          "@example.org", "me@",         "a@b@c",     "me @example.org",
        "me@ex\tample",    "<b>@x.org",    "me\"@x.org",  "me'@x.org", "a,b@x.org",
        "m\xc3\xa4@x.org", "a;b@x.org",    "me@x.org\x7f"};
    char rest[600] = "/w/";

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        strcpy(rest + 3, odd[i]);
        accepts(rest, "w", "");
    }
    memset(rest + 3, 'm', 254);
    memcpy(rest + 3 + 250, "@x.y", 5);
    accepts(rest, "w", rest + 3);
    memset(rest + 3, 'm', 255);
    memcpy(rest + 3 + 251, "@x.y", 5);
    accepts(rest, "w", "");
    memset(rest + 3, 'm', 590);
    accepts(rest, "w", "");
}

static void test_address_is_canonical(void **state)
{
    struct identity who;
    char upper[ADDRESS_MAX_TEXT + 1];

    (void)state;
    for (size_t i = 0; i <= strlen(address); i++)
        upper[i] = (char)(address[i] >= 'a' && address[i] <= 'z' ? address[i] - 32 : address[i]);
    assert_true(identity_parse(&rules, upper, &who));
    assert_string_equal(who.address, address);
    upper[0] = address[0]; /* mixed case */
    assert_false(identity_parse(&rules, upper, &who));

    assert_true(identity_parse(&rules, BASE58, &who));
    assert_string_equal(who.address, BASE58);
    char other[] = BASE58;
    other[1] = 'I'; /* no letter of base58 */
    assert_false(identity_parse(&rules, other, &who));
    assert_false(identity_parse(&rules, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &who)); /* Bitcoin */
}

static int make_address(void **state)
{
    static const uint8_t program[20] = {0x75, 0x1e, 0x76, 0xe8, 0x19, 0x91, 0x96, 0xd4, 0x54, 0x94,
                                        0x1c, 0x45, 0xd1, 0xb3, 0xa3, 0x23, 0xf1, 0x43, 0x3b, 0xd6};

    (void)state;
    return segwit_encode(rules.hrp, 0, program, sizeof program, address) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_worker_bounds),
        cmocka_unit_test(test_odd_email_is_left_out),
        cmocka_unit_test(test_address_is_canonical),
    };

    return cmocka_run_group_tests(tests, make_address, NULL);
}
