/* Every vector kernel against OpenSSL. A million headers with PENSTOCK_LONG=1 (about five minutes).
 */
#include "common/coin/scrypt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

#define CHUNK 1021 /* prime: the last batch of a chunk is never full */

static void equal_to_openssl(void **state)
{
    static uint8_t headers[CHUNK][HEADER_SIZE];
    static struct u256 expected[CHUNK], got[CHUNK];
    const struct scrypt_kernel *scalar = &scrypt_kernels[scrypt_kernel_count - 1];
    size_t chunks = getenv("PENSTOCK_LONG") != NULL ? 1000000 / CHUNK + 1 : 1;

    (void)state;
    for (size_t c = 0; c < chunks; c++) {
        for (size_t i = 0; i < CHUNK; i++)
            assert_int_equal(getrandom(headers[i], HEADER_SIZE, 0), HEADER_SIZE);
        scrypt_many(scalar, (const uint8_t(*)[HEADER_SIZE])headers, CHUNK, expected);
        for (size_t k = 0; k + 1 < scrypt_kernel_count; k++) {
            if (!scrypt_kernels[k].supported())
                continue;
            memset(got, 0, sizeof(got));
            scrypt_many(&scrypt_kernels[k], (const uint8_t(*)[HEADER_SIZE])headers, CHUNK, got);
            assert_memory_equal(got, expected, sizeof(got));
        }
    }
}

/* Any number of headers, also fewer than lanes, writes that many results and no more. */
static void every_small_count(void **state)
{
    static uint8_t headers[40][HEADER_SIZE];
    struct u256 expected[40], got[41], untouched;

    (void)state;
    for (size_t i = 0; i < 40; i++)
        memset(headers[i], (int)i + 1, HEADER_SIZE);
    scrypt_many(&scrypt_kernels[scrypt_kernel_count - 1], (const uint8_t(*)[HEADER_SIZE])headers,
                40, expected);
    memset(&untouched, 0xa5, sizeof(untouched));
    for (size_t n = 0; n <= 40; n++) {
        memset(got, 0xa5, sizeof(got));
        scrypt_many(scrypt_best_kernel(), (const uint8_t(*)[HEADER_SIZE])headers, n, got);
        assert_memory_equal(got, expected, n * sizeof(got[0]));
        assert_memory_equal(&got[n], &untouched, sizeof(untouched));
    }
}

/* Litecoin block 29255, the vector of the reference implementation's tests. */
static void known_answer(void **state)
{
    static const char hex[] =
        "01000000f615f7ce3b4fc6b8f61e8f89aedb1d0852507650533a9e3b10b9bbcc30639f27"
        "9fcaa86746e1ef52d3edb3c4ad8259920d509bd073605c9bf1d59983752a6b06b817bb4e"
        "a78e011d012d59d4";
    uint8_t header[1][HEADER_SIZE];
    struct u256 got;
    char text[65];

    (void)state;
    for (size_t i = 0; i < HEADER_SIZE; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        header[0][i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    for (size_t k = 0; k < scrypt_kernel_count; k++) {
        if (!scrypt_kernels[k].supported())
            continue;
        scrypt_many(&scrypt_kernels[k], (const uint8_t(*)[HEADER_SIZE])header, 1, &got);
        u256_to_hex(&got, text);
        assert_string_equal(text,
                            "0000000110c8357966576df46f3b802ca897deb7ad18b12f1c24ecff6386ebd9");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_to_openssl),
        cmocka_unit_test(every_small_count),
        cmocka_unit_test(known_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
