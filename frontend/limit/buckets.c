#include "frontend/limit/buckets.h"

#include "common/base/mem.h"
#include "frontend/fcgi/shared_map.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BUCKETS_MAGIC   UINT64_C(0x50534b4c494d4954) /* "PSKLIMIT" */
#define BUCKETS_VERSION 1

#define SETS       16384u /* a power of two; 1 MiB in all */
#define WAYS       8u     /* a set is one cache line */
#define TICKS      10     /* per millisecond */
#define LATE_TICKS (60 * 1000 * TICKS)

/* A word is TAG << 42 | FULL: the tick, counted from the machine's start, at which the bucket is
 * full; 42 bits last 13 years. A word whose tick has passed is free. */
#define FULL_BITS 42
#define FULL_MASK ((UINT64_C(1) << FULL_BITS) - 1)

struct set {
    _Alignas(64) _Atomic uint64_t word[WAYS];
};

struct shared {
    struct shared_map_head head;
    struct set set[SETS];
};

_Static_assert(ATOMIC_LONG_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics work between processes");

struct buckets {
    struct shared *shared;
    EVP_MAC *mac;
    EVP_MAC_CTX *hash;
};

/* SipHash-2-4 of 8 bytes, keyed by the secret of the file. */
static bool open_hash(struct buckets *b)
{
    size_t size = sizeof(uint64_t);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                 OSSL_PARAM_construct_end()};

    b->mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    if (b->mac)
        b->hash = EVP_MAC_CTX_new(b->mac);
    return b->hash && EVP_MAC_init(b->hash, b->shared->head.secret, SHARED_MAP_SECRET, params) == 1;
}

struct buckets *buckets_open(const char *path, char *err, size_t err_size)
{
    struct buckets *b = mem_zalloc(sizeof *b);

    b->shared =
        shared_map_open(path, BUCKETS_MAGIC, BUCKETS_VERSION, sizeof *b->shared, err, err_size);
    if (b->shared && !open_hash(b)) {
        snprintf(err, err_size, "OpenSSL has no SIPHASH; its default provider must be active");
        buckets_close(&b);
    } else if (!b->shared) {
        buckets_close(&b);
    }
    return b;
}

void buckets_close(struct buckets **b)
{
    if (!*b)
        return;
    EVP_MAC_CTX_free((*b)->hash);
    EVP_MAC_free((*b)->mac);
    if ((*b)->shared)
        munmap((*b)->shared, sizeof *(*b)->shared);
    free(*b);
    *b = NULL;
}

static uint64_t hash_of(struct buckets *b, const void *key, size_t len)
{
    uint64_t hash;
    size_t size;
    bool ok = EVP_MAC_init(b->hash, NULL, 0, NULL) == 1 && EVP_MAC_update(b->hash, key, len) == 1 &&
              EVP_MAC_final(b->hash, (unsigned char *)&hash, &size, sizeof hash) == 1;

    assert(ok && size == sizeof hash); /* it computes in memory it has */
    (void)ok;
    return hash;
}

/* Where the key's bucket is, or else a place for it; *RET_WORD is what stands there. */
static _Atomic uint64_t *find(struct set *set, uint64_t tag, uint64_t now, uint64_t *ret_word)
{
    _Atomic uint64_t *place = NULL;
    uint64_t soonest = UINT64_MAX;

    for (size_t i = 0; i < WAYS; i++) {
        uint64_t word = atomic_load(&set->word[i]);
        uint64_t full = word & FULL_MASK;
        bool in_use = full > now;

        if (in_use && word >> FULL_BITS == tag) {
            *ret_word = word;
            return &set->word[i];
        }
        if (!in_use)
            full = 0;
        if (full < soonest) {
            soonest = full;
            place = &set->word[i];
            *ret_word = word;
        }
    }
    return place;
}

/* The tick at which the bucket is full. None owes more than a whole burst: one that seems to was
 * charged under other settings, or before the clock went back. A little more is no such thing, but
 * the work of a process whose NOW is later than ours. */
static uint64_t full_at(uint64_t word, uint64_t tag, uint64_t now, uint64_t burst)
{
    uint64_t full = word & FULL_MASK;

    if (word >> FULL_BITS != tag || full <= now)
        return now;
    return full <= now + burst + LATE_TICKS ? full : now + burst;
}

bool bucket_rate_valid(const struct bucket_rate *rate)
{
    return rate->tokens == 0 || (rate->burst >= 1 && rate->burst <= BUCKETS_MAX_REFILL &&
                                 rate->burst * rate->period_s <= BUCKETS_MAX_REFILL * rate->tokens);
}

bool buckets_take(struct buckets *b, const void *key, size_t len, const struct bucket_rate *rate,
                  int64_t now_ms)
{
    assert(bucket_rate_valid(rate));
    if (rate->tokens == 0)
        return true;
    /* rounded up, so that the rate is never exceeded */
    uint64_t period = (uint64_t)rate->period_s * 1000 * TICKS;
    uint64_t each = (period + (uint64_t)rate->tokens - 1) / (uint64_t)rate->tokens;
    uint64_t burst = each * (uint64_t)rate->burst;
    uint64_t now = (uint64_t)now_ms * TICKS;
    uint64_t hash = hash_of(b, key, len);
    uint64_t tag = hash >> FULL_BITS, word;
    struct set *set = &b->shared->set[hash % SETS];

    for (;;) {
        _Atomic uint64_t *place = find(set, tag, now, &word);
        uint64_t full = full_at(word, tag, now, burst);
        bool taken = full + each <= now + burst;
        uint64_t next = tag << FULL_BITS | (taken ? full + each : full);

        assert(next >> FULL_BITS == tag); /* else the machine is 13 years up */
        if (next == word || atomic_compare_exchange_strong(place, &word, next))
            return taken;
    }
}
