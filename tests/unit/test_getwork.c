#include "frontend/getwork/getwork.h"

#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;

static void header_of(const char *name, uint8_t header[HEADER_SIZE])
{
    const char *hex = vectors_text(vectors_named(vectors, "getwork", name), "header");

    assert_int_equal(strlen(hex), 2 * HEADER_SIZE);
    assert_true(hex_decode(hex, 2 * HEADER_SIZE, header));
}

/* What minerd sent for V3 is what we would have given it, and gives the hash. */
static void test_v3(void **state)
{
    const json_t *v = vectors_named(vectors, "getwork", "V3");
    const char *submitted = vectors_text(v, "submitted");
    uint8_t header[HEADER_SIZE], got[HEADER_SIZE];
    char data[GETWORK_DATA_LEN + 1];

    (void)state;
    header_of("V3", header);
    getwork_data(header, data);
    assert_string_equal(data, submitted);
    assert_true(getwork_parse(submitted, strlen(submitted), got));
    assert_memory_equal(got, header, HEADER_SIZE);
}

static void assert_hash(const char *name)
{
    const json_t *v = vectors_named(vectors, "getwork", name);
    const struct pow_algorithm *pow = pow_by_name(vectors_text(v, "algorithm"));
    uint8_t header[HEADER_SIZE], again[HEADER_SIZE];
    char data[GETWORK_DATA_LEN + 1], hex[65];
    struct u256 hash;

    header_of(name, header);
    getwork_data(header, data);
    assert_true(getwork_parse(data, GETWORK_DATA_LEN, again));
    pow->hash(again, &hash);
    u256_to_hex(&hash, hex);
    assert_string_equal(hex, vectors_text(v, "hash"));
}

static void test_hashes(void **state)
{
    (void)state;
    assert_hash("V3");
    assert_hash("V3b");
}

static void test_target(void **state)
{
    struct u256 x = {{[2] = 0xff, [3] = 0xfe}};
    char out[GETWORK_TARGET_LEN + 1];

    (void)state;
    getwork_target(&x, out);
    assert_string_equal(out, "00000000000000000000000000000000000000000000000000000000feff0000");
}

/* Upper case means the same bytes; anything else is refused. */
static void test_refused(void **state)
{
    const char *good = vectors_text(vectors_named(vectors, "getwork", "V3"), "submitted");
    uint8_t header[HEADER_SIZE], want[HEADER_SIZE];
    char data[GETWORK_DATA_LEN + 3];

    (void)state;
    header_of("V3", want);
    for (size_t i = 0; good[i]; i++)
        data[i] = (char)(good[i] >= 'a' ? good[i] - 'a' + 'A' : good[i]);
    assert_true(getwork_parse(data, GETWORK_DATA_LEN, header));
    assert_memory_equal(header, want, HEADER_SIZE);
    for (size_t len = 0; len < GETWORK_DATA_LEN; len++)
        assert_false(getwork_parse(good, len, header));
    memcpy(data, good, GETWORK_DATA_LEN);
    memcpy(data + GETWORK_DATA_LEN, "00", 3);
    assert_false(getwork_parse(data, GETWORK_DATA_LEN + 2, header));
    for (size_t i = 2 * HEADER_SIZE; i < GETWORK_DATA_LEN; i++) { /* another padding */
        memcpy(data, good, GETWORK_DATA_LEN);
        data[i] = data[i] == '1' ? '2' : '1';
        assert_false(getwork_parse(data, GETWORK_DATA_LEN, header));
    }
    memcpy(data, good, GETWORK_DATA_LEN);
    data[7] = 'g';
    assert_false(getwork_parse(data, GETWORK_DATA_LEN, header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v3),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_refused),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("getwork", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
