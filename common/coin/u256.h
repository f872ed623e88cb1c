/* 256-bit unsigned integers as the field prints them: 32 bytes, most significant first ("display
 * order"), so that memcmp() is the comparison and hex is the text. Hashes come out of the
 * algorithms in the opposite order; u256_reverse() turns one into the other. */
#ifndef PENSTOCK_COMMON_COIN_U256_H
#define PENSTOCK_COMMON_COIN_U256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u256 {
    uint8_t be[32];
};

/* Exactly 64 hexadecimal digits. */
bool u256_from_hex(const char *hex, size_t len, struct u256 *ret);
void u256_to_hex(const struct u256 *x, char out[65]);
int u256_cmp(const struct u256 *a, const struct u256 *b); /* <0, 0, >0 */
bool u256_is_zero(const struct u256 *x);
void u256_reverse(const uint8_t in[32], struct u256 *ret);

/* Compact form "nBits" (Bitcoin: arith_uint256::SetCompact). False when negative, zero or
 * overflowing. */
bool u256_from_compact(uint32_t bits, struct u256 *ret);
uint32_t u256_to_compact(const struct u256 *x);

/* Expected number of hashes to meet TARGET, floor(2^256 / (target + 1)), capped at UINT64_MAX; at
 * least 1. This is Penstock's unit of difficulty: exact, additive, the same for every algorithm. */
uint64_t u256_expected_hashes(const struct u256 *target);

#endif
