/* The shared token buckets: their arithmetic under a clock of the test's own, many keys, many
 * processes, processes that die. */
#include "frontend/limit/buckets.h"

#include "common/base/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY = 24 * 3600 };

static char folder[] = "/tmp/test_limit.XXXXXX";
static char path[64];
static struct buckets *buckets;

static struct buckets *open_one(void)
{
    char err[256] = "";
    struct buckets *b = buckets_open(path, err, sizeof err);

    assert_string_equal(err, "");
    assert_non_null(b);
    return b;
}

static bool take(const char *key, const struct bucket_rate *rate, int64_t now)
{
    return buckets_take(buckets, key, strlen(key), rate, now);
}

/* How many of N requests at the same moment are let through. */
static int takes(const char *key, const struct bucket_rate *rate, int64_t now, int n)
{
    int through = 0;

    for (int i = 0; i < n; i++)
        through += take(key, rate, now);
    return through;
}

static void test_burst_and_rate(void **state)
{
    const struct bucket_rate rate = {.tokens = 60, .period_s = 60, .burst = 5};
    int64_t now = 1000000;

    (void)state;
    assert_int_equal(takes("a", &rate, now, 20), 5);
    assert_int_equal(takes("a", &rate, now + 999, 20), 0);
    assert_int_equal(takes("a", &rate, now + 1000, 20), 1);
    assert_int_equal(takes("a", &rate, now + 3500, 20), 2); /* and half a one stays */
    assert_int_equal(takes("a", &rate, now + 4000, 20), 1);
    assert_int_equal(takes("a", &rate, now + 1000000, 20), 5); /* no more than the burst */
    assert_int_equal(takes("b", &rate, now, 20), 5);           /* keys are apart */
}

/* A process that was held up after it looked at the clock gives nothing back. */
static void test_a_late_process(void **state)
{
    const struct bucket_rate rate = {.tokens = 1, .period_s = 1, .burst = 3};

    (void)state;
    assert_int_equal(takes("late", &rate, 100000, 10), 3);
    assert_int_equal(takes("late", &rate, 95000, 10), 0);
    assert_int_equal(takes("late", &rate, 100999, 10), 0);
    assert_int_equal(takes("late", &rate, 101000, 10), 1);
}

static void test_refused_requests_cost_nothing(void **state)
{
    const struct bucket_rate rate = {.tokens = 1, .period_s = 1, .burst = 1};
    int through = 0;

    (void)state;
    for (int64_t now = 5000; now < 15000; now += 10) /* a hundred times too fast */
        through += take("hasty", &rate, now);
    assert_int_equal(through, 10);
}

static void test_extreme_rates(void **state)
{
    const struct bucket_rate none = {.tokens = 0, .period_s = 60, .burst = 1};
    const struct bucket_rate odd = {.tokens = 7, .period_s = 60, .burst = 1};
    const struct bucket_rate slow = {.tokens = 1, .period_s = DAY, .burst = 365};
    const struct bucket_rate slower = {.tokens = 1, .period_s = DAY, .burst = 366};
    const struct bucket_rate fast = {.tokens = 60000, .period_s = 60, .burst = 1};
    int through = 0;

    (void)state;
    assert_int_equal(takes("none", &none, 1000, 100000), 100000);
    for (int64_t now = 1; now <= 600000; now++) /* 10 minutes at 7 each, never 71 */
        through += take("odd", &odd, now);
    assert_int_equal(through, 70);
    assert_int_equal(takes("slow", &slow, 1000, 1000), 365);
    assert_false(take("slow", &slow, 1000 + DAY * INT64_C(1000) - 1));
    assert_true(take("slow", &slow, 1000 + DAY * INT64_C(1000)));
    assert_false(bucket_rate_valid(&slower));
    through = 0;
    for (int64_t now = 2000; now < 3000; now++)
        through += takes("fast", &fast, now, 3);
    assert_int_equal(through, 1000);
}

/* A long past of another boot, or of a larger burst, must not shut anybody out for long. */
static void test_a_clock_that_went_back(void **state)
{
    const struct bucket_rate rate = {.tokens = 1, .period_s = 1, .burst = 10};

    (void)state;
    assert_int_equal(takes("old", &rate, INT64_C(400) * 86400 * 1000, 20), 10);
    assert_int_equal(takes("old", &rate, 1000, 20), 0);
    assert_int_equal(takes("old", &rate, 3000, 20), 2);
    assert_int_equal(takes("old", &rate, 13000, 20), 10);
}

static void test_a_smaller_burst_holds_at_once(void **state)
{
    const struct bucket_rate large = {.tokens = 1, .period_s = 1, .burst = 1000};
    const struct bucket_rate small = {.tokens = 1, .period_s = 1, .burst = 2};

    (void)state;
    assert_int_equal(takes("changed", &large, 1000, 2000), 1000);
    assert_false(take("changed", &small, 1000));
    assert_int_equal(takes("changed", &small, 3000, 10), 2);
}

/* As many keys as the table has places: those that came just now keep their buckets, nearly all;
 * keys without end are let in; and when all are idle the table is as good as new. */
static void test_many_keys(void **state)
{
    const struct bucket_rate rate = {.tokens = 1, .period_s = 3600, .burst = 1};
    const int n = 65536;
    int again = 0, fresh = 0;

    (void)state;
    for (int i = 0; i < n; i++)
        fresh += buckets_take(buckets, &i, sizeof i, &rate, 1000);
    /* Two of 65536 keys share a bucket in one run of 32; more than two pairs, in one of 10^6. */
    assert_in_range(fresh, n - 2, n);
    for (int i = 0; i < n; i++)
        again += buckets_take(buckets, &i, sizeof i, &rate, 1001);
    /* half full: few sets have got more than their 8 */
    assert_true(again < n / 20);

    fresh = 0;
    for (int i = n; i < 20 * n; i++) /* ten times more than it holds */
        fresh += buckets_take(buckets, &i, sizeof i, &rate, 2000);
    assert_true(fresh > 19 * n - 100);

    again = fresh = 0;
    for (int i = 0; i < n; i++)
        fresh += buckets_take(buckets, &i, sizeof i, &rate, 4000000);
    for (int i = 0; i < n; i++)
        again += buckets_take(buckets, &i, sizeof i, &rate, 4000001);
    assert_in_range(fresh, n - 2, n);
    assert_true(again < n / 20);
}

/* What is forgotten in a full table is what owes least. */
static void test_long_debts_outlive_short_ones(void **state)
{
    const struct bucket_rate day = {.tokens = 1, .period_s = DAY, .burst = 1};
    const struct bucket_rate minute = {.tokens = 1, .period_s = 60, .burst = 1};
    char key[16];
    int kept = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "day %d", i);
        assert_true(take(key, &day, 10000000));
    }
    for (int i = 0; i < 1000000; i++)
        buckets_take(buckets, &i, sizeof i, &minute, 10000000);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "day %d", i);
        kept += !take(key, &day, 10000001);
    }
    /* A key of the million has the bucket of one of the thousand in one run of 70, and settles its
     * debt at the lower rate; more than two do so in one of 10^6. */
    assert_in_range(kept, 998, 1000);
}

static void test_the_file(void **state)
{
    const struct bucket_rate rate = {.tokens = 1, .period_s = 3600, .burst = 1};
    char err[256];
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(take("kept", &rate, 1000));
    struct buckets *other = open_one();
    assert_false(buckets_take(other, "kept", 4, &rate, 1001));
    buckets_close(&other);
    assert_null(other);
    buckets_close(&buckets);
    buckets = open_one();
    assert_false(take("kept", &rate, 1002));

    assert_null(buckets_open("/nonexistent/limits", err, sizeof err));
    assert_non_null(strstr(err, "/nonexistent/limits"));
}

/* --- processes --- */

enum { PROCESSES = 8 };

/* Takes as fast as it can until the pipe closes; returns by another pipe how many it got. */
static void hammer(const char *key, const struct bucket_rate *rate, int stop, int result)
{
    struct buckets *b = open_one();
    unsigned through = 0;
    char c;

    while (read(stop, &c, 1) != 0)
        through += buckets_take(b, key, strlen(key), rate, clock_mono_ms());
    if (write(result, &through, sizeof through) != (ssize_t)sizeof through)
        _exit(1);
    _exit(0);
}

static void start_hammers(const char *key, const struct bucket_rate *rate, int ret_stop[2],
                          int ret_result[2], pid_t pids[PROCESSES])
{
    assert_int_equal(pipe2(ret_stop, O_NONBLOCK), 0);
    assert_int_equal(pipe(ret_result), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(ret_stop[1]);
            hammer(key, rate, ret_stop[0], ret_result[1]);
        }
    }
    close(ret_stop[0]);
    close(ret_result[1]);
}

static unsigned sum_of(int result)
{
    unsigned n, sum = 0;

    while (read(result, &n, sizeof n) == (ssize_t)sizeof n)
        sum += n;
    close(result);
    return sum;
}

static void test_processes_share_one_bucket(void **state)
{
    const struct bucket_rate rate = {.tokens = 12000, .period_s = 60, .burst = 100};
    int stop[2], result[2];
    pid_t pids[PROCESSES];

    (void)state;
    int64_t start = clock_mono_ms();

    start_hammers("together", &rate, stop, result, pids);
    clock_sleep_ms(700);
    close(stop[1]);
    unsigned through = sum_of(result[0]);
    int64_t ms = clock_mono_ms() - start;

    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    assert_true(through <= 100 + 200 * ms / 1000 + PROCESSES);
    assert_true(through > 100); /* and they get more than what there was at first */
}

/* Killed at any instruction, they leave a table that goes on working. */
static void test_processes_that_die(void **state)
{
    const struct bucket_rate rate = {.tokens = 60000, .period_s = 60, .burst = 50};

    (void)state;
    for (int round = 0; round < 20; round++) {
        int stop[2], result[2];
        pid_t pids[PROCESSES];
        char key[32];

        snprintf(key, sizeof key, "mortal %d", round);
        start_hammers(key, &rate, stop, result, pids);
        clock_sleep_ms(10);
        for (int i = 0; i < PROCESSES; i++) {
            kill(pids[i], SIGKILL);
            waitpid(pids[i], NULL, 0);
        }
        close(stop[1]);
        close(result[0]);
        int64_t later = clock_mono_ms() + 1000;
        assert_int_equal(takes(key, &rate, later, 100), 50);
    }
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/limits", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int make_table(void **state)
{
    (void)state;
    buckets = open_one();
    return 0;
}

static int remove_table(void **state)
{
    (void)state;
    buckets_close(&buckets);
    return unlink(path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_table, remove_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_burst_and_rate),
        TEST(test_a_late_process),
        TEST(test_refused_requests_cost_nothing),
        TEST(test_extreme_rates),
        TEST(test_a_clock_that_went_back),
        TEST(test_a_smaller_burst_holds_at_once),
        TEST(test_many_keys),
        TEST(test_long_debts_outlive_short_ones),
        TEST(test_the_file),
        TEST(test_processes_share_one_bucket),
        TEST(test_processes_that_die),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
