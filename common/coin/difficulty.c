#include "common/coin/difficulty.h"

#include <assert.h>
#include <string.h>

#define LIMBS 5 /* 64 bits each, least significant first: 64 bits of number and 240 of shift */

bool difficulty_parse(const char *text, size_t len, struct difficulty *ret)
{
    struct difficulty d = {0, 1};
    size_t digits = 0;
    bool point = false;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && !point && digits > 0) {
            point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || ++digits > DIFFICULTY_MAX_DIGITS)
            return false;
        d.number = d.number * 10 + (uint64_t)(text[i] - '0');
        if (point)
            d.per *= 10;
    }
    if (d.number == 0 || d.per > UINT64_C(1000000000))
        return false;
    *ret = d;
    return true;
}

/* X / DIVISOR, rounded down. */
static void divide(uint64_t x[LIMBS], uint64_t divisor)
{
    unsigned __int128 rest = 0;

    for (size_t i = LIMBS; i > 0; i--) {
        rest = rest << 64 | x[i - 1];
        x[i - 1] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
}

void difficulty_target(const struct difficulty *d, unsigned diff1_shift, struct u256 *ret)
{
    const unsigned limb = diff1_shift / 64, bit = diff1_shift % 64;
    uint64_t x[LIMBS] = {0};

    assert(d->number > 0 && diff1_shift <= 240 && limb + 1 < LIMBS);
    const unsigned __int128 top = (unsigned __int128)(0xffff * d->per) << bit;
    x[limb] = (uint64_t)top;
    x[limb + 1] = (uint64_t)(top >> 64);
    divide(x, d->number);
    if (x[LIMBS - 1] != 0) {
        memset(ret->be, 0xff, sizeof(ret->be));
        return;
    }
    for (size_t i = 0; i < 32; i++)
        ret->be[31 - i] = (uint8_t)(x[i / 8] >> (8 * (i % 8)));
}
