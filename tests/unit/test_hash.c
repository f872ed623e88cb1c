#include "common/coin/hash.h"

#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;

static void assert_hex(const uint8_t *p, size_t n, const char *want)
{
    char got[2 * 64 + 1];

    assert_true(n <= 64);
    hex_encode(p, n, got);
    assert_string_equal(got, want);
}

static void test_sha256d(void **state)
{
    uint8_t out[32];

    (void)state;
    sha256d("", 0, out);
    assert_hex(out, 32, "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456");
    sha256d("hello", 5, out);
    assert_hex(out, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
    sha256d_parts(
        (const struct span[]){{(const uint8_t *)"he", 2}, {NULL, 0}, {(const uint8_t *)"llo", 3}},
        3, out);
    assert_hex(out, 32, "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50");
}

/* Coinbase and branch of a stratum job, up to the merkle root. */
static void test_merkle_branch(void **state)
{
    const json_t *job = vectors_member(vectors, "stratum_job");
    const json_t *branch = vectors_member(job, "branch");
    struct bytes coinbase = bytes_from_hex(vectors_text(job, "coinbase1"));
    uint8_t hash[32];

    (void)state;
    bytes_add_hex(&coinbase, vectors_text(job, "extranonce1"));
    bytes_add_hex(&coinbase, vectors_text(job, "extranonce2"));
    bytes_add_hex(&coinbase, vectors_text(job, "coinbase2"));
    sha256d(coinbase.p, coinbase.len, hash);
    assert_hex(hash, 32, vectors_text(job, "sha256d_coinbase"));
    for (size_t i = 0; i < json_array_size(branch); i++) {
        struct bytes side = bytes_from_hex(json_string_value(json_array_get(branch, i)));

        sha256d_parts((const struct span[]){{hash, 32}, {side.p, side.len}}, 2, hash);
        free(side.p);
        if (i == 0)
            assert_hex(hash, 32, vectors_text(job, "after_branch_1"));
    }
    assert_hex(hash, 32, vectors_text(job, "merkle_root"));
    free(coinbase.p);
}

static void assert_pow(const char *algorithm, const struct bytes *header, const char *want)
{
    const struct pow_algorithm *pow = pow_by_name(algorithm);
    uint8_t headers[3][HEADER_SIZE];
    struct u256 hash, hashes[3];
    char text[65];

    assert_non_null(pow);
    assert_int_equal(header->len, HEADER_SIZE);
    pow->hash(header->p, &hash);
    u256_to_hex(&hash, text);
    assert_string_equal(text, want);
    for (size_t i = 0; i < 3; i++)
        memcpy(headers[i], header->p, HEADER_SIZE);
    headers[1][HEADER_SIZE - 1] ^= 1;
    pow->hash_many((const uint8_t(*)[HEADER_SIZE])headers, 3, hashes);
    assert_memory_equal(&hashes[0], &hash, sizeof(hash));
    assert_memory_not_equal(&hashes[1], &hash, sizeof(hash));
    assert_memory_equal(&hashes[2], &hash, sizeof(hash));
}

static void test_shares(void **state)
{
    const json_t *job = vectors_member(vectors, "stratum_job");

    (void)state;
    for (const char *const *name = (const char *const[]){"V1", "V2", NULL}; *name; name++) {
        const json_t *share = vectors_named(job, "shares", *name);
        struct bytes header = bytes_from_hex(vectors_text(job, "header_without_nonce"));

        bytes_add_hex(&header, vectors_text(share, "header_nonce"));
        assert_pow(vectors_text(share, "algorithm"), &header, vectors_text(share, "hash"));
        free(header.p);
    }
}

static void test_getwork(void **state)
{
    (void)state;
    for (const char *const *name = (const char *const[]){"V3", "V3b", NULL}; *name; name++) {
        const json_t *work = vectors_named(vectors, "getwork", *name);
        struct bytes header = bytes_from_hex(vectors_text(work, "header"));

        assert_pow(vectors_text(work, "algorithm"), &header, vectors_text(work, "hash"));
        free(header.p);
    }
}

/* V7 is of a sha256d chain: its block hash is its proof of work. */
static void test_blocks(void **state)
{
    (void)state;
    for (const char *const *name = (const char *const[]){"V4", "V5", "V6", NULL}; *name; name++) {
        const json_t *block = vectors_named(vectors, "blocks", *name);
        struct bytes header = bytes_from_hex(vectors_text(block, "header"));

        assert_pow("scrypt", &header, vectors_text(block, "pow_hash"));
        assert_pow("sha256d", &header, vectors_text(block, "block_hash"));
        free(header.p);
    }
    const json_t *block = vectors_named(vectors, "blocks", "V7");
    struct bytes header = bytes_from_hex(vectors_text(block, "header"));
    assert_pow("sha256d", &header, vectors_text(block, "block_hash"));
    free(header.p);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(pow_by_name("scrypt")->name, "scrypt");
    assert_null(pow_by_name("x11"));
    assert_null(pow_by_name(""));
    assert_null(pow_by_name("Scrypt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256d), cmocka_unit_test(test_merkle_branch),
        cmocka_unit_test(test_shares),  cmocka_unit_test(test_getwork),
        cmocka_unit_test(test_blocks),  cmocka_unit_test(test_names),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("hash", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
