#include "common/base/clock.h"

#include <assert.h>
#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec t;
    int rc = clock_gettime(clock, &t);

    assert(rc == 0); /* both clocks exist on every Linux */
    (void)rc;
    return t;
}

int64_t clock_real_us(void)
{
    struct timespec t = now(CLOCK_REALTIME);

    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    struct timespec t = now(CLOCK_MONOTONIC);

    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_mono_ms(void)
{
    struct timespec t = now(CLOCK_MONOTONIC);

    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_sleep_ms(int64_t ms)
{
    if (ms <= 0)
        return;
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

int64_t clock_left_ms(int64_t deadline_mono_ms)
{
    int64_t left = deadline_mono_ms - clock_mono_ms();

    return left > 0 ? left : 0;
}
