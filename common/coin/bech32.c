#include "common/coin/bech32.h"

#include <string.h>

#define CHECKSUM   6
#define MAX_VALUES SEGWIT_MAX_TEXT

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/* What the checksum of a valid text comes to (BIP 350). */
static uint32_t checksum_constant(unsigned version)
{
    return version == 0 ? 1 : 0x2bc830a3;
}

static uint32_t polymod_step(uint32_t sum, uint8_t value)
{
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
    const uint32_t top = sum >> 25;

    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; i++)
        if (top >> i & 1)
            sum ^= generator[i];
    return sum;
}

static uint32_t polymod(const char *hrp, const uint8_t *values, size_t n)
{
    uint32_t sum = 1;

    for (const char *c = hrp; *c; c++)
        sum = polymod_step(sum, (uint8_t)*c >> 5);
    sum = polymod_step(sum, 0);
    for (const char *c = hrp; *c; c++)
        sum = polymod_step(sum, *c & 31);
    for (size_t i = 0; i < n; i++)
        sum = polymod_step(sum, values[i]);
    return sum;
}

/* Regroups values of FROM bits into values of TO bits. The number of output values is returned;
 * *RET_PADDING holds the bits that are left over, *RET_BITS how many they are. */
static size_t regroup(const uint8_t *in, size_t n, unsigned from, unsigned to, uint8_t *out,
                      uint8_t *ret_padding, unsigned *ret_bits)
{
    unsigned acc = 0, bits = 0;
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        acc = (acc << from | in[i]) & 0xfff;
        bits += from;
        while (bits >= to) {
            bits -= to;
            out[count++] = (uint8_t)(acc >> bits & ((1U << to) - 1));
        }
    }
    *ret_padding = (uint8_t)(acc & ((1U << bits) - 1));
    *ret_bits = bits;
    return count;
}

/* False when letters of both cases occur. */
static bool lowered(const char *text, size_t len, char *out)
{
    bool lower = false, upper = false;

    for (size_t i = 0; i < len; i++) {
        const bool is_upper = text[i] >= 'A' && text[i] <= 'Z';

        upper = upper || is_upper;
        lower = lower || (text[i] >= 'a' && text[i] <= 'z');
        out[i] = (char)(is_upper ? text[i] + ('a' - 'A') : text[i]);
    }
    return !(lower && upper);
}

/* The values behind "HRP1": at least a version and a checksum. */
static bool read_values(const char *hrp, const char *text, size_t len, uint8_t values[MAX_VALUES],
                        size_t *ret_n)
{
    const size_t hrp_len = strlen(hrp);
    char lower[SEGWIT_MAX_TEXT];

    if (len > SEGWIT_MAX_TEXT || hrp_len == 0 || len < hrp_len + 1 + 1 + CHECKSUM ||
        !lowered(text, len, lower) || memcmp(lower, hrp, hrp_len) != 0 || lower[hrp_len] != '1')
        return false;
    *ret_n = len - hrp_len - 1;
    for (size_t i = 0; i < *ret_n; i++) {
        const char *digit = memchr(alphabet, lower[hrp_len + 1 + i], 32);

        if (!digit)
            return false;
        values[i] = (uint8_t)(digit - alphabet);
    }
    return true;
}

static bool program_ok(unsigned version, size_t len)
{
    return version <= 16 && len >= 2 && len <= SEGWIT_MAX_PROGRAM &&
           (version != 0 || len == 20 || len == 32);
}

bool segwit_decode(const char *hrp, const char *text, size_t len, unsigned *ret_version,
                   uint8_t program[SEGWIT_MAX_PROGRAM], size_t *ret_len)
{
    uint8_t values[MAX_VALUES] = {0}, bytes[MAX_VALUES], padding;
    unsigned bits;
    size_t n;

    if (!read_values(hrp, text, len, values, &n) ||
        polymod(hrp, values, n) != checksum_constant(values[0]))
        return false;
    const size_t count = regroup(values + 1, n - 1 - CHECKSUM, 5, 8, bytes, &padding, &bits);
    if (bits > 4 || padding != 0 || !program_ok(values[0], count))
        return false;
    memcpy(program, bytes, count);
    *ret_version = values[0];
    *ret_len = count;
    return true;
}

bool segwit_encode(const char *hrp, unsigned version, const uint8_t *program, size_t len, char *out)
{
    uint8_t values[1 + (SEGWIT_MAX_PROGRAM * 8 + 4) / 5 + CHECKSUM] = {(uint8_t)version}, padding;
    const size_t hrp_len = strlen(hrp);
    unsigned bits;

    if (!program_ok(version, len) || hrp_len == 0)
        return false;
    size_t n = 1 + regroup(program, len, 8, 5, values + 1, &padding, &bits);
    if (bits > 0)
        values[n++] = (uint8_t)(padding << (5 - bits));
    if (hrp_len + 1 + n + CHECKSUM > SEGWIT_MAX_TEXT)
        return false;

    /* Six zero values take the checksum's place while it is computed. */
    const uint32_t sum = polymod(hrp, values, n + CHECKSUM) ^ checksum_constant(version);
    for (int i = 0; i < CHECKSUM; i++)
        values[n++] = (uint8_t)(sum >> (5 * (CHECKSUM - 1 - i)) & 31);

    memcpy(out, hrp, hrp_len);
    out[hrp_len] = '1';
    for (size_t i = 0; i < n; i++)
        out[hrp_len + 1 + i] = alphabet[values[i]];
    out[hrp_len + 1 + n] = '\0';
    return true;
}
