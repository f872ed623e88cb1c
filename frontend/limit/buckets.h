/*
 * Token buckets that all frontend processes of this machine share.
 *
 * A bucket is one 64-bit word: the time at which it will be full again (the generic cell rate
 * algorithm), and a tag that says whose it is. One compare-and-swap takes a token, so there is no
 * lock, and no instruction at which a process could die and leave anything behind.
 *
 * A key's place comes from a hash with a random secret: nobody can choose keys that meet. The table
 * has a fixed size, in sets of 8. A bucket that is full says nothing, so its place is free for any
 * other key. When all 8 of a set are in use, the one that would be full again soonest is forgotten:
 * its owner gains what it still owed, and nobody is refused for want of room. Two keys are taken
 * for one with a probability of 1 in 500,000 per full set; then they share what one may have.
 *
 * Never more than burst + rate * time are let through, except for one more per process at the
 * moment a key is first seen, when two processes may take different places for it.
 */
#ifndef PENSTOCK_FRONTEND_LIMIT_BUCKETS_H
#define PENSTOCK_FRONTEND_LIMIT_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An empty bucket must be full again after this time, in seconds. */
#define BUCKETS_MAX_REFILL (365 * 24 * 3600)

struct bucket_rate {
    int64_t tokens; /* per period; 0: no limit */
    int64_t period_s;
    int64_t burst; /* at least 1 */
};

/* Is an empty bucket of this rate full again after BUCKETS_MAX_REFILL seconds at most? */
bool bucket_rate_valid(const struct bucket_rate *rate);

struct buckets;

/* Maps PATH (see shared_map_open()). NULL, with a reason and remedy in ERR. */
struct buckets *buckets_open(const char *path, char *err, size_t err_size);
void buckets_close(struct buckets **b);

/* Takes a token from KEY's bucket; false when there is none. RATE must be valid; NOW_MS is
 * monotonic time. */
bool buckets_take(struct buckets *b, const void *key, size_t len, const struct bucket_rate *rate,
                  int64_t now_ms);

#endif
