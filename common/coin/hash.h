/* Hash functions of the supported chains. */
#ifndef PENSTOCK_COMMON_COIN_HASH_H
#define PENSTOCK_COMMON_COIN_HASH_H

#include "common/coin/u256.h"

#define HEADER_SIZE 80

struct span {
    const uint8_t *p;
    size_t len;
};

/* SHA-256 twice; OUT in the order the function yields ("internal order"). */
void sha256d(const void *data, size_t len, uint8_t out[32]);
/* The same of N parts, one behind the other. */
void sha256d_parts(const struct span *parts, size_t n, uint8_t out[32]);

/* Proof-of-work algorithms of 80-byte headers. To add one: a row in hash.c. */
struct pow_algorithm {
    const char *name; /* as in the configuration: "scrypt", "sha256d" */
    void (*hash)(const uint8_t header[HEADER_SIZE], struct u256 *ret); /* display order */
    /* N at once, which may be several times as fast. */
    void (*hash_many)(const uint8_t (*headers)[HEADER_SIZE], size_t n, struct u256 *ret);
    unsigned diff1_shift; /* difficulty 1 is the target 0xffff << this (difficulty.h) */
};

/* NULL when NAME is unknown. */
const struct pow_algorithm *pow_by_name(const char *name);

#endif
