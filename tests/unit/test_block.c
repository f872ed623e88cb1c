#include "common/coin/block.h"

#include "tests/unit/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors, *chain;

/* Parses a heap copy of exactly LEN bytes, so that ASan sees an overrun. The caller who wants to
 * look at spans takes the copy over. */
static enum parse_result parse(const uint8_t *p, size_t len, struct block *ret, uint8_t **ret_copy)
{
    uint8_t *copy = bytes_copy(p, len);
    const enum parse_result r = block_parse(copy, len, ret);

    if (ret_copy)
        *ret_copy = copy;
    else
        free(copy);
    return r;
}

static void assert_u256(const struct u256 *x, const char *want)
{
    char text[65];

    u256_to_hex(x, text);
    assert_string_equal(text, want);
}

static void assert_parse(enum parse_result got, enum parse_result want)
{
    assert_string_equal(parse_result_name(got), parse_result_name(want));
}

static void test_v4(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V4");
    struct bytes raw = block_of_coinbase(vectors, "V4");
    struct tx_output out;
    struct block b;
    uint8_t *copy;
    size_t pos = 0;

    (void)state;
    assert_parse(parse(raw.p, raw.len, &b, &copy), PARSE_OK);
    assert_true(b.merkle_ok);
    assert_ptr_equal(b.header_bytes, copy);
    assert_u256(&b.hash, vectors_text(v, "block_hash"));
    assert_u256(&b.header.prev, vectors_text(v, "previous"));
    assert_int_equal(b.header.version, 0x20000000);
    assert_int_equal(b.header.bits, 0x207fffff);
    assert_int_equal(b.header.time, 0x6b00c812);
    assert_int_equal(b.header.nonce, 0);
    assert_int_equal(b.tx_count, 1);
    assert_false(b.has_mweb);
    assert_u256(&b.coinbase.txid, vectors_text(v, "coinbase_txid"));
    assert_u256(&b.header.merkle_root, vectors_text(v, "coinbase_txid"));
    assert_true(b.coinbase.is_coinbase && b.coinbase.has_witness && !b.coinbase.is_hogex);
    assert_int_equal(b.coinbase.version, 1);
    assert_int_equal(b.coinbase.locktime, 0);
    assert_int_equal(b.coinbase.raw.len, raw.len - 81);
    assert_ptr_equal(b.coinbase.raw.p, copy + 81);
    assert_int_equal(coinbase_height(&b.coinbase), 2);

    assert_int_equal(b.coinbase.outputs, 2);
    assert_true(tx_next_output(&b.coinbase, &pos, &out));
    assert_true(out.value == 5000000000);
    assert_int_equal(out.script.len, 22);
    assert_memory_equal(out.script.p, "\x00\x14\xb3\x2f\xdc\xf6", 6);
    assert_true(tx_next_output(&b.coinbase, &pos, &out));
    assert_true(out.value == 0);
    assert_int_equal(out.script.len, 38);
    assert_false(tx_next_output(&b.coinbase, &pos, &out));
    free(copy);
    free(raw.p);
}

static void test_v5(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");
    struct bytes raw = block_v5_mweb(vectors);
    struct bytes root = bytes_from_hex(vectors_text(v, "merkle_root")); /* internal order */
    struct u256 want;
    struct block b;
    uint8_t *copy;

    (void)state;
    assert_parse(parse(raw.p, raw.len, &b, &copy), PARSE_OK);
    assert_true(b.merkle_ok);
    assert_u256(&b.hash, vectors_text(v, "block_hash"));
    u256_reverse(root.p, &want);
    assert_int_equal(u256_cmp(&b.header.merkle_root, &want), 0);
    free(root.p);
    assert_u256(&b.coinbase.txid, vectors_text(v, "coinbase_txid"));
    assert_int_equal(b.tx_count, 3);
    assert_true(b.has_mweb);
    assert_int_equal(b.mweb.len, strlen(vectors_text(vectors, "mweb_blob_height_433")) / 2);
    assert_ptr_equal(b.mweb.p + b.mweb.len, copy + raw.len);
    assert_int_equal(coinbase_height(&b.coinbase), 432);
    free(copy);
    free(raw.p);
}

/* V6's transactions are not in the vectors, but their branch is. */
static void test_v6_header(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V6");
    const json_t *notify = vectors_member(v, "notify"), *submit = vectors_member(v, "submit");
    char *hex = mem_sprintf(
        "%s%s%s%s", json_string_value(json_array_get(notify, 2)), vectors_text(v, "extranonce1"),
        json_string_value(json_array_get(submit, 2)), json_string_value(json_array_get(notify, 3)));
    struct bytes coinbase = bytes_from_hex(hex), header = bytes_from_hex(vectors_text(v, "header"));
    struct bytes side =
        bytes_from_hex(json_string_value(json_array_get(json_array_get(notify, 4), 0)));
    struct header h;
    struct u256 left, root;
    uint8_t hash[32];
    struct tx tx;

    (void)state;
    assert_parse(tx_parse(coinbase.p, coinbase.len, &tx), PARSE_OK);
    assert_u256(&tx.txid, vectors_text(v, "coinbase_txid"));
    assert_int_equal(coinbase_height(&tx), 590);
    u256_reverse(tx.txid.be, &left);
    sha256d_parts((const struct span[]){{left.be, 32}, {side.p, side.len}}, 2, hash);
    u256_reverse(hash, &root);
    header_parse(header.p, &h);
    assert_int_equal(u256_cmp(&h.merkle_root, &root), 0);
    assert_int_equal(h.nonce, 0x10000000);
    assert_int_equal(h.time, 0x6b00d110);
    free(hex);
    free(coinbase.p);
    free(header.p);
    free(side.p);
}

static void test_v7(void **state)
{
    const json_t *v = vectors_named(vectors, "blocks", "V7");
    struct bytes raw = block_of_coinbase(vectors, "V7");
    struct bytes bare = bytes_from_hex(vectors_text(v, "header"));
    struct block b, without;

    (void)state;
    assert_parse(block_parse(raw.p, raw.len, &b), PARSE_OK);
    assert_true(b.merkle_ok);
    assert_u256(&b.hash, vectors_text(v, "block_hash"));
    assert_int_equal(coinbase_height(&b.coinbase), 502);
    bytes_add_hex(&bare, "01");
    bytes_add_hex(&bare, vectors_text(v, "coinbase_without_witness"));
    assert_parse(parse(bare.p, bare.len, &without, NULL), PARSE_OK);
    assert_true(without.merkle_ok);
    assert_false(without.coinbase.has_witness);
    assert_int_equal(u256_cmp(&without.coinbase.txid, &b.coinbase.txid), 0);
    free(raw.p);
    free(bare.p);
}

/* Blocks of a real chain, across the activation of MWEB. */
static void test_chain(void **state)
{
    (void)state;
    for (size_t i = 0; i < json_array_size(chain); i++) {
        const json_t *v = json_array_get(chain, i);
        struct bytes raw = bytes_from_hex(vectors_text(v, "hex"));
        const int64_t height = json_integer_value(vectors_member(v, "height"));
        struct block b;

        assert_parse(block_parse(raw.p, raw.len, &b), PARSE_OK);
        assert_true(b.merkle_ok);
        assert_u256(&b.hash, vectors_text(v, "hash"));
        assert_int_equal(coinbase_height(&b.coinbase), height);
        assert_int_equal(b.has_mweb, height >= 432);
        free(raw.p);
    }
    assert_true(json_array_size(chain) >= 7);
}

/* Cut off anywhere, a block is refused; so is one with a byte too many. Of an MWEB part that holds
 * for empty lists of inputs, outputs and kernels. */
static void truncate_everywhere(struct bytes *raw)
{
    struct block b;

    for (size_t n = 0; n < raw->len; n++)
        assert_parse(parse(raw->p, n, &b, NULL), PARSE_TRUNCATED);
    bytes_add_hex(raw, "00");
    assert_parse(parse(raw->p, raw->len, &b, NULL), PARSE_TRAILING);
}

/* Whatever byte is changed: the transactions either fail to parse, or no longer fit the header, or
 * the change was in the header's other fields, the witnesses or the MWEB part. */
static void flip_everywhere(const struct bytes *raw, const struct block *good)
{
    for (size_t n = 0; n < raw->len * 8; n++) {
        const uint8_t bit = (uint8_t)(1 << n % 8);
        const size_t at = n / 8;
        struct block b;

        raw->p[at] ^= bit;
        if (parse(raw->p, raw->len, &b, NULL) == PARSE_OK) {
            assert_int_equal(u256_cmp(&b.hash, &good->hash) == 0, at >= HEADER_SIZE);
            if (at >= 36 && at < 68) /* the merkle root */
                assert_false(b.merkle_ok);
            if (b.merkle_ok) {
                assert_int_equal(u256_cmp(&b.coinbase.txid, &good->coinbase.txid), 0);
                assert_int_equal(b.tx_count, good->tx_count);
                assert_int_equal(b.has_mweb, good->has_mweb);
            }
        }
        raw->p[at] ^= bit;
    }
}

static void test_hostile_bytes(void **state)
{
    struct bytes raws[] = {block_of_coinbase(vectors, "V4"), block_v5_mweb(vectors),
                           block_of_coinbase(vectors, "V7"),
                           bytes_from_hex(vectors_text(json_array_get(chain, 6), "hex"))};

    (void)state;
    for (size_t i = 0; i < sizeof(raws) / sizeof(raws[0]); i++) {
        struct block good;

        assert_parse(block_parse(raws[i].p, raws[i].len, &good), PARSE_OK);
        assert_true(good.merkle_ok);
        flip_everywhere(&raws[i], &good);
        truncate_everywhere(&raws[i]);
        free(raws[i].p);
    }
}

static void assert_v5_tail(const char *tail, enum parse_result want)
{
    struct bytes raw = block_v5(vectors, tail);
    struct block b;

    assert_parse(parse(raw.p, raw.len, &b, NULL), want);
    free(raw.p);
}

#define ZEROS_32   "0000000000000000000000000000000000000000000000000000000000000000"
#define MWEB_START "018230" ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 ZEROS_32 "0200"

/* A block has an MWEB part exactly when its last transaction is a HogEx. */
static void test_tail(void **state)
{
    struct bytes raw = block_of_coinbase(vectors, "V4");
    struct block b;

    (void)state;
    assert_v5_tail("", PARSE_TRUNCATED);
    assert_v5_tail("01", PARSE_TRUNCATED);
    assert_v5_tail("00", PARSE_BAD);
    assert_v5_tail("00aa", PARSE_BAD);
    assert_v5_tail("02aa", PARSE_BAD);
    assert_v5_tail("01aa", PARSE_TRUNCATED);
    assert_v5_tail(MWEB_START "000000", PARSE_OK);
    assert_v5_tail(MWEB_START "0000", PARSE_TRUNCATED);
    assert_v5_tail(MWEB_START "00000000", PARSE_TRAILING);
    assert_v5_tail(MWEB_START "0001", PARSE_TRUNCATED);   /* one output, of no bytes */
    assert_v5_tail(MWEB_START "fdffff", PARSE_TRUNCATED); /* 65535 inputs */
    assert_v5_tail(MWEB_START "feffffffff", PARSE_OVERSIZE);
    assert_v5_tail("01ffffffffffffffffffffffff", PARSE_BAD); /* a height without end */
    bytes_add_hex(&raw, "00");
    assert_parse(parse(raw.p, raw.len, &b, NULL), PARSE_TRAILING);
    raw.p[raw.len - 1] = 1;
    bytes_add_hex(&raw, "aabbcc");
    assert_parse(parse(raw.p, raw.len, &b, NULL), PARSE_TRAILING);
    free(raw.p);
}

/* A header and COUNT, then the parts, of which each is a transaction in hex. */
static enum parse_result parse_list(const char *count, const char *const *tx, struct block *ret)
{
    struct bytes raw =
        bytes_from_hex(vectors_text(vectors_named(vectors, "blocks", "V5"), "header"));

    bytes_add_hex(&raw, count);
    for (; *tx; tx++)
        bytes_add_hex(&raw, *tx);
    const enum parse_result r = parse(raw.p, raw.len, ret, NULL);
    free(raw.p);
    return r;
}

static void test_hogex_place(void **state)
{
    const char *pegin = v5_transaction(vectors, 0), *hogex = v5_transaction(vectors, 1);
    char *coinbase = v5_coinbase(vectors);
    struct block b;

    (void)state;
    assert_parse(
        parse_list("03", (const char *const[]){coinbase, pegin, hogex, MWEB_START "000000", NULL},
                   &b),
        PARSE_OK);
    assert_parse(parse_list("03", (const char *const[]){coinbase, hogex, pegin, "01aa", NULL}, &b),
                 PARSE_BAD);
    assert_parse(parse_list("03", (const char *const[]){coinbase, hogex, hogex, "01aa", NULL}, &b),
                 PARSE_BAD);
    assert_parse(parse_list("01", (const char *const[]){hogex, "01aa", NULL}, &b), PARSE_BAD);
    assert_parse(parse_list("02", (const char *const[]){coinbase, pegin, "01aa", NULL}, &b),
                 PARSE_TRAILING);
    free(coinbase);
}

static void test_counts(void **state)
{
    static const struct {
        const char *count;
        enum parse_result want;
    } rows[] = {
        {"01", PARSE_OK},
        {"00", PARSE_BAD},
        {"fd0100", PARSE_BAD}, /* longer than needed */
        {"fdfc00", PARSE_BAD},
        {"fe01000000", PARSE_BAD},
        {"feffff0000", PARSE_BAD},
        {"ff0100000000000000", PARSE_BAD},
        {"ffffffffff00000000", PARSE_BAD},
        {"02", PARSE_TRUNCATED},
        {"fc", PARSE_TRUNCATED},
        {"fdfd00", PARSE_TRUNCATED},
        {"fea0860100", PARSE_TRUNCATED}, /* 100000 */
        {"fea1860100", PARSE_OVERSIZE},
        {"feffffffff", PARSE_OVERSIZE},
        {"ff0000000001000000", PARSE_OVERSIZE},
        {"ffffffffffffffffff", PARSE_OVERSIZE},
    };
    char *coinbase = v5_coinbase(vectors);
    struct block b;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_parse(parse_list(rows[i].count, (const char *const[]){coinbase, NULL}, &b),
                     rows[i].want);
    free(coinbase);
}

static void test_oversize(void **state)
{
    uint8_t *big = mem_zalloc(BLOCK_MAX_BYTES + 1);
    struct block b;
    struct tx tx;

    (void)state;
    assert_parse(block_parse(big, BLOCK_MAX_BYTES + 1, &b), PARSE_OVERSIZE);
    assert_parse(tx_parse(big, BLOCK_MAX_BYTES + 1, &tx), PARSE_OVERSIZE);
    assert_parse(block_parse(big, BLOCK_MAX_BYTES, &b), PARSE_BAD);
    free(big);
}

/* The textbook's tree over N ids in internal order, told apart from the parser's by recursion. */
static void naive_root(uint8_t (*id)[32], size_t n, size_t width, uint8_t out[32])
{
    uint8_t half[2][32];

    if (width == 1) {
        memcpy(out, id[0], 32);
        return;
    }
    width /= 2;
    naive_root(id, n < width ? n : width, width, half[0]);
    if (n > width)
        naive_root(id + width, n - width, width, half[1]);
    else
        memcpy(half[1], half[0], 32);
    sha256d(half, 64, out);
}

/* A block of COINBASE and N - 1 payments that differ in locktime. The payments from FIRST_AGAIN on
 * repeat earlier ones. The header holds the root over the first ROOT_OF ids. */
static struct bytes make_list(size_t n, size_t root_of, size_t first_again, size_t distance)
{
    struct bytes raw =
        bytes_from_hex(vectors_text(vectors_named(vectors, "blocks", "V4"), "header"));
    uint8_t(*id)[32] = mem_zalloc((n + 1) * 32);
    size_t width = 1;

    bytes_add_hex(&raw, "00");
    raw.p[80] = (uint8_t)n;
    for (size_t i = 0; i < n; i++) {
        const size_t start = raw.len;
        struct u256 internal;
        struct tx tx;

        if (i == 0) {
            char *hex = v5_coinbase(vectors);
            bytes_add_hex(&raw, hex);
            free(hex);
        } else {
            bytes_add_hex(&raw, v5_transaction(vectors, 0));
            raw.p[raw.len - 4] = (uint8_t)(i >= first_again ? i - distance : i);
        }
        assert_parse(tx_parse(raw.p + start, raw.len - start, &tx), PARSE_OK);
        u256_reverse(tx.txid.be, &internal);
        memcpy(id[i], internal.be, 32);
    }
    while (width < root_of)
        width *= 2;
    naive_root(id, root_of, width, raw.p + 36);
    free(id);
    return raw;
}

static void test_merkle(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        struct bytes raw = make_list(n, n, n, 0);
        struct block b;

        assert_parse(parse(raw.p, raw.len, &b, NULL), PARSE_OK);
        assert_int_equal(b.tx_count, n);
        assert_true(b.merkle_ok);
        raw.p[raw.len - 4] ^= 0x80; /* the last locktime */
        assert_parse(parse(raw.p, raw.len, &b, NULL), PARSE_OK);
        assert_false(b.merkle_ok);
        free(raw.p);
    }
}

/* CVE-2012-2459: a list whose tail is repeated has the same root as the shorter one. */
static void test_repeated_tail(void **state)
{
    static const struct {
        size_t honest, repeated;
    } rows[] = {{3, 1}, {5, 1}, {6, 2}, {7, 1}, {10, 2}, {12, 4}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t n = rows[i].honest, k = rows[i].repeated;
        struct block honest, b;
        struct bytes raw = make_list(n, n, n, 0);

        assert_parse(parse(raw.p, raw.len, &honest, NULL), PARSE_OK);
        assert_true(honest.merkle_ok);
        free(raw.p);
        raw = make_list(n + k, n, n, k);
        assert_parse(parse(raw.p, raw.len, &b, NULL), PARSE_OK);
        assert_int_equal(u256_cmp(&b.header.merkle_root, &honest.header.merkle_root), 0);
        assert_false(b.merkle_ok);
        free(raw.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4),        cmocka_unit_test(test_v5),
        cmocka_unit_test(test_v6_header), cmocka_unit_test(test_v7),
        cmocka_unit_test(test_chain),     cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_tail),      cmocka_unit_test(test_hogex_place),
        cmocka_unit_test(test_counts),    cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_merkle),    cmocka_unit_test(test_repeated_tail),
    };

    vectors = vectors_load("wallet.json");
    chain = vectors_load("litecoin-blocks.json");
    const int failed = cmocka_run_group_tests_name("block", tests, NULL, NULL);
    json_decref(vectors);
    json_decref(chain);
    return failed;
}
