/* common/work and common/coin/merkle.h: from a job to merkle root, header and text. */
#include "common/work/job.h"

#include "common/coin/writer.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;

static void set_hex(uint8_t *to, const char *hex)
{
    assert_true(hex_decode(hex, strlen(hex), to));
}

static void set_bytes(struct job_bytes *to, const char *hex)
{
    to->len = strlen(hex) / 2;
    assert_true(to->len <= sizeof(to->b));
    set_hex(to->b, hex);
}

static void set_branch(struct job *job, const json_t *list)
{
    job->branch_n = json_array_size(list);
    for (size_t i = 0; i < job->branch_n; i++)
        set_hex(job->branch[i], json_string_value(json_array_get(list, i)));
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
    char *hex = mem_zalloc(2 * len + 1);

    hex_encode(bytes, len, hex);
    assert_string_equal(hex, want);
    free(hex);
}

static struct job job_of_stratum_vector(uint8_t *extranonce)
{
    const json_t *v = vectors_member(vectors, "stratum_job");
    char *both =
        mem_sprintf("%s%s", vectors_text(v, "extranonce1"), vectors_text(v, "extranonce2"));
    struct job job = {.network = "litecoin",
                      .version = 0x20000000,
                      .bits = 0x1d00ffff,
                      .time = 0x655f0001,
                      .extranonce_size = strlen(both) / 2};
    uint8_t prev[32], internal[32];

    set_hex(extranonce, both);
    free(both);
    set_bytes(&job.coinbase1, vectors_text(v, "coinbase1"));
    set_bytes(&job.coinbase2, vectors_text(v, "coinbase2"));
    set_branch(&job, vectors_member(v, "branch"));
    set_hex(prev, vectors_text(v, "prevhash")); /* each word of the header's bytes reversed */
    for (size_t i = 0; i < 32; i++)
        internal[i] = prev[i ^ 3];
    u256_reverse(internal, &job.prev);
    return job;
}

/* V1, V2, V2b: they share a job, and differ in the algorithm. */
static void test_stratum_vectors(void **state)
{
    const json_t *v = vectors_member(vectors, "stratum_job"), *shares = vectors_member(v, "shares");
    uint8_t extranonce[16], root[32], header[HEADER_SIZE], once[32];
    struct job job = job_of_stratum_vector(extranonce);
    struct buf coinbase = BUF_INIT(JOB_MAX_COINBASE_ALL);

    (void)state;
    assert_true(job_coinbase(&job, extranonce, &coinbase));
    sha256d(coinbase.data, coinbase.len, once);
    assert_hex(once, 32, vectors_text(v, "sha256d_coinbase"));
    buf_free(&coinbase);
    merkle_fold(once, job.branch, 1, root);
    assert_hex(root, 32, vectors_text(v, "after_branch_1"));
    job_merkle_root(&job, extranonce, root);
    assert_hex(root, 32, vectors_text(v, "merkle_root"));

    for (size_t i = 0; i < 3; i++) {
        const json_t *share = json_array_get(shares, i);
        const struct pow_algorithm *pow = pow_by_name(vectors_text(share, "algorithm"));
        const char *nonce = vectors_text(share, "header_nonce");
        uint8_t n[4];
        struct u256 hash;
        char hex[65];

        set_hex(n, nonce);
        job_header(&job, extranonce, job.time,
                   (uint32_t)n[0] | (uint32_t)n[1] << 8 | (uint32_t)n[2] << 16 |
                       (uint32_t)n[3] << 24,
                   header);
        assert_hex(header, HEADER_SIZE - 4, vectors_text(v, "header_without_nonce"));
        assert_hex(header + HEADER_SIZE - 4, 4, nonce);
        assert_int_equal(pow == NULL, strcmp(vectors_text(share, "name"), "V2b") == 0); /* X11 */
        if (pow == NULL)
            continue;
        pow->hash(header, &hash);
        u256_to_hex(&hash, hex);
        assert_string_equal(hex, vectors_text(share, "hash"));
    }
}

/* The parser reads what was written. */
static void test_header_write(void **state)
{
    const json_t *list = vectors_member(vectors, "blocks");

    (void)state;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *hex = vectors_text(json_array_get(list, i), "header");
        uint8_t bytes[HEADER_SIZE], again[HEADER_SIZE];
        struct header h;

        set_hex(bytes, hex);
        header_parse(bytes, &h);
        header_write(&h, again);
        assert_hex(again, HEADER_SIZE, hex);
    }
}

/* Against the definition: the root over all ids, level by level, the last doubled where odd. */
static void root_by_definition(const uint8_t (*all)[32], size_t n, uint8_t root[32])
{
    uint8_t level[70][32];

    memcpy(level, all, n * sizeof(*all));
    for (; n > 1; n = (n + 1) / 2)
        for (size_t i = 0; i < n; i += 2) {
            uint8_t both[64];

            memcpy(both, level[i], 32);
            memcpy(both + 32, level[i + 1 < n ? i + 1 : i], 32);
            sha256d(both, sizeof(both), level[i / 2]);
        }
    memcpy(root, level[0], 32);
}

static void test_branch(void **state)
{
    uint8_t all[66][32], ids[66][32], branch[MERKLE_MAX_BRANCH][32], want[32], got[32];

    (void)state;
    for (size_t i = 0; i < 66; i++)
        memset(all[i], (int)i + 1, 32);
    for (size_t n = 0; n < 66; n++) {
        memcpy(ids, all + 1, n * sizeof(*all));
        const size_t depth = merkle_branch(ids, n, branch);

        root_by_definition((const uint8_t(*)[32])all, n + 1, want);
        merkle_fold(all[0], (const uint8_t(*)[32])branch, depth, got);
        assert_memory_equal(got, want, 32);
        assert_true((size_t)1 << depth >= n + 1 && ((size_t)1 << depth) / 2 < n + 1);
    }
}

static void test_longest_branch(void **state)
{
    const size_t n = BLOCK_MAX_TX - 1;
    uint8_t(*ids)[32] = mem_zalloc(n * sizeof(*ids));
    uint8_t branch[MERKLE_MAX_BRANCH][32];

    (void)state;
    assert_int_equal(merkle_branch(ids, n, branch), MERKLE_MAX_BRANCH);
    free(ids);
}

static void test_writer(void **state)
{
    static const struct {
        uint64_t x;
        const char *compact;
    } rows[] = {
        {0, "00"},
        {0xfc, "fc"},
        {0xfd, "fdfd00"},
        {0xffff, "fdffff"},
        {0x10000, "fe00000100"},
        {0xffffffff, "feffffffff"},
        {0x100000000, "ff0000000001000000"},
        {UINT64_MAX, "ffffffffffffffffff"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b = BUF_INIT(strlen(rows[i].compact) / 2), small = BUF_INIT(b.max - 1);

        assert_true(write_compact_size(&b, rows[i].x));
        assert_hex((uint8_t *)b.data, b.len, rows[i].compact);
        assert_false(write_compact_size(&small, rows[i].x));
        assert_int_equal(small.len, 0);
        buf_free(&b);
        buf_free(&small);
    }
}

/* BIP 34's push is what coinbase_height() reads, and Bitcoin's CScriptNum writes. */
static void test_script_number(void **state)
{
    static const struct {
        uint32_t x;
        const char *push;
    } rows[] = {
        {0, "00"},
        {1, "51"},
        {2, "52"},
        {16, "60"},
        {17, "0111"},
        {127, "017f"},
        {128, "028000"},
        {255, "02ff00"},
        {256, "020001"},
        {432, "02b001"},
        {590, "024e02"},
        {32767, "02ff7f"},
        {32768, "03008000"},
        {0x7fffff, "03ffff7f"},
        {0x800000, "0400008000"},
        {0x7fffffff, "04ffffff7f"},
        {0xffffffff, "05ffffffff00"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf b = BUF_INIT(8);

        assert_true(write_script_number(&b, rows[i].x));
        assert_hex((uint8_t *)b.data, b.len, rows[i].push);
        const struct tx coinbase = {.is_coinbase = true,
                                    .coinbase_sig = {(uint8_t *)b.data, b.len}};
        if (rows[i].x <= INT32_MAX)
            assert_int_equal(coinbase_height(&coinbase), rows[i].x);
        buf_free(&b);
    }
}

/* --- as text --- */

static struct job full_job(void)
{
    uint8_t extranonce[16];
    struct job job = job_of_stratum_vector(extranonce);

    uuid_v7(&job.id);
    job.made_us = INT64_C(1764000000123456);
    job.height = JOB_MAX_HEIGHT;
    job.min_time = job.time - 1;
    job.value = INT64_MAX;
    job.transactions = BLOCK_MAX_TX - 1;
    job.witness = true;
    return job;
}

static json_t *as_json(const struct job *job)
{
    struct buf b = BUF_INIT(JOB_MAX_TEXT);

    job_encode(job, &b);
    json_t *o = json_loadb(b.data, b.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(o);
    buf_free(&b);
    return o;
}

static const char *decode(const json_t *o, struct job *ret)
{
    char *text = json_dumps(o, JSON_COMPACT);
    const size_t len = strlen(text);
    char *copy = (char *)bytes_copy((uint8_t *)text, len); /* without the NUL */
    const char *wrong = job_decode(copy, len, ret);

    free(text);
    free(copy);
    return wrong;
}

static void test_round_trip(void **state)
{
    struct job job = full_job(), got;
    json_t *o = as_json(&job);

    (void)state;
    assert_null(decode(o, &got));
    json_t *again = as_json(&got);
    assert_true(json_equal(o, again));
    assert_int_equal(json_object_size(o), 18);
    assert_memory_equal(&got.id, &job.id, sizeof(job.id));
    assert_memory_equal(got.branch, job.branch, job.branch_n * 32);
    assert_int_equal(got.value, job.value);
    assert_int_equal(got.extranonce_size, job.extranonce_size);
    assert_true(got.witness);

    json_object_set_new(o, "later", json_true()); /* a newer program's member */
    assert_null(decode(o, &got));
    json_decref(o);
    json_decref(again);
}

/* The longest job fits. */
static void test_longest(void **state)
{
    struct job job = full_job(), got;
    struct buf b = BUF_INIT(JOB_MAX_TEXT);

    (void)state;
    memset(job.network, 'n', JOB_MAX_NETWORK);
    job.coinbase1.len = job.coinbase2.len = JOB_MAX_COINBASE;
    job.branch_n = MERKLE_MAX_BRANCH;
    job.extranonce_size = JOB_MAX_EXTRANONCE;
    job_encode(&job, &b);
    assert_null(job_decode(b.data, b.len, &got));
    assert_int_equal(got.coinbase2.len, JOB_MAX_COINBASE);
    buf_free(&b);
}

/* Each member: missing, of another type, beyond its bounds. */
static void test_hostile_members(void **state)
{
    static const struct {
        const char *name, *json; /* "[…]": the member is its one element */
    } rows[] = {
        {"v", "[2]"},
        {"kind", "[\"solution\"]"},
        {"id", "[\"0190a5b8\"]"},
        {"network", "[\"\"]"},
        {"network", "[\"UPPER\"]"},
        {"network", "[\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"]"},
        {"network", "[\"a\\u0000b\"]"},
        {"made_us", "[-1]"},
        {"height", "[0]"},
        {"height", "[2147483648]"},
        {"version", "[-1]"},
        {"version", "[4294967296]"},
        {"bits", "[0]"},
        {"time", "[4294967296]"},
        {"time", "[1]"}, /* below min_time */
        {"min_time", "[-1]"},
        {"value", "[-1]"},
        {"value", "[1.5]"},
        {"transactions", "[100000]"},
        {"extranonce", "[3]"},
        {"extranonce", "[17]"},
        {"witness", "[null]"},
        {"prev", "[\"00\"]"},
        {"prev", "[\"zz\"]"},
        {"coinbase1", "[\"\"]"},
        {"coinbase1", "[\"0\"]"},
        {"coinbase2", "[\"0g\"]"},
        {"branch", "[[1]]"},
        {"branch", "[[\"00\"]]"},
        {"branch", "[{}]"},
    };
    const struct job job = full_job();
    struct job got;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *o = as_json(&job), *list = json_loads(rows[i].json, 0, NULL);

        assert_non_null(list == NULL ? json_object_get(o, rows[i].name) : list);
        if (list != NULL)
            json_object_set(o, rows[i].name, json_array_get(list, 0));
        else
            json_object_set_new(o, rows[i].name, json_stringn("a\0b", 3));
        assert_non_null(decode(o, &got));
        json_decref(o);
        json_decref(list);
    }
}

static void test_missing_members(void **state)
{
    const struct job job = full_job();
    struct job got;
    json_t *whole = as_json(&job);
    const char *name;
    json_t *value;

    (void)state;
    json_object_foreach(whole, name, value)
    {
        json_t *o = json_deep_copy(whole);

        json_object_del(o, name);
        assert_non_null(decode(o, &got));
        json_object_set_new(o, name, json_pack("{s:i}", "x", 1));
        assert_non_null(decode(o, &got));
        json_decref(o);
    }
    json_decref(whole);
}

static void test_hostile_lengths(void **state)
{
    struct job job = full_job(), got = {.made_us = 4711};
    json_t *o = as_json(&job), *branch = json_array();
    char *long_hex = mem_zalloc(2 * JOB_MAX_COINBASE + 3);

    (void)state;
    memset(long_hex, '0', 2 * JOB_MAX_COINBASE + 2);
    json_object_set_new(o, "coinbase1", json_string(long_hex));
    assert_non_null(decode(o, &got));
    json_object_set_new(o, "coinbase1", json_string("00"));
    assert_null(decode(o, &got));
    long_hex[64] = '\0';
    for (size_t i = 0; i < MERKLE_MAX_BRANCH + 1; i++)
        json_array_append_new(branch, json_string(long_hex));
    json_object_set_new(o, "branch", branch);
    got.made_us = 4711;
    assert_non_null(decode(o, &got));
    assert_int_equal(got.made_us, 4711); /* unchanged */
    assert_non_null(job_decode("", 0, &got));
    assert_non_null(job_decode("null", 4, &got));
    assert_non_null(job_decode("[[[[[[", 6, &got));
    free(long_hex);
    json_decref(o);
}

static void test_work_id(void **state)
{
    uint8_t root[32], other[32];
    struct uuid id, again;
    char text[UUID_TEXT_LEN + 1];

    (void)state;
    memset(root, 0xff, sizeof(root));
    job_work_id(root, &id);
    uuid_format(&id, text);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    for (size_t bit = 0; bit < 128; bit++) { /* every one of 122 tells */
        const bool kept = (bit < 48 || bit > 51) && (bit < 64 || bit > 65);

        memcpy(other, root, sizeof(root));
        other[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        job_work_id(other, &again);
        assert_int_equal(uuid_equal(&id, &again), !kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stratum_vectors), cmocka_unit_test(test_header_write),
        cmocka_unit_test(test_branch),          cmocka_unit_test(test_longest_branch),
        cmocka_unit_test(test_writer),          cmocka_unit_test(test_script_number),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_longest),
        cmocka_unit_test(test_hostile_members), cmocka_unit_test(test_missing_members),
        cmocka_unit_test(test_hostile_lengths), cmocka_unit_test(test_work_id),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("work", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
