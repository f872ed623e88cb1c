/* The bitcoin family's rules on a real block, each with input that breaks it, and their order. */
#include "backend/chain/bitcoin.h"
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;
static struct good g;
static struct pool_script scripts[2];
static struct bitcoin bitcoin = {.scripts_n = 1, .scripts = scripts};
static struct chain chain = {.data = &bitcoin};
static struct parent parent;
static char why[DETAIL_MAX + 1]; /* of the last refusal */

static int set_up(void **state)
{
    struct tx_output out;
    size_t pos = 0;

    (void)state;
    good_new(&g, vectors);
    chain.net = &g.net;
    share_decode_block(&g.share);
    assert_int_equal(g.share.block_result, PARSE_OK);
    assert_true(tx_next_output(&g.share.block.coinbase, &pos, &out));
    assert_true(out.value == 5000000000);
    memcpy(scripts[0].script.b, out.script.p, out.script.len);
    scripts[0].script.len = out.script.len;
    scripts[0].until_us = INT64_MAX;
    bitcoin.scripts_n = 1;
    bitcoin.pow = pow_by_name("scrypt");
    parent = (struct parent){.state = PARENT_KNOWN,
                             .height = 1,
                             .has_bits = true,
                             .bits = g.share.header.bits,
                             .seen_before = 1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    good_free(&g);
    return 0;
}

static void assert_good(void)
{
    bitcoin_rules(&chain, &g.share, &parent);
    assert_string_equal(g.share.detail, "");
    assert_int_equal(g.share.state, SHARE_OPEN);
}

static void assert_refused(enum reason reason)
{
    bitcoin_rules(&chain, &g.share, &parent);
    assert_int_equal(g.share.state, SHARE_REJECTED);
    assert_string_equal(reason_name(g.share.reason), reason_name(reason));
    assert_true(g.share.detail[0] != '\0');
    g.share.state = SHARE_OPEN;
    strcpy(why, g.share.detail);
    g.share.detail[0] = '\0';
}

/* The decoded block, as bytes that a test changes and puts back. */
static uint8_t *block_bytes(size_t *ret_len)
{
    const struct text *hex = &g.msg.field[SOLUTION_BLOCK_HEX];
    uint8_t *bytes = mem_zalloc(hex->len / 2);

    assert_true(hex_decode(hex->p, hex->len, bytes));
    *ret_len = hex->len / 2;
    return bytes;
}

static void test_good(void **state)
{
    (void)state;
    assert_good();
}

/* Every cut of the block is refused, and reads nothing behind its end (ASan). */
static void test_cut_blocks(void **state)
{
    size_t len;
    uint8_t *bytes = block_bytes(&len);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        good_set_bytes(&g, SOLUTION_BLOCK_HEX, bytes, cut);
        assert_refused(REASON_TRANSACTION_INVALID);
    }
    free(bytes);
}

/* Every byte of a block is bound by its hash, its merkle root, its form, or not part of either
 * (the coinbase's witness); none can be changed and still count with the same claims. */
static void test_changed_blocks(void **state)
{
    size_t len, free_bytes = 0;
    uint8_t *bytes = block_bytes(&len);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 0x20;
        good_set_bytes(&g, SOLUTION_BLOCK_HEX, bytes, len);
        bitcoin_rules(&chain, &g.share, &parent);
        free_bytes += g.share.state == SHARE_OPEN;
        bytes[i] ^= 0x20;
    }
    assert_int_equal(free_bytes, 32);
    free(bytes);
}

static void test_transaction(void **state)
{
    const json_t *v4 = vectors_named(vectors, "blocks", "V4");
    const json_t *v7 = vectors_named(vectors, "blocks", "V7");

    (void)state;
    /* with or without witness */
    good_set(&g, SOLUTION_TRANSACTION_HEX, vectors_text(v4, "coinbase_without_witness"));
    assert_good();
    good_set(&g, SOLUTION_TRANSACTION_HEX, vectors_text(v7, "coinbase_without_witness"));
    assert_refused(REASON_BLOCK_MISMATCH);
    good_set(&g, SOLUTION_TRANSACTION_HEX, "");
    assert_refused(REASON_TRANSACTION_INVALID);
}

static void test_no_coinbase(void **state)
{
    (void)state;
    g.share.block.coinbase.is_coinbase = false;
    assert_refused(REASON_TRANSACTION_INVALID);
}

static void test_header_time(void **state)
{
    int64_t header_us = (int64_t)g.share.header.time * 1000000;

    (void)state;
    g.share.received_us = header_us + 86400 * INT64_C(1000000) + 999999;
    assert_good();
    g.share.received_us = header_us + 86401 * INT64_C(1000000);
    assert_refused(REASON_HEADER_TIME);
    g.share.received_us = header_us - 7200 * INT64_C(1000000);
    assert_good();
    g.share.received_us = header_us - 7201 * INT64_C(1000000);
    assert_refused(REASON_HEADER_TIME);
}

static void test_mismatches(void **state)
{
    static const struct {
        enum solution_field field;
        const char *text;
    } bad[] = {
        {SOLUTION_BLOCK_HASH, ""},
        {SOLUTION_BLOCK_HASH, "zz"},
        {SOLUTION_BLOCK_HASH, EASIEST},
        {SOLUTION_BLOCK_TIME, "0"},
        {SOLUTION_BLOCK_TIME, ""},
        {SOLUTION_BLOCK_TIME, "-1"},
        {SOLUTION_BLOCK_TIME, "99999999999999999999999999"},
        {SOLUTION_NONCE, "x"},
        {SOLUTION_NONCE, "4294967296"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *good = mem_strdup(g.text[bad[i].field]);

        good_set(&g, bad[i].field, bad[i].text);
        assert_refused(REASON_BLOCK_MISMATCH);
        good_set(&g, bad[i].field, good);
        free(good);
    }
    assert_good();
    g.share.block.merkle_ok = false;
    assert_refused(REASON_BLOCK_MISMATCH);
}

/* Counters and times of threads are for display: nonsense harms nobody. */
static void test_garbage_that_does_not_matter(void **state)
{
    (void)state;
    for (enum solution_field f = SOLUTION_THREAD_ID; f <= SOLUTION_TIMER_END; f++)
        good_set(&g, f, "-99999999999999999999999999999 ' \"");
    good_set(&g, SOLUTION_PREV_BLOCK_TIME, "");
    assert_good();
}

static void test_bits(void **state)
{
    (void)state;
    parent.bits = 0x1d00ffff;
    assert_refused(REASON_BLOCK_MISMATCH);
    parent.has_bits = false;
    assert_good();
}

static void test_recipient(void **state)
{
    (void)state;
    scripts[0].script.b[5] ^= 1;
    assert_refused(REASON_TAMPERED);
    scripts[1] = scripts[0];
    scripts[1].script.b[5] ^= 1;
    bitcoin.scripts_n = 2;
    scripts[1].until_us = g.share.received_us + 1; /* a former address within its grace period */
    assert_good();
    scripts[1].until_us = g.share.received_us;
    assert_refused(REASON_TAMPERED);
    scripts[0].script.b[5] ^= 1;
    g.net.initial_subsidy = 5000000001;
    assert_refused(REASON_TAMPERED);
}

static void test_heights(void **state)
{
    static const char *const bad[] = {"0", "2", "", "x", "18446744073709551615"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        good_set(&g, SOLUTION_PREV_HEIGHT, bad[i]);
        assert_refused(REASON_TAMPERED);
    }
    good_set(&g, SOLUTION_PREV_HEIGHT, "1");
    parent.height = 0;
    parent.seen_before = 0;
    assert_refused(REASON_TAMPERED);
    parent.height = 1;
    parent.seen_before = 2;
    assert_refused(REASON_TAMPERED);
    parent.seen_before = 1;
    assert_good();
    parent.state = PARENT_SIDE;
    assert_refused(REASON_TAMPERED);
    parent = (struct parent){.state = PARENT_UNSEEN}; /* left to the wallet */
    assert_good();
}

/* Replaces the end of the coinbase's scriptSig in the parsed block by TAG. */
static void tag_coinbase(const char *tag)
{
    g.share.block.coinbase.coinbase_sig = (struct span){(const uint8_t *)tag, strlen(tag)};
}

static void test_miner_tag(void **state)
{
    (void)state;
    g.net.initial_subsidy = 1;
    parent = (struct parent){.state = PARENT_UNSEEN};
    tag_coinbase("R<MINERGUID>" GOOD_WORK "</MINERGUID>");
    assert_refused(REASON_WORK_MISMATCH);
    /* its own name, no name, a cut or malformed one: the height rule is the next to object */
    tag_coinbase("R<MINERGUID>" GOOD_MINER "</MINERGUID>");
    assert_good();
    tag_coinbase("R<MINERGUID>");
    assert_good();
    tag_coinbase("R<MINERGUID>22222222-2222-4222-8222-22222222222");
    assert_good();
    tag_coinbase("R<MINERGUID>22222222-2222-4222-8222-22222222222x");
    assert_good();
}

static void test_order(void **state)
{
    (void)state;
    g.share.block_result = PARSE_BAD;
    g.share.received_us = 0;
    g.share.block.hash.be[0] ^= 1;
    g.share.block.merkle_ok = false;
    g.share.work.miner_id.b[0] ^= 1;
    tag_coinbase("R<MINERGUID>" GOOD_MINER "</MINERGUID>");
    scripts[0].script.len--;
    parent.state = PARENT_SIDE;
    assert_refused(REASON_TRANSACTION_INVALID);
    g.share.block_result = PARSE_OK;
    assert_refused(REASON_HEADER_TIME);
    g.share.received_us = g.msg.received_us;
    assert_refused(REASON_BLOCK_MISMATCH);
    g.share.block.hash.be[0] ^= 1;
    assert_refused(REASON_BLOCK_MISMATCH);
    g.share.block.merkle_ok = true;
    assert_refused(REASON_WORK_MISMATCH);
    g.share.work.miner_id.b[0] ^= 1;
    assert_refused(REASON_TAMPERED);
    assert_non_null(strstr(why, "recipient"));
    scripts[0].script.len++;
    assert_refused(REASON_TAMPERED);
    assert_non_null(strstr(why, "height"));
}

static void test_subsidy(void **state)
{
    (void)state;
    assert_true(bitcoin_subsidy(&g.net, 0) == 5000000000);
    assert_true(bitcoin_subsidy(&g.net, 149) == 5000000000);
    assert_true(bitcoin_subsidy(&g.net, 150) == 2500000000);
    assert_true(bitcoin_subsidy(&g.net, 433) == 1250000000);
    assert_true(bitcoin_subsidy(&g.net, 150 * 32) == 1);
    assert_true(bitcoin_subsidy(&g.net, 150 * 33) == 0);
    assert_true(bitcoin_subsidy(&g.net, 150 * 64) == 0);
    assert_true(bitcoin_subsidy(&g.net, INT64_MAX) == 0);
}

/* Outputs made by hand: value (8 bytes, little-endian), length, script. */
static const char *pays(const uint8_t *outputs, size_t len, uint32_t n, int64_t *ret_sum)
{
    struct tx tx = {.outputs = n, .output_bytes = {outputs, len}};

    return bitcoin_pays_pool(&bitcoin, &tx, 0, ret_sum);
}

static void test_outputs(void **state)
{
    static const uint8_t twice[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0x51,
                                    2, 0, 0, 0, 0, 0, 0, 0, 1, 0x51};
    static const uint8_t other[] = {1, 0, 0, 0, 0, 0, 0, 0, 1, 0x51,
                                    1, 0, 0, 0, 0, 0, 0, 0, 1, 0x52};
    static const uint8_t zero[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 0x52,
                                   1, 0, 0, 0, 0, 0, 0, 0, 1, 0x51};
    static const uint8_t overflow[] = {255, 255, 255, 255, 255, 255, 255, 127, 1, 0x51,
                                       1,   0,   0,   0,   0,   0,   0,   0,   1, 0x51};
    static const uint8_t huge[] = {255, 255, 255, 255, 255, 255, 255, 255, 1, 0x51};
    int64_t sum = 0;

    (void)state;
    scripts[0].script = (struct script){.b = {0x51}, .len = 1};
    assert_null(pays(twice, sizeof(twice), 2, &sum));
    assert_true(sum == 3);
    assert_non_null(pays(other, sizeof(other), 2, &sum));
    assert_null(pays(zero, sizeof(zero), 2, &sum));
    assert_true(sum == 1);
    assert_non_null(pays(overflow, sizeof(overflow), 2, &sum));
    assert_non_null(pays(huge, sizeof(huge), 1, &sum));
    scripts[0].script.len = 0;
    assert_non_null(pays(twice, sizeof(twice), 2, &sum));
}

static void test_parents(void **state)
{
    static const struct {
        enum parent_state known;
        int64_t height, seen_before;
        enum timely want;
    } cases[] = {
        {PARENT_KNOWN, 10, 10, TIMELY}, /* it is the tip */
        {PARENT_KNOWN, 10, 9, TIMELY},  /* superseded only later */
        {PARENT_KNOWN, 10, -1, TIMELY}, /* nobody was watching then */
        {PARENT_KNOWN, 10, 11, STALE},  /* superseded before */
        {PARENT_KNOWN, 0, 1000, STALE},    {PARENT_UNSEEN, 0, 10, UNDECIDED},
        {PARENT_UNSEEN, 0, -1, UNDECIDED}, {PARENT_SIDE, 10, 9, STALE},
        {PARENT_SIDE, 10, -1, STALE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parent p = {.state = cases[i].known,
                           .height = cases[i].height,
                           .seen_before = cases[i].seen_before};
        assert_int_equal(parent_judge(&p), cases[i].want);
    }
}

static void test_work(void **state)
{
    const json_t *v4 = vectors_named(vectors, "blocks", "V4");
    struct share other = g.share;
    struct share *both[] = {&g.share, &other};
    char hex[65];

    (void)state;
    other.header_bytes[0] ^= 1;
    bitcoin_hash(&bitcoin, both, 2);
    u256_to_hex(&g.share.true_hash, hex);
    assert_string_equal(hex, vectors_text(v4, "pow_hash"));
    assert_true(other.has_true_hash);
    assert_int_not_equal(u256_cmp(&g.share.true_hash, &other.true_hash), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good),           TEST(test_cut_blocks),
        TEST(test_changed_blocks), TEST(test_transaction),
        TEST(test_no_coinbase),    TEST(test_header_time),
        TEST(test_mismatches),     TEST(test_garbage_that_does_not_matter),
        TEST(test_bits),           TEST(test_recipient),
        TEST(test_heights),        TEST(test_miner_tag),
        TEST(test_order),          TEST(test_subsidy),
        TEST(test_outputs),        TEST(test_parents),
        TEST(test_work),
    };

    vectors = vectors_load("wallet.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
