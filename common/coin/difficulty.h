/* Difficulty as miners write it, a decimal number, and the share target that it stands for. Exact:
 * no floating point, the same result on every machine. */
#ifndef PENSTOCK_COMMON_COIN_DIFFICULTY_H
#define PENSTOCK_COMMON_COIN_DIFFICULTY_H

#include "common/coin/u256.h"

#define DIFFICULTY_MAX_DIGITS 18
#define DIFFICULTY_MAX_PLACES 9

struct difficulty {
    uint64_t number; /* at least 1 */
    uint64_t per;    /* a power of ten: the value is number / per */
};

/* Digits, with at most one point among or behind them; no sign, exponent or blank. False for that,
 * for 0, and for more than the digits and places above. */
bool difficulty_parse(const char *text, size_t len, struct difficulty *ret);

/* floor(0xffff * 2^DIFF1_SHIFT / difficulty), where DIFF1_SHIFT is that of the algorithm (struct
 * pow_algorithm), at most 240. What is easier than every target becomes 2^256 - 1; what is harder
 * than every target, 0. */
void difficulty_target(const struct difficulty *d, unsigned diff1_shift, struct u256 *ret);

#endif
