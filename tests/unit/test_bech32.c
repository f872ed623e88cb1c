#include "common/coin/bech32.h"

#include "tests/unit/vectors.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;

static bool decodes(const char *hrp, const char *text, unsigned *ret_version,
                    uint8_t program[SEGWIT_MAX_PROGRAM], size_t *ret_len)
{
    const size_t len = strlen(text);
    uint8_t *copy = bytes_copy((const uint8_t *)text, len);
    const bool ok = segwit_decode(hrp, (const char *)copy, len, ret_version, program, ret_len);

    free(copy);
    return ok;
}

static bool refused(const char *hrp, const char *text)
{
    uint8_t program[SEGWIT_MAX_PROGRAM];
    unsigned version;
    size_t n;

    return !decodes(hrp, text, &version, program, &n);
}

static const char *hrp_of(const char *address)
{
    return tolower((unsigned char)address[0]) == 'b' ? "bc" : "tb";
}

static void test_valid(void **state)
{
    const json_t *list = vectors_member(vectors, "valid");

    (void)state;
    assert_int_equal(json_array_size(list), 8);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *address = vectors_text(row, "address"), *hrp = hrp_of(address);
        struct bytes script = bytes_from_hex(vectors_text(row, "script"));
        uint8_t program[SEGWIT_MAX_PROGRAM];
        char text[SEGWIT_MAX_TEXT + 1];
        unsigned version;
        size_t n;

        assert_true(decodes(hrp, address, &version, program, &n));
        assert_int_equal(script.p[0], version ? 0x50 + version : 0);
        assert_int_equal(script.p[1], n);
        assert_int_equal(script.len, 2 + n);
        assert_memory_equal(script.p + 2, program, n);
        assert_true(segwit_encode(hrp, version, program, n, text));
        assert_int_equal(strcasecmp(text, address), 0);
        assert_true(refused(hrp[0] == 'b' ? "tb" : "bc", address));
        assert_true(refused("", address));
        free(script.p);
    }
}

static void test_invalid(void **state)
{
    const json_t *list = vectors_member(vectors, "invalid");

    (void)state;
    assert_int_equal(json_array_size(list), 15);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *address = vectors_text(json_array_get(list, i), "address");

        assert_true(refused("bc", address));
        assert_true(refused("tb", address));
    }
}

/* The checksum finds any one to four wrong characters; here every single one, and the case. */
static void test_every_character(void **state)
{
    static const char good[] = "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc";
    char text[sizeof(good)];

    (void)state;
    assert_false(refused("rltc", good));
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (int c = 1; c < 256; c++) {
            strcpy(text, good);
            text[i] = (char)c;
            assert_int_equal(refused("rltc", text), (char)c != good[i]);
        }
        strcpy(text, good);
        text[i] = '\0'; /* shorter */
        assert_true(refused("rltc", text));
    }
}

/* A prefix that holds the separator: the last '1' counts. */
static void test_separator_in_prefix(void **state)
{
    const uint8_t program[20] = {1, 2, 3};
    char text[SEGWIT_MAX_TEXT + 1];

    (void)state;
    assert_true(segwit_encode("a1", 0, program, sizeof(program), text));
    assert_false(refused("a1", text));
    assert_true(refused("a", text));
}

static void test_encode_bounds(void **state)
{
    uint8_t program[SEGWIT_MAX_PROGRAM + 1] = {0};
    char text[SEGWIT_MAX_TEXT + 1];

    (void)state;
    assert_false(segwit_encode("tb", 17, program, 32, text));
    assert_false(segwit_encode("tb", 0, program, 21, text));
    assert_false(segwit_encode("tb", 1, program, 1, text));
    assert_false(segwit_encode("tb", 1, program, 41, text));
    assert_false(segwit_encode("", 1, program, 32, text));
    assert_true(segwit_encode("fifteen-letters", 1, program, 40, text));
    assert_false(refused("fifteen-letters", text));
    assert_false(segwit_encode("nineteen-characters", 1, program, 40, text)); /* 91 characters */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),           cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_every_character), cmocka_unit_test(test_separator_in_prefix),
        cmocka_unit_test(test_encode_bounds),
    };

    vectors = vectors_load("bip350.json");
    const int failed = cmocka_run_group_tests_name("bech32", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
