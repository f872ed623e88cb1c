/*
 * scrypt(N = 1024, r = 1, p = 1) of 80-byte block headers, many at a time: Litecoin's proof of work
 * (RFC 7914; the header is both password and salt).
 *
 * One core checks 8 headers at once with AVX2 and 16 with AVX-512, each lane of a vector register
 * holding one header's state. The kernel is chosen once, at run time, from what the processor has;
 * without either, OpenSSL hashes one header after the other.
 */
#ifndef PENSTOCK_COMMON_COIN_SCRYPT_H
#define PENSTOCK_COMMON_COIN_SCRYPT_H

#include "common/coin/hash.h"

struct scrypt_kernel {
    const char *name; /* "avx512", "avx2", "scalar" */
    size_t lanes;     /* headers it takes at once; fewer cost the same */
    bool (*supported)(void);
    /* Hashes LANES headers into LANES results in internal order. SCRATCH is scrypt_scratch_size()
     * bytes, aligned to 64. */
    void (*hash)(const uint8_t (*headers)[HEADER_SIZE], uint8_t (*out)[32], void *scratch);
};

/* Every kernel that was built in, fastest first; the last one is "scalar" and always supported. */
extern const struct scrypt_kernel scrypt_kernels[];
extern const size_t scrypt_kernel_count;

/* The fastest kernel that this processor supports. */
const struct scrypt_kernel *scrypt_best_kernel(void);

/* Hashes N headers with KERNEL into display order. Takes its working memory, at most 2 MB, from a
 * buffer of the calling thread that is kept for the next call. */
void scrypt_many(const struct scrypt_kernel *kernel, const uint8_t (*headers)[HEADER_SIZE],
                 size_t n, struct u256 *ret);

#endif
