/* SHA256_* is deprecated in OpenSSL 3, but lets a keyed state be copied at the price of a memcpy.
 */
#define OPENSSL_API_COMPAT 0x10100000L

#include "common/coin/scrypt.h"

#include <endian.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_PER_LANE (1024 * 128)
#define MAX_LANES        16
/* A vector kernel takes about as long as this many headers one by one, however many lanes are used.
 */
#define WORTH_A_VECTOR 2

/* --- PBKDF2-HMAC-SHA256 with one iteration (RFC 8018), from a key schedule that serves both calls
 * --- */

struct hmac_key {
    SHA256_CTX inner, outer;
};

static void hmac_init(struct hmac_key *key, const uint8_t *password, size_t len)
{
    uint8_t hashed[32], pad[64];

    SHA256(password, len, hashed); /* a header is longer than SHA-256's block of 64 bytes */
    memset(pad, 0x36, sizeof(pad));
    for (size_t i = 0; i < sizeof(hashed); i++)
        pad[i] ^= hashed[i];
    SHA256_Init(&key->inner);
    SHA256_Update(&key->inner, pad, sizeof(pad));
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&key->outer);
    SHA256_Update(&key->outer, pad, sizeof(pad));
}

/* Block NUMBER of the output; SALTED is the inner state after the salt. */
static void pbkdf2_block(const struct hmac_key *key, const SHA256_CTX *salted, uint32_t number,
                         uint8_t out[32])
{
    SHA256_CTX ctx = *salted;
    uint32_t be = htobe32(number);

    SHA256_Update(&ctx, &be, sizeof(be));
    SHA256_Final(out, &ctx);
    ctx = key->outer;
    SHA256_Update(&ctx, out, 32);
    SHA256_Final(out, &ctx);
}

/* 128 bytes from the header as salt, as the 32 words that the mixing works on. */
static void pbkdf2_first(const struct hmac_key *key, const uint8_t *header, uint32_t words[32])
{
    SHA256_CTX salted = key->inner;

    SHA256_Update(&salted, header, HEADER_SIZE);
    for (uint32_t i = 0; i < 4; i++)
        pbkdf2_block(key, &salted, i + 1, (uint8_t *)&words[i * 8]);
    for (size_t i = 0; i < 32; i++)
        words[i] = le32toh(words[i]);
}

/* 32 bytes from the mixed words as salt. */
static void pbkdf2_last(const struct hmac_key *key, uint32_t words[32], uint8_t out[32])
{
    SHA256_CTX salted = key->inner;

    for (size_t i = 0; i < 32; i++)
        words[i] = htole32(words[i]);
    SHA256_Update(&salted, words, 128);
    pbkdf2_block(key, &salted, 1, out);
}

/* --- kernels --- */

static bool always(void)
{
    return true;
}

static void scalar_hash(const uint8_t (*headers)[HEADER_SIZE], uint8_t (*out)[32], void *scratch)
{
    (void)scratch;
    /* With constant parameters only memory can run out. */
    if (EVP_PBE_scrypt((const char *)headers[0], HEADER_SIZE, headers[0], HEADER_SIZE, 1024, 1, 1,
                       0, out[0], 32) != 1)
        abort();
}

#ifdef __x86_64__
#include <immintrin.h>

#define LANES           8
#define KERNEL(x)       avx2_##x
#define ISA             "avx2"
#define GATHER(base, i) (avx2_vec) _mm256_i32gather_epi32((const int *)(base), (__m256i)(i), 4)
#include "common/coin/scrypt_kernel.h"

#define LANES           16
#define KERNEL(x)       avx512_##x
#define ISA             "avx512f"
#define GATHER(base, i) (avx512_vec) _mm512_i32gather_epi32((__m512i)(i), (const int *)(base), 4)
#include "common/coin/scrypt_kernel.h"

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0;
}
#endif

const struct scrypt_kernel scrypt_kernels[] = {
#ifdef __x86_64__
    {"avx512", 16, has_avx512, avx512_hash},
    {"avx2", 8, has_avx2, avx2_hash},
#endif
    {"scalar", 1, always, scalar_hash},
};
const size_t scrypt_kernel_count = sizeof(scrypt_kernels) / sizeof(scrypt_kernels[0]);

static const struct scrypt_kernel *const scalar =
    &scrypt_kernels[sizeof(scrypt_kernels) / sizeof(scrypt_kernels[0]) - 1];

const struct scrypt_kernel *scrypt_best_kernel(void)
{
    const struct scrypt_kernel *k = scrypt_kernels;

    while (!k->supported())
        k++;
    return k;
}

static pthread_key_t scratch_key;

static void make_scratch_key(void)
{
    if (pthread_key_create(&scratch_key, free) != 0)
        abort();
}

/* Freed when the thread ends. */
static void *thread_scratch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    void *scratch;

    pthread_once(&once, make_scratch_key);
    scratch = pthread_getspecific(scratch_key);
    if (scratch == NULL) {
        scratch = aligned_alloc(64, MAX_LANES * SCRATCH_PER_LANE);
        if (scratch == NULL || pthread_setspecific(scratch_key, scratch) != 0)
            abort();
    }
    return scratch;
}

void scrypt_many(const struct scrypt_kernel *kernel, const uint8_t (*headers)[HEADER_SIZE],
                 size_t n, struct u256 *ret)
{
    uint8_t batch[MAX_LANES][HEADER_SIZE], out[MAX_LANES][32];
    void *scratch = thread_scratch();

    for (size_t done = 0; done < n;) {
        size_t left = n - done, now = left < kernel->lanes ? left : kernel->lanes;

        if (left <= WORTH_A_VECTOR && kernel->lanes > 1) {
            scrypt_many(scalar, headers + done, left, ret + done);
            return;
        }
        /* Idle lanes repeat the last header: the kernel's time does not depend on how many are
         * used. */
        for (size_t l = 0; l < kernel->lanes; l++)
            memcpy(batch[l], headers[done + (l < now ? l : now - 1)], HEADER_SIZE);
        kernel->hash((const uint8_t(*)[HEADER_SIZE])batch, out, scratch);
        for (size_t l = 0; l < now; l++)
            u256_reverse(out[l], &ret[done + l]);
        done += now;
    }
}
