#include "common/coin/u256.h"

#include "common/base/hex.h"

#include <string.h>

bool u256_from_hex(const char *hex, size_t len, struct u256 *ret)
{
    struct u256 x;

    if (len != 2 * sizeof(x.be) || !hex_decode(hex, len, x.be))
        return false;
    *ret = x;
    return true;
}

void u256_to_hex(const struct u256 *x, char out[65])
{
    hex_encode(x->be, sizeof(x->be), out);
}

int u256_cmp(const struct u256 *a, const struct u256 *b)
{
    return memcmp(a->be, b->be, sizeof(a->be));
}

bool u256_is_zero(const struct u256 *x)
{
    static const struct u256 zero;

    return u256_cmp(x, &zero) == 0;
}

void u256_reverse(const uint8_t in[32], struct u256 *ret)
{
    struct u256 x;

    for (size_t i = 0; i < 32; i++)
        x.be[i] = in[31 - i];
    *ret = x;
}

/* The top byte of BITS is the number's length in bytes, the rest its three leading bytes with a
 * sign bit. */
bool u256_from_compact(uint32_t bits, struct u256 *ret)
{
    const int first = 32 - (int)(bits >> 24); /* index of the leading byte */
    struct u256 x = {{0}};

    if (bits & 0x00800000)
        return false;
    for (int i = 0; i < 3; i++) {
        const uint8_t byte = (uint8_t)(bits >> (8 * (2 - i)));

        if (first + i < 0 && byte != 0)
            return false;
        if (first + i >= 0 && first + i < 32)
            x.be[first + i] = byte;
    }
    if (u256_is_zero(&x))
        return false;
    *ret = x;
    return true;
}

uint32_t u256_to_compact(const struct u256 *x)
{
    unsigned first = 0;
    uint32_t mantissa = 0;

    while (first < 32 && x->be[first] == 0)
        first++;
    for (unsigned i = first; i < first + 3; i++)
        mantissa = mantissa << 8 | (i < 32 ? x->be[i] : 0);

    unsigned length = 32 - first;
    if (mantissa & 0x00800000) { /* would read as the sign */
        mantissa >>= 8;
        length++;
    }
    return length << 24 | mantissa;
}

/* Is Q * D at most 2^256? D has four limbs, least significant first. */
static bool product_fits(uint64_t q, const uint64_t d[4])
{
    unsigned __int128 carry = 0;
    uint64_t low = 0;

    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)q * d[i];
        low |= (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0 || (carry == 1 && low == 0);
}

uint64_t u256_expected_hashes(const struct u256 *target)
{
    uint64_t d[4] = {0}, q = 0; /* d = target + 1 */
    bool carry = true;

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 8; j++)
            d[i] = d[i] << 8 | target->be[8 * (3 - i) + j];
        d[i] += carry;
        carry = carry && d[i] == 0;
    }
    if (carry) /* target + 1 = 2^256 */
        return 1;
    for (int bit = 63; bit >= 0; bit--)
        if (product_fits(q | UINT64_C(1) << bit, d))
            q |= UINT64_C(1) << bit;
    return q;
}
