#include "common/coin/address.h"

#include "common/coin/base58.h"
#include "common/coin/bech32.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct address_rules regtest = {
    .p2pkh = {111}, .p2pkh_n = 1, .p2sh = {58, 196}, .p2sh_n = 2, .hrp = "rltc"};
static const struct address_rules biblepay = {.p2pkh = {25}, .p2pkh_n = 1, .base58_len = 34};

/* Given to the parser without a NUL behind it. */
static bool valid(const struct address_rules *rules, const char *text, struct script *ret)
{
    const size_t len = strlen(text);
    uint8_t *copy = bytes_copy((const uint8_t *)text, len);
    const bool ok = address_to_script(rules, (const char *)copy, len, ret);

    free(copy);
    return ok;
}

static void test_litecoin_regtest(void **state)
{
    static const struct {
        const char *address, *script;
    } rows[] = {
        {"mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe",
         "76a914396a170bc5862a193b3fc7782a2b8f17b8067c8f88ac"},
        {"Qc9i2HqDhdGfo4mBqrQkKpWGqnH2meM47d", "a914aa89c4f2e5632948a18d4f3c3ea4c4d40a7e534187"},
        {"2N8hwP1WmJrFF5QWABn38y63uYLhnJYJYTF", "a914a9974100aeee974a20cda9a2f545704a0ab54fdc87"},
        {"rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc",
         "00146824869d6ce06a654be9779d2116af4dc2a57d45"},
        {"RLTC1QDQJGD8TVUP4X2JLFW7WJZ940FHP22L293Z9HWC",
         "00146824869d6ce06a654be9779d2116af4dc2a57d45"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct script script;
        char hex[2 * ADDRESS_MAX_SCRIPT + 1];

        assert_true(valid(&regtest, rows[i].address, &script));
        assert_true(valid(&regtest, rows[i].address, NULL));
        hex_encode(script.b, script.len, hex);
        assert_string_equal(hex, rows[i].script);
    }
}

static void test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "rltc1",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",           /* Bitcoin */
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",   /* Bitcoin */
        "LZakyXotaE29Pehw21SoPuU832UhvJp4LG",           /* Litecoin's main chain */
        "MKKXUFBM2EVYDLSXZV7GCN6XTOTGBG9CTE",           /* base58 knows cases */
        "rltc1Qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc", /* mixed */
        "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe/worker",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_false(valid(&regtest, rows[i], NULL));
}

/* No coinbase can pay it: two public keys of 33 bytes, in bech32 of more than 90 characters. Also
 * when someone gives "tmweb" as the prefix. */
static void test_mweb(void **state)
{
    static const char mweb[] = "tmweb1qqwez8yauu2w88kylwl052qg2nyk0e8aq8epx6fydsfvvulj6cndxsqc3ctmm"
                               "v32hyz7nw872k2zwk6pgt6aht4lszxvqk9n5mt4wlpux9q4sl580";
    struct address_rules rules = regtest;

    (void)state;
    assert_false(valid(&regtest, mweb, NULL));
    strcpy(rules.hrp, "tmweb");
    assert_false(valid(&rules, mweb, NULL));
}

/* A payload of another length under a known version byte. */
static void test_payload_length(void **state)
{
    uint8_t payload[22] = {111};
    char text[BASE58_MAX_TEXT + 1];

    (void)state;
    for (size_t n = 0; n <= sizeof(payload); n++) {
        assert_true(base58check_encode(payload, n, text));
        assert_int_equal(valid(&regtest, text, NULL), n == 21);
    }
}

/* Only the listed version bytes, and never bytes behind the list's end. */
static void test_versions(void **state)
{
    uint8_t payload[21] = {0};
    char text[BASE58_MAX_TEXT + 1];

    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        struct script script;

        payload[0] = (uint8_t)v;
        assert_true(base58check_encode(payload, sizeof(payload), text));
        assert_int_equal(valid(&regtest, text, &script), v == 111 || v == 58 || v == 196);
        if (v == 111)
            assert_int_equal(script.len, 25);
        else if (v == 58 || v == 196)
            assert_int_equal(script.len, 23);
    }
}

/* BiblePay: 34 characters, no bech32. */
static void test_biblepay(void **state)
{
    uint8_t payload[21] = {25, 0x77};
    char text[BASE58_MAX_TEXT + 1];
    struct address_rules longer = biblepay;

    (void)state;
    assert_true(base58check_encode(payload, sizeof(payload), text));
    assert_int_equal(text[0], 'B');
    assert_int_equal(strlen(text), 34);
    assert_true(valid(&biblepay, text, NULL));
    longer.base58_len = 35;
    assert_false(valid(&longer, text, NULL));
    assert_false(valid(&biblepay, "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc", NULL));
}

static void assert_canonical(const char *text, const char *want)
{
    char out[ADDRESS_MAX_TEXT + 1];

    address_canonical(&regtest, text, strlen(text), out);
    assert_string_equal(out, want);
}

static void test_canonical(void **state)
{
    static const char lower[] = "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc";

    (void)state;
    assert_canonical(lower, lower);
    assert_canonical("RLTC1QDQJGD8TVUP4X2JLFW7WJZ940FHP22L293Z9HWC", lower);
    assert_canonical("mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe", "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe");
}

/* Every witness version and program length that BIP 350 knows fits the script's bound. 8 and 9
 * would make litecoind refuse a whole payment (pegin-count-mismatch), though it calls them valid.
 */
static void test_witness_versions(void **state)
{
    const uint8_t program[SEGWIT_MAX_PROGRAM] = {0xff};
    char text[SEGWIT_MAX_TEXT + 1];

    (void)state;
    for (unsigned version = 0; version <= 16; version++) {
        for (size_t n = 2; n <= sizeof(program); n++) {
            struct script script;

            if (!segwit_encode("rltc", version, program, n, text))
                continue;
            if (version == 8 || version == 9) {
                assert_false(valid(&regtest, text, NULL));
                continue;
            }
            assert_true(valid(&regtest, text, &script));
            assert_int_equal(script.len, 2 + n);
            assert_int_equal(script.b[0], version ? 0x50 + version : 0);
            assert_int_equal(script.b[1], n);
        }
    }
}

/* Back to the address; of several version bytes the first. */
static void test_from_script(void **state)
{
    static const struct {
        const char *address, *back;
    } rows[] = {
        {"mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe", NULL},
        {"Qc9i2HqDhdGfo4mBqrQkKpWGqnH2meM47d", NULL},
        {"2N8hwP1WmJrFF5QWABn38y63uYLhnJYJYTF", "Qc"},
        {"rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc", NULL},
    };
    static const uint8_t others[][4] = {
        {0x6a, 2, 1, 2}, {0x51, 2, 1, 2}, {0x58, 2, 1, 2}, {0, 2, 1, 2}};
    const struct address_rules none = {.p2pkh_n = 0};
    char text[ADDRESS_MAX_TEXT + 1];
    struct script s;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *back = rows[i].back != NULL ? rows[i].back : rows[i].address;

        assert_true(valid(&regtest, rows[i].address, &s));
        assert_true(address_from_script(&regtest, s.b, s.len, text));
        assert_memory_equal(text, back, strlen(back));
        assert_false(address_from_script(&none, s.b, s.len, text));
        assert_false(address_from_script(&regtest, s.b, s.len - 1, text));
        assert_false(address_from_script(&regtest, s.b, 0, text));
    }
    assert_true(address_from_script(&regtest, others[1], 4, text)); /* version 1, of any length */
    for (size_t i = 0; i < 4; i++)
        assert_true(i == 1 || !address_from_script(&regtest, others[i], 4, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_litecoin_regtest),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_mweb),
        cmocka_unit_test(test_payload_length),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_biblepay),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_witness_versions),
        cmocka_unit_test(test_from_script),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
