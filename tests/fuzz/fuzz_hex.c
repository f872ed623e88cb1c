/* The small decoders: hexadecimal, UUIDs, 256-bit numbers. */
#include "tests/fuzz/fuzz.h"

#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"
#include "common/coin/u256.h"

#include <openssl/bn.h>
#include <stdlib.h>
#include <string.h>

static void check_hex(const uint8_t *data, size_t size)
{
    uint8_t *bytes = mem_zalloc(size / 2);
    char *text = mem_zalloc(2 * size + 1);

    if (hex_decode((const char *)data, size, bytes)) {
        hex_encode(bytes, size / 2, text);
        assert(strncasecmp(text, (const char *)data, size) == 0);
    }
    free(bytes);
    hex_encode(data, size, text);
    bytes = mem_zalloc(size);
    assert(hex_decode(text, 2 * size, bytes));
    assert(size == 0 || memcmp(bytes, data, size) == 0);
    free(bytes);
    free(text);
}

static void check_uuid(const uint8_t *data, size_t size)
{
    char text[UUID_TEXT_LEN + 1];
    struct uuid id;

    if (uuid_parse((const char *)data, size, &id)) {
        uuid_format(&id, text);
        assert(strncasecmp(text, (const char *)data, UUID_TEXT_LEN) == 0);
    }
}

/* OpenSSL's big numbers as the judge. */
static void check_expected_hashes(const struct u256 *target)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *t = BN_bin2bn(target->be, 32, NULL), *n = BN_new();
    const uint64_t got = u256_expected_hashes(target);

    BN_add_word(t, 1);
    BN_one(n);
    BN_lshift(n, n, 256);
    BN_div(n, NULL, n, t, ctx);
    assert(got == (BN_num_bits(n) > 64 ? UINT64_MAX : BN_get_word(n)));
    BN_free(t);
    BN_free(n);
    BN_CTX_free(ctx);
}

static void check_compact(uint32_t bits)
{
    struct u256 x, y;

    if (u256_from_compact(bits, &x)) {
        assert(!u256_is_zero(&x));
        assert(u256_from_compact(u256_to_compact(&x), &y)); /* the same number, normalised */
        assert(u256_cmp(&x, &y) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct u256 x = {{0}}, rounded;
    uint32_t bits = 0;
    char text[65];

    check_hex(data, size);
    check_uuid(data, size);
    if (u256_from_hex((const char *)data, size, &x)) {
        u256_to_hex(&x, text);
        assert(strncasecmp(text, (const char *)data, 64) == 0);
    }
    memcpy(&bits, data, size < 4 ? size : 4);
    check_compact(bits);
    memcpy(x.be, data, size < 32 ? size : 32);
    check_expected_hashes(&x);
    if (u256_from_compact(u256_to_compact(&x), &rounded))
        assert(u256_cmp(&rounded, &x) <= 0);
    else
        assert(u256_is_zero(&x));
    return 0;
}
