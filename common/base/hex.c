#include "common/base/hex.h"

/* One more than the digit's value, so that every character not named is 0: no digit. */
static const uint8_t digit_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool hex_decode(const char *hex, size_t hex_len, uint8_t *out)
{
    if (hex_len % 2)
        return false;
    for (size_t i = 0; i < hex_len; i += 2) {
        unsigned high = digit_value[(uint8_t)hex[i]];
        unsigned low = digit_value[(uint8_t)hex[i + 1]];

        if (!high || !low)
            return false;
        *out++ = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}

void hex_encode(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[data[i] >> 4];
        *out++ = digits[data[i] & 15];
    }
    *out = '\0';
}
