#include "common/coin/base58.h"

#include "common/coin/hash.h"

#include <assert.h>
#include <string.h>

#define CHECKSUM 4
#define MAX_RAW  (BASE58_MAX_PAYLOAD + CHECKSUM)

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/* NUMBER = NUMBER * BASE + DIGIT, least significant place first; places count up to 2^8 or 58. */
static bool times_plus(uint8_t *number, size_t *len, size_t max, unsigned place, unsigned base,
                       unsigned digit)
{
    unsigned carry = digit;

    for (size_t i = 0; i < *len; i++) {
        carry += number[i] * base;
        number[i] = (uint8_t)(carry % place);
        carry /= place;
    }
    while (carry > 0) {
        if (*len == max)
            return false;
        number[(*len)++] = (uint8_t)(carry % place);
        carry /= place;
    }
    return true;
}

/* Bytes, most significant first; each leading '1' stands for a zero byte. */
static bool decode(const char *text, size_t len, uint8_t raw[MAX_RAW], size_t *ret_len)
{
    uint8_t number[MAX_RAW];
    size_t n = 0, zeros = 0;

    while (zeros < len && text[zeros] == '1')
        zeros++;
    for (size_t i = zeros; i < len; i++) {
        const char *digit = memchr(alphabet, text[i], 58);

        if (!digit || !times_plus(number, &n, MAX_RAW, 256, 58, (unsigned)(digit - alphabet)))
            return false;
    }
    if (zeros + n > MAX_RAW)
        return false;
    memset(raw, 0, zeros);
    for (size_t i = 0; i < n; i++)
        raw[zeros + i] = number[n - 1 - i];
    *ret_len = zeros + n;
    return true;
}

bool base58check_decode(const char *text, size_t len, uint8_t payload[BASE58_MAX_PAYLOAD],
                        size_t *ret_len)
{
    uint8_t raw[MAX_RAW], hash[32];
    size_t n;

    if (len > BASE58_MAX_TEXT || !decode(text, len, raw, &n) || n < CHECKSUM)
        return false;
    n -= CHECKSUM;
    sha256d(raw, n, hash);
    if (memcmp(hash, raw + n, CHECKSUM) != 0)
        return false;
    memcpy(payload, raw, n);
    *ret_len = n;
    return true;
}

bool base58check_encode(const uint8_t *payload, size_t payload_len, char *out)
{
    uint8_t raw[80 + CHECKSUM], hash[32], number[BASE58_MAX_TEXT];
    size_t n = 0, zeros = 0;

    if (payload_len > sizeof(raw) - CHECKSUM)
        return false;
    memcpy(raw, payload, payload_len);
    sha256d(payload, payload_len, hash);
    memcpy(raw + payload_len, hash, CHECKSUM);

    const size_t len = payload_len + CHECKSUM;
    while (zeros < len && raw[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < len; i++) {
        const bool fits = times_plus(number, &n, sizeof(number), 58, 256, raw[i]);

        assert(fits); /* 84 bytes have at most 115 digits */
        (void)fits;
    }
    memset(out, '1', zeros);
    for (size_t i = 0; i < n; i++)
        out[zeros + i] = alphabet[number[n - 1 - i]];
    out[zeros + n] = '\0';
    return true;
}
