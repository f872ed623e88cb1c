/* frontend/getwork: whom a miner mines for, and what its password asks for. */
#include "frontend/getwork/auth.h"

#include "common/base/mem.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BECH32 "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc"
#define LEGACY "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe"

static const struct address_rules rules = {
    .p2pkh = {111}, .p2pkh_n = 1, .p2sh = {58, 196}, .p2sh_n = 2, .hrp = "rltc"};

/* "Basic " and the base64 of TEXT, malloc'd. */
static char *basic(const char *text, size_t len)
{
    unsigned char *code = mem_zalloc(4 * (len / 3 + 1) + 1);

    EVP_EncodeBlock(code, (const unsigned char *)text, (int)len);
    char *header = mem_sprintf("Basic %s", code);
    free(code);
    return header;
}

static enum auth_result parse(const char *text, struct auth *ret)
{
    char *header = basic(text, strlen(text));
    enum auth_result r = auth_parse(&rules, header, ret);

    free(header);
    return r;
}

static void is(const char *text, const char *address, const char *worker)
{
    struct auth who;

    assert_int_equal(parse(text, &who), AUTH_OK);
    assert_string_equal(who.address, address);
    assert_string_equal(who.worker, worker);
}

static void test_users(void **state)
{
    (void)state;
    is(BECH32 ":x", BECH32, "Default");
    is(BECH32 ":", BECH32, "Default");
    is(BECH32 ".rig1:x", BECH32, "rig1");
    is(BECH32 "/rig1:x", BECH32, "rig1");
    is(LEGACY ".rig.1:x:y", LEGACY, "rig-1");
    is(LEGACY ".:x", LEGACY, "Default");
    is("  " LEGACY " .a b  c:", LEGACY, "a-b-c");
    is(LEGACY "/W\xc3\xb6rker/me@example.com:", LEGACY, "W-rker-me-exampl");
    is(LEGACY ".[0]_Z:", LEGACY, "[0]_Z");
    is(LEGACY ".0123456789abcdefX:", LEGACY, "0123456789abcdef");
    is("RLTC1QDQJGD8TVUP4X2JLFW7WJZ940FHP22L293Z9HWC:", BECH32, "Default");
}

static void test_no_address(void **state)
{
    static const char *const bad[] = {":x",
                                      "nonsense:x",
                                      ".rig:x",
                                      LEGACY "x:",
                                      "/" LEGACY ":",
                                      "tmweb1qq:x",
                                      "ltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc:"};
    struct auth who;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i], &who), AUTH_NO_ADDRESS);
}

static void test_headers(void **state)
{
    static const char *const malformed[] = {
        "Basic ",     "Basic =",    "Basic A",      "Basic AAAA=AAA",
        "Basic ????", "Basic A===", "Basic AAAA, x"};
    char *good = basic(BECH32 ".r:", strlen(BECH32 ".r:"));
    char *nul = basic(BECH32 "\0x:", sizeof BECH32 + 2);
    char *no_colon = basic(BECH32, strlen(BECH32));
    char *many = mem_sprintf("Basic %0*d", 4 * AUTH_MAX_TEXT, 0);
    struct auth who;

    (void)state;
    assert_int_equal(auth_parse(&rules, NULL, &who), AUTH_MISSING);
    assert_int_equal(auth_parse(&rules, "", &who), AUTH_MISSING);
    assert_int_equal(auth_parse(&rules, "Basic", &who), AUTH_MISSING);
    assert_int_equal(auth_parse(&rules, "Bearer AAAA", &who), AUTH_MISSING);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(auth_parse(&rules, malformed[i], &who), AUTH_MALFORMED);
    assert_int_equal(auth_parse(&rules, nul, &who), AUTH_MALFORMED);
    assert_int_equal(auth_parse(&rules, no_colon, &who), AUTH_MALFORMED);
    assert_int_equal(auth_parse(&rules, many, &who), AUTH_MALFORMED);
    char *spaced = mem_sprintf("bASIC   %s ", good + 6);
    assert_int_equal(auth_parse(&rules, spaced, &who), AUTH_OK);
    assert_string_equal(who.worker, "r");
    free(good), free(nul), free(no_colon), free(many), free(spaced);
}

static void wants(const char *password, enum wish_kind kind, uint64_t number, uint64_t per)
{
    struct wishes w;

    wish_parse(password, strlen(password), &w);
    if (!w.given[kind])
        fail_msg("'%s' wishes nothing", password);
    /* as a fraction: 1.50 may be 150/100 */
    assert_int_equal(w.value[kind].number * per, number * w.value[kind].per);
}

static void test_wishes(void **state)
{
    (void)state;
    wants("d=512", WISH_FIXED, 512, 1);
    wants("D=0.5", WISH_FIXED, 1, 2);
    wants("x,d=1e3", WISH_FIXED, 1000, 1);
    wants("d=1.5E+2;y", WISH_FIXED, 150, 1);
    wants("diff=25e-2", WISH_FIXED, 1, 4);
    wants("-d 64", WISH_FIXED, 64, 1);
    wants("-d64", WISH_FIXED, 64, 1);
    wants("-d=64", WISH_FIXED, 64, 1);
    wants("--diff 64 x", WISH_FIXED, 64, 1);
    wants("--diff=64", WISH_FIXED, 64, 1);
    wants("d=1 d=2", WISH_FIXED, 2, 1);
    wants("d=2 d=0 d=x", WISH_FIXED, 2, 1);
    wants("sd=16", WISH_START, 16, 1);
    wants("start=16", WISH_START, 16, 1);
    wants("--start-diff 16", WISH_START, 16, 1);
    wants("a b;;,md=8,c", WISH_MIN, 8, 1);
    wants("mindiff=8", WISH_MIN, 8, 1);
    wants("--min-diff=8", WISH_MIN, 8, 1);
    wants("maxd=9", WISH_MAX, 9, 1);
    wants("MaxDiff=9", WISH_MAX, 9, 1);
    wants("--max-diff 9", WISH_MAX, 9, 1);
}

static void test_no_wishes(void **state)
{
    static const char *const none[] = {"",       "x",
                                       "123",    "d",
                                       "d=",     "d=inf",
                                       "d=nan",  "d=-1",
                                       "d=0",    "d=0x10",
                                       "-d",     "-d inf",
                                       "-h",     "=5",
                                       "dd=5",   "d =5",
                                       "d=1e",   "d=1e99",
                                       "d=e5",   "d=1e-",
                                       "d=1e1x", "d=1,5x=",
                                       "--d=5",  "d==5",
                                       "d=1e18", "d=999999999999999999e17"};
    struct wishes w;

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        wish_parse(none[i], strlen(none[i]), &w);
        bool any = w.given[WISH_START] || w.given[WISH_MIN] || w.given[WISH_MAX];

        if (strcmp(none[i], "d=1,5x=") == 0)
            assert_true(w.given[WISH_FIXED]);
        else if (any || w.given[WISH_FIXED])
            fail_msg("'%s' is a wish", none[i]);
    }
    char *late = mem_sprintf("%*s d=5", 3 * WISH_MAX_TOKENS, "x x x x x x x x x x x x x x x x x x");
    wish_parse(late, strlen(late), &w);
    assert_false(w.given[WISH_FIXED]);
    free(late);
    wish_parse("d=5\0d=6", 7, &w); /* a NUL is no separator, and no digit */
    assert_false(w.given[WISH_FIXED]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users),     cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_headers),   cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_no_wishes),
    };

    return cmocka_run_group_tests_name("getwork_auth", tests, NULL, NULL);
}
