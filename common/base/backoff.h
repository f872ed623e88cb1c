/* Waiting times for retries: doubling from FIRST to MOST, each with up to 25 % taken off at random
 * so that many processes do not come back at once. */
#ifndef PENSTOCK_COMMON_BASE_BACKOFF_H
#define PENSTOCK_COMMON_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first_ms, most_ms, next_ms;
};

#define BACKOFF_INIT(first, most) ((struct backoff){(first), (most), (first)})

int64_t backoff_next_ms(struct backoff *b); /* how long to wait now */
void backoff_reset(struct backoff *b);      /* after a success */

#endif
