#include "common/base/backoff.h"
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

/* Each wait lies between three quarters of the doubled time and all of it. */
static void backoff_doubles_up_to_the_most(void **state)
{
    (void)state;
    static const int64_t nominal[] = {100, 200, 400, 800, 1000, 1000, 1000};
    struct backoff b = BACKOFF_INIT(100, 1000);

    for (size_t i = 0; i < sizeof(nominal) / sizeof(nominal[0]); i++)
        assert_in_range(backoff_next_ms(&b), nominal[i] * 3 / 4, nominal[i]);
    backoff_reset(&b);
    assert_in_range(backoff_next_ms(&b), 75, 100);
    assert_in_range(backoff_next_ms(&b), 150, 200);
}

static void backoff_spreads(void **state)
{
    (void)state;
    int64_t low = INT64_MAX, high = 0;

    for (int i = 0; i < 1000; i++) {
        struct backoff b = BACKOFF_INIT(1000, 8000);
        int64_t wait = backoff_next_ms(&b);

        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    assert_in_range(low, 750, 780);
    assert_in_range(high, 970, 1000);
}

static void backoff_extremes(void **state)
{
    (void)state;
    struct backoff small = BACKOFF_INIT(1, 1), large = BACKOFF_INIT(INT64_MAX / 2 + 1, INT64_MAX);

    assert_int_equal(backoff_next_ms(&small), 1);
    assert_int_equal(backoff_next_ms(&small), 1);
    for (int i = 0; i < 5; i++)
        assert_true(backoff_next_ms(&large) > 0);
}

static void real_time_is_utc_since_the_epoch(void **state)
{
    (void)state;
    int64_t before = (int64_t)time(NULL) - 1; /* time() may be a tick behind */
    int64_t now = clock_real_us();

    assert_in_range(now / 1000000, before, time(NULL) + 1);
}

static void sleep_and_deadline(void **state)
{
    (void)state;
    int64_t start = clock_mono_ms();

    assert_in_range(clock_left_ms(start + 60000), 1, 60000);
    clock_sleep_ms(0);
    clock_sleep_ms(-5);
    clock_sleep_ms(60);
    assert_true(clock_mono_ms() - start >= 60);
    assert_int_equal(clock_left_ms(start + 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_doubles_up_to_the_most),
        cmocka_unit_test(backoff_spreads),
        cmocka_unit_test(backoff_extremes),
        cmocka_unit_test(real_time_is_utc_since_the_epoch),
        cmocka_unit_test(sleep_and_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
