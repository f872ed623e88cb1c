/* Whose a block is and what it pays: coinbases of the bitcoin family, answers of BiblePay's wallet.
 */
#include "backend/chain/biblepay.h"
#include "backend/chain/bitcoin.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- coinbases --- */

/* Pay-to-public-key-hash scripts, whose hash is 20 times one byte. */
enum payee { POOL = 1, FORMER = 2, STRANGER = 3, OTHER = 4, NOBODY = 0 };

struct output {
    uint64_t value;
    enum payee payee; /* NOBODY: OP_RETURN */
};

static size_t p2pkh(enum payee payee, uint8_t *out)
{
    static const uint8_t head[] = {0x76, 0xa9, 20}, tail[] = {0x88, 0xac};

    if (payee == NOBODY) {
        memcpy(out, (const uint8_t[]){0x6a, 1, 7}, 3);
        return 3;
    }
    memcpy(out, head, 3);
    memset(out + 3, (int)payee, 20);
    memcpy(out + 23, tail, 2);
    return 25;
}

/* A coinbase with these outputs (N ends with value 0 to NOBODY); its length. */
static size_t coinbase(const struct output *outputs, size_t n, uint8_t *out)
{
    static const uint8_t input[] = {2, 0, 0, 0, 1};
    uint8_t *p = out;

    memcpy(p, input, sizeof(input));
    p += sizeof(input);
    memset(p, 0, 32);
    memset(p + 32, 0xff, 4);
    memcpy(p + 36, (const uint8_t[]){2, 0x51, 0x51, 0xff, 0xff, 0xff, 0xff, (uint8_t)n}, 8);
    p += 44;
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < 8; k++)
            *p++ = (uint8_t)(outputs[i].value >> (8 * k));
        size_t len = p2pkh(outputs[i].payee, p + 1);
        *p = (uint8_t)len;
        p += 1 + len;
    }
    memset(p, 0, 4);
    return (size_t)(p + 4 - out);
}

static void expect(const struct output *outputs, size_t n, bool ours, uint64_t subsidy,
                   enum payee recipient)
{
    static const struct address_rules rules = {.p2pkh = {111}, .p2pkh_n = 1};
    struct pool_script scripts[2] = {{.until_us = INT64_MAX}, {.until_us = 1}}; /* one is over */
    struct bitcoin b = {.scripts_n = 2, .scripts = scripts, .rules = rules};
    struct chain_block block = {0};
    char address[ADDRESS_MAX_TEXT + 1] = "";
    uint8_t bytes[1024], script[25];
    struct tx tx;

    scripts[0].script.len = p2pkh(POOL, scripts[0].script.b);
    scripts[1].script.len = p2pkh(FORMER, scripts[1].script.b);
    assert_int_equal(tx_parse(bytes, coinbase(outputs, n, bytes), &tx), PARSE_OK);
    assert_true(bitcoin_read_coinbase(&b, &tx, &block));
    assert_true(block.has_subsidy);
    assert_int_equal(block.pool_block, ours);
    assert_int_equal(block.subsidy, subsidy);
    if (recipient != NOBODY)
        assert_true(address_from_script(&rules, script, p2pkh(recipient, script), address));
    assert_string_equal(block.recipient, address);
}

#define EXPECT(ours, subsidy, recipient, ...)                                                      \
    do {                                                                                           \
        const struct output outputs_[] = {__VA_ARGS__};                                            \
        expect(outputs_, sizeof(outputs_) / sizeof(outputs_[0]), ours, subsidy, recipient);        \
    } while (0)

static void test_whose_a_coinbase_is(void **state)
{
    (void)state;
    EXPECT(true, 50, POOL, {50, POOL}, {0, NOBODY});
    EXPECT(true, 50, FORMER, {50, FORMER});
    EXPECT(true, 60, POOL, {0, NOBODY}, {40, POOL}, {20, FORMER});
    EXPECT(false, 50, STRANGER, {50, STRANGER}, {0, NOBODY});
    EXPECT(false, 70, STRANGER, {40, STRANGER}, {10, OTHER}, {30, STRANGER});
    EXPECT(false, 0, NOBODY, {0, NOBODY});
    EXPECT(false, 0, NOBODY, {0, POOL});
    EXPECT(false, 9, NOBODY, {9, NOBODY});
    EXPECT(true, INT64_MAX, POOL, {INT64_MAX, POOL});
}

/* A coinbase that throws the pool a crumb must not collect its shares. */
static void test_a_part_is_not_enough(void **state)
{
    (void)state;
    EXPECT(false, 99, STRANGER, {1, POOL}, {99, STRANGER});
    EXPECT(false, 50, POOL, {50, POOL}, {50, STRANGER});
    EXPECT(true, 51, POOL, {51, POOL}, {49, STRANGER});
    EXPECT(true, 60, POOL, {30, POOL}, {40, STRANGER}, {30, FORMER});
}

static void test_more_than_there_can_be(void **state)
{
    const struct output all[] = {{INT64_MAX, POOL}, {1, POOL}}, one[] = {{UINT64_MAX, STRANGER}};
    struct pool_script script = {.until_us = 0};
    struct bitcoin b = {.scripts_n = 1, .scripts = &script};
    struct chain_block block = {0};
    uint8_t bytes[1024];
    struct tx tx;

    (void)state;
    assert_int_equal(tx_parse(bytes, coinbase(all, 2, bytes), &tx), PARSE_OK);
    assert_false(bitcoin_read_coinbase(&b, &tx, &block));
    assert_int_equal(tx_parse(bytes, coinbase(one, 1, bytes), &tx), PARSE_OK);
    assert_false(bitcoin_read_coinbase(&b, &tx, &block));
}

/* --- BiblePay's wallet --- */

#define OURS "yLKSrCjLQFsfVgX8RjdctZ797d54atPjnV"
#define GUID "01234567-89ab-7def-8123-456789abcdef"

static char *const former[] = {(char[]){"yFormer=2020-01-01T00:00:00Z"}};
static const struct backend_network network = {
    .base.pool_address = (char[]){OURS},
    .former_pool_addresses = {(char **)former, 1},
};

static const char *read_subsidy(const char *text, struct chain_block *ret)
{
    json_t *reply = json_loads(text, JSON_DECODE_ANY, NULL);
    const char *wrong;

    assert_non_null(reply);
    *ret = (struct chain_block){0};
    wrong = biblepay_read_subsidy(&network, reply, ret);
    json_decref(reply);
    return wrong;
}

static void test_subsidy(void **state)
{
    struct chain_block b;

    (void)state;
    assert_null(read_subsidy("{\"subsidy\":5492,\"recipient\":\"" OURS "\",\"blockversion\":"
                             "\"1.1.1.1c\",\"minerguid\":\"" GUID "\"}",
                             &b));
    assert_true(b.has_subsidy && b.pool_block && b.has_finder);
    assert_int_equal(b.subsidy, 549200000000);
    assert_string_equal(b.version_text, "1.1.1.1c");
    assert_null(read_subsidy("{\"subsidy\":\"0.00000001\",\"recipient\":\"yFormer\"}", &b));
    assert_true(b.pool_block && b.subsidy == 1 && !b.has_finder);
    assert_null(read_subsidy("{\"subsidy\":0,\"recipient\":\"yForme\",\"minerguid\":\"x\"}", &b));
    assert_true(!b.pool_block && b.subsidy == 0 && b.has_subsidy && !b.has_finder);
    assert_null(read_subsidy("{\"error\":\"block not found\"}", &b));
    assert_false(b.has_subsidy);
}

static void test_wrong_subsidy(void **state)
{
    static const char *const rows[] = {
        "[]",
        "{\"subsidy\":-1}",
        "{\"subsidy\":\"-1\"}",
        "{\"subsidy\":\"1.000000001\"}",
        "{\"subsidy\":92233720369}",
        "{\"subsidy\":\"many\"}",
        "{\"subsidy\":true}",
        "{\"subsidy\":{}}",
    };
    struct chain_block b;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_non_null(read_subsidy(rows[i], &b));
        assert_false(b.has_subsidy);
    }
}

static void test_getblock(void **state)
{
    json_t *good = json_pack("{s:I,s:i,s:s,s:s}", "time", (json_int_t)1518041527, "version", 3,
                             "bits", "207fffff", "previousblockhash",
                             "00000000000000000000000000000000000000000000000000000000000000ff");
    json_t *bare = json_pack("{s:I}", "time", (json_int_t)UINT32_MAX);
    json_t *late = json_pack("{s:I}", "time", (json_int_t)UINT32_MAX + 1);
    json_t *text = json_pack("{s:s}", "time", "1518041527");
    struct chain_block b = {0};

    (void)state;
    assert_null(biblepay_read_block(good, &b));
    assert_true(b.time == 1518041527 && b.version == 3 && b.difficulty == 2 && b.has_prev);
    assert_int_equal(b.prev.be[31], 0xff);
    b = (struct chain_block){0};
    assert_null(biblepay_read_block(bare, &b));
    assert_true(b.time == UINT32_MAX && b.difficulty == 0 && !b.has_prev);
    assert_non_null(biblepay_read_block(late, &b));
    assert_non_null(biblepay_read_block(text, &b));
    json_decref(good);
    json_decref(bare);
    json_decref(late);
    json_decref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whose_a_coinbase_is),    cmocka_unit_test(test_a_part_is_not_enough),
        cmocka_unit_test(test_more_than_there_can_be), cmocka_unit_test(test_subsidy),
        cmocka_unit_test(test_wrong_subsidy),          cmocka_unit_test(test_getblock),
    };

    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
