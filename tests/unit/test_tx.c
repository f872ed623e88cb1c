#include "common/coin/block.h"

#include "tests/unit/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NULL_OUTPOINT  "0000000000000000000000000000000000000000000000000000000000000000ffffffff"
#define OTHER_OUTPOINT "1100000000000000000000000000000000000000000000000000000000000000ffffffff"

#define INPUT OTHER_OUTPOINT "00ffffffff"
#define OUTPUT                                                                                     \
    "0100000000000000"                                                                             \
    "00"
#define VERSION "02000000"
#define LOCK    "05000000"

static json_t *vectors;

static enum parse_result parse(const char *hex, struct tx *ret)
{
    struct bytes b = bytes_from_hex(hex);
    struct tx tx = {0};
    const enum parse_result r = tx_parse(b.p, b.len, &tx);

    free(b.p);
    if (ret)
        *ret = tx;
    return r;
}

static void assert_parse(const char *hex, enum parse_result want)
{
    assert_string_equal(parse_result_name(parse(hex, NULL)), parse_result_name(want));
}

static void assert_txid(const struct tx *tx, const char *want)
{
    char text[65];

    u256_to_hex(&tx->txid, text);
    assert_string_equal(text, want);
}

static void test_inputs_are_walked(void **state)
{
    static const char first[] = "0100000000000000000000000000000000000000000000000000000000000002"
                                "07000000"
                                "03aabbcc"
                                "ffffffff";
    char text[65], hex[512];
    struct tx_outpoint out;
    size_t pos = 0;
    struct tx tx;

    (void)state;
    snprintf(hex, sizeof(hex), VERSION "02%s" INPUT "01" OUTPUT LOCK, first);
    struct bytes b = bytes_from_hex(hex);
    assert_int_equal(tx_parse(b.p, b.len, &tx), PARSE_OK);
    assert_true(tx_next_input(&tx, &pos, &out));
    u256_to_hex(&out.txid, text);
    assert_string_equal(text, "0200000000000000000000000000000000000000000000000000000000000001");
    assert_int_equal(out.index, 7);
    assert_true(tx_next_input(&tx, &pos, &out));
    u256_to_hex(&out.txid, text);
    assert_string_equal(text, "0000000000000000000000000000000000000000000000000000000000000011");
    assert_int_equal(out.index, UINT32_MAX);
    assert_false(tx_next_input(&tx, &pos, &out));
    free(b.p);
}

static void test_vectors(void **state)
{
    const json_t *list = vectors_member(vectors_named(vectors, "blocks", "V5"), "transactions");
    struct tx tx;

    (void)state;
    assert_int_equal(parse(v5_transaction(vectors, 0), &tx), PARSE_OK);
    assert_txid(&tx, vectors_text(json_array_get(list, 0), "txid"));
    assert_true(tx.has_witness && !tx.is_hogex && !tx.is_coinbase);
    assert_int_equal(tx.version, 2);
    assert_int_equal(tx.locktime, 0x1af);
    assert_int_equal(tx.inputs, 1);
    assert_int_equal(tx.outputs, 1);

    assert_int_equal(parse(v5_transaction(vectors, 1), &tx), PARSE_OK);
    assert_txid(&tx, vectors_text(json_array_get(list, 1), "txid"));
    assert_true(tx.is_hogex && !tx.has_witness && !tx.is_coinbase);
    assert_int_equal(tx.locktime, 0);
}

/* The id is that of the transaction without witness and MWEB flag. */
static void test_stripped(void **state)
{
    struct tx bare, witness, hogex, both;

    (void)state;
    assert_int_equal(parse(VERSION "01" INPUT "01" OUTPUT LOCK, &bare), PARSE_OK);
    assert_int_equal(parse(VERSION "0001"
                                   "01" INPUT "01" OUTPUT "0101aa" LOCK,
                           &witness),
                     PARSE_OK);
    assert_int_equal(parse(VERSION "0008"
                                   "01" INPUT "01" OUTPUT "00" LOCK,
                           &hogex),
                     PARSE_OK);
    assert_int_equal(parse(VERSION "0009"
                                   "01" INPUT "01" OUTPUT "0101aa"
                                   "00" LOCK,
                           &both),
                     PARSE_OK);
    assert_int_equal(u256_cmp(&bare.txid, &witness.txid), 0);
    assert_int_equal(u256_cmp(&bare.txid, &hogex.txid), 0);
    assert_int_equal(u256_cmp(&bare.txid, &both.txid), 0);
    assert_true(!bare.has_witness && witness.has_witness && both.has_witness);
    assert_true(!bare.is_hogex && hogex.is_hogex && both.is_hogex);
    assert_int_equal(both.version, 2);
    assert_int_equal(both.locktime, 5);
}

static void test_refused_forms(void **state)
{
    static const struct {
        const char *hex;
        enum parse_result want;
    } rows[] = {
        {"", PARSE_TRUNCATED},
        {VERSION, PARSE_TRUNCATED},
        {VERSION "01" INPUT "01" OUTPUT, PARSE_TRUNCATED},
        {VERSION "01" INPUT "01" OUTPUT LOCK "00", PARSE_TRAILING},
        {VERSION "01" INPUT "00" LOCK "00000000000000000000", PARSE_BAD}, /* no outputs */
        {VERSION "0000" LOCK, PARSE_BAD},                                 /* no inputs, no flag */
        {VERSION "0002"
                 "01" INPUT "01" OUTPUT LOCK,
         PARSE_BAD}, /* unknown flags */
        {VERSION "0010"
                 "01" INPUT "01" OUTPUT LOCK,
         PARSE_BAD},
        {VERSION "0081"
                 "01" INPUT "01" OUTPUT "0101aa" LOCK,
         PARSE_BAD},
        {VERSION "0001"
                 "00"
                 "01" OUTPUT LOCK,
         PARSE_BAD}, /* no inputs */
        {VERSION "0001"
                 "01" INPUT "01" OUTPUT "00" LOCK,
         PARSE_BAD}, /* no witness at all */
        {VERSION "0001"
                 "01" INPUT "01" OUTPUT "0100" LOCK,
         PARSE_OK}, /* one empty item */
        {VERSION "0001"
                 "01" INPUT "01" OUTPUT "01fd0100aa" LOCK,
         PARSE_BAD},
        {VERSION "0008"
                 "01" INPUT "01" OUTPUT "01aa" LOCK,
         PARSE_BAD}, /* an MWEB part */
        {VERSION "0008"
                 "01" INPUT "01" OUTPUT "00",
         PARSE_TRUNCATED},
        {VERSION "fd0100" INPUT "01" OUTPUT LOCK, PARSE_BAD}, /* long forms */
        {VERSION "01" INPUT "fd0100" OUTPUT LOCK, PARSE_BAD},
        {VERSION "01" OTHER_OUTPOINT "fd0000ffffffff"
                 "01" OUTPUT LOCK,
         PARSE_BAD},
        {VERSION "01" INPUT "01"
                 "0100000000000000"
                 "fe00000000" LOCK,
         PARSE_BAD},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_parse(rows[i].hex, rows[i].want);
}

/* Counts that promise far more than follows cost nothing. */
static void test_hostile_counts(void **state)
{
    static const struct {
        const char *count;
        enum parse_result want;
    } rows[] = {
        {"02", PARSE_TRUNCATED},
        {"fdfd00", PARSE_TRUNCATED},
        {"fea0860100", PARSE_TRUNCATED},
        {"fea1860100", PARSE_OVERSIZE},
        {"feffffffff", PARSE_OVERSIZE},
        {"ffffffffffffffffff", PARSE_OVERSIZE},
        {"ff0000000001000000", PARSE_OVERSIZE},
    };
    char hex[512];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(hex, sizeof(hex), VERSION "%s" INPUT "01" OUTPUT LOCK, rows[i].count);
        assert_parse(hex, rows[i].want);
        snprintf(hex, sizeof(hex), VERSION "01" INPUT "%s" OUTPUT LOCK, rows[i].count);
        assert_parse(hex, rows[i].want);
    }
    /* scripts and witness items are bounded by a block's size */
    assert_parse(VERSION "01" OTHER_OUTPOINT "fe00008000"
                         "00",
                 PARSE_TRUNCATED);
    assert_parse(VERSION "01" OTHER_OUTPOINT "fe01008000"
                         "00",
                 PARSE_OVERSIZE);
    assert_parse(VERSION "0001"
                         "01" INPUT "01" OUTPUT "fe00008000" LOCK,
                 PARSE_TRUNCATED);
    assert_parse(VERSION "0001"
                         "01" INPUT "01" OUTPUT "fe01008000" LOCK,
                 PARSE_OVERSIZE);
    assert_parse(VERSION "0001"
                         "01" INPUT "01" OUTPUT "01ffffffffffffffffff" LOCK,
                 PARSE_OVERSIZE);
}

static enum parse_result parse_coinbase(size_t sig_len, struct tx *ret)
{
    char *sig = mem_zalloc(2 * sig_len + 1);
    memset(sig, 'a', 2 * sig_len);
    char *hex = mem_sprintf(VERSION "01" NULL_OUTPOINT "%02zx%sffffffff"
                                    "01" OUTPUT LOCK,
                            sig_len, sig);
    const enum parse_result r = parse(hex, ret);

    free(sig);
    free(hex);
    return r;
}

static void test_coinbase(void **state)
{
    struct tx tx;

    (void)state;
    assert_int_equal(parse_coinbase(1, &tx), PARSE_BAD);
    assert_int_equal(parse_coinbase(2, &tx), PARSE_OK);
    assert_true(tx.is_coinbase);
    assert_int_equal(tx.coinbase_sig.len, 2);
    assert_int_equal(parse_coinbase(100, &tx), PARSE_OK);
    assert_int_equal(tx.coinbase_sig.len, 100);
    assert_int_equal(parse_coinbase(101, &tx), PARSE_OVERSIZE);

    /* a coinbase has one input, and that spends nothing */
    assert_int_equal(parse(VERSION "02" NULL_OUTPOINT "00ffffffff" INPUT "01" OUTPUT LOCK, &tx),
                     PARSE_OK);
    assert_false(tx.is_coinbase);
    assert_int_equal(parse(VERSION "01" INPUT "01" OUTPUT LOCK, &tx), PARSE_OK);
    assert_false(tx.is_coinbase);
}

static void test_height(void **state)
{
    static const struct {
        const char *sig;
        int64_t height;
    } rows[] = {
        {"00aa", 0},
        {"51aa", 1},
        {"60aa", 16},
        {"0111", 17},
        {"017f", 127},
        {"028000", 128},
        {"02b001", 432},
        {"02ff7f", 32767},
        {"03008000", 32768},
        {"03ffff7f", 8388607},
        {"0400008000", 8388608},
        {"04ffffff7f", 2147483647},
        {"0101", -1},         /* OP_1 is shorter */
        {"0110", -1},         /* OP_16 */
        {"0100", -1},         /* OP_0 */
        {"0180", -1},         /* minus zero */
        {"0190", -1},         /* negative */
        {"02ffff", -1},       /* negative */
        {"021100", -1},       /* padded */
        {"03b00100", -1},     /* padded */
        {"050000000001", -1}, /* more than any height */
        {"02b0", -1},         /* cut off */
        {"04ffffff", -1},
        {"4c01aa", -1}, /* OP_PUSHDATA1 */
        {"61aa", -1},
        {"4faa", -1}, /* OP_1NEGATE */
        {"50aa", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes sig = bytes_from_hex(rows[i].sig);
        struct tx tx = {.is_coinbase = true, .coinbase_sig = {sig.p, sig.len}};

        assert_true(coinbase_height(&tx) == rows[i].height);
        tx.is_coinbase = false;
        assert_true(coinbase_height(&tx) == -1);
        free(sig.p);
    }
}

static void test_outputs(void **state)
{
    struct bytes b = bytes_from_hex(VERSION "01" INPUT "03"
                                            "ffffffffffffffff"
                                            "00"
                                            "0000000000000000"
                                            "01aa"
                                            "00e1f50500000000"
                                            "02bbcc" LOCK);
    struct tx_output out;
    struct tx tx;
    size_t pos = 0;

    (void)state;
    assert_int_equal(tx_parse(b.p, b.len, &tx), PARSE_OK);
    assert_int_equal(tx.outputs, 3);
    assert_true(tx_next_output(&tx, &pos, &out));
    assert_true(out.value == UINT64_MAX);
    assert_int_equal(out.script.len, 0);
    assert_true(tx_next_output(&tx, &pos, &out));
    assert_true(out.value == 0);
    assert_int_equal(out.script.len, 1);
    assert_true(tx_next_output(&tx, &pos, &out));
    assert_true(out.value == 100000000);
    assert_memory_equal(out.script.p, "\xbb\xcc", 2);
    assert_false(tx_next_output(&tx, &pos, &out));
    assert_false(tx_next_output(&tx, &pos, &out));
    free(b.p);
}

/* Nothing is written when a transaction is refused. */
static void test_untouched(void **state)
{
    struct tx tx, before;
    struct bytes b = bytes_from_hex(VERSION "01" INPUT "01" OUTPUT);

    (void)state;
    memset(&tx, 0x5a, sizeof(tx));
    memset(&before, 0x5a, sizeof(before));
    assert_int_equal(tx_parse(b.p, b.len, &tx), PARSE_TRUNCATED);
    assert_memory_equal(&tx, &before, sizeof(tx));
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_are_walked),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_stripped),
        cmocka_unit_test(test_refused_forms),
        cmocka_unit_test(test_hostile_counts),
        cmocka_unit_test(test_coinbase),
        cmocka_unit_test(test_height),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_untouched),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("tx", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
