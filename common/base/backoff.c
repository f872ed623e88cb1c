#include "common/base/backoff.h"

#include <assert.h>
#include <stdlib.h>

int64_t backoff_next_ms(struct backoff *b)
{
    assert(b->first_ms > 0 && b->most_ms >= b->first_ms);

    int64_t wait = b->next_ms;
    uint32_t quarter = wait / 4 < UINT32_MAX ? (uint32_t)(wait / 4) : UINT32_MAX - 1;

    b->next_ms = wait > b->most_ms / 2 ? b->most_ms : wait * 2;
    return wait - arc4random_uniform(quarter + 1);
}

void backoff_reset(struct backoff *b)
{
    b->next_ms = b->first_ms;
}
