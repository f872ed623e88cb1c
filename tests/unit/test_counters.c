/* The counters that processes share, and the text that Prometheus reads. */
#include "common/base/buf.h"
#include "common/base/prom.h"
#include "frontend/health/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NAMES     60
#define PROCESSES 8
#define ROUNDS    2000

static char path[] = "/tmp/test_counters.XXXXXX";

static int make_file(void **state)
{
    (void)state;
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct counters *open_counters(void)
{
    char err[256] = "";
    struct counters *c = counters_open(path, err, sizeof err);

    if (!c)
        fail_msg("%s", err);
    return c;
}

struct tally {
    const char *name; /* counted for; NULL: all */
    uint64_t names, count;
};

static void add(void *ctx, const char *name, uint64_t count)
{
    struct tally *t = ctx;

    if (t->name && strcmp(t->name, name) != 0)
        return;
    t->names++;
    t->count += count;
}

static struct tally tally(const struct counters *c, enum counter_kind kind, const char *name)
{
    struct tally t = {.name = name};

    counters_each(c, kind, add, &t);
    return t;
}

static void test_counts_by_kind_and_name(void **state)
{
    struct counters *c = open_counters();

    (void)state;
    counters_add(c, COUNTER_REFUSED, "a");
    counters_add(c, COUNTER_REFUSED, "a");
    counters_add(c, COUNTER_REFUSED, "b");
    counters_add(c, COUNTER_REQUESTS, "a");
    counters_add(NULL, COUNTER_REFUSED, "a");
    assert_int_equal(tally(c, COUNTER_REFUSED, "a").count, 2);
    assert_int_equal(tally(c, COUNTER_REFUSED, NULL).names, 2);
    assert_int_equal(tally(c, COUNTER_REQUESTS, NULL).count, 1);
    counters_close(&c);
    assert_null(c);
    c = open_counters(); /* another process, or the same after a restart */
    assert_int_equal(tally(c, COUNTER_REFUSED, "a").count, 2);
    counters_close(&c);
}

static void test_long_names_are_cut(void **state)
{
    struct counters *c = open_counters();
    char longer[200];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    counters_add(c, COUNTER_REFUSED, longer);
    counters_add(c, COUNTER_REFUSED, longer);
    longer[COUNTER_MAX_NAME] = '\0';
    assert_int_equal(tally(c, COUNTER_REFUSED, longer).count, 2);
    counters_close(&c);
}

/* More names than there is room for: what fits is counted, the rest is lost, nothing else happens.
 */
static void test_no_room(void **state)
{
    struct counters *c = open_counters();
    char name[16];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "%d", i);
        counters_add(c, COUNTER_REFUSED, name);
    }
    counters_add(c, COUNTER_REFUSED, "0");
    assert_int_equal(tally(c, COUNTER_REFUSED, NULL).names, 512);
    assert_int_equal(tally(c, COUNTER_REFUSED, "0").count, 2);
    counters_close(&c);
}

static void count_much(void)
{
    struct counters *c = open_counters();
    char name[16];

    for (int i = 0; i < ROUNDS * NAMES; i++) {
        snprintf(name, sizeof name, "name %d", i % NAMES);
        counters_add(c, COUNTER_REFUSED, name);
        counters_observe(c, HISTOGRAM_CONFIRM, i % 3000);
    }
    counters_close(&c);
}

/* Nothing is lost when many count at once, and each name is told once. */
static void test_processes_at_once(void **state)
{
    struct histogram h;
    pid_t child[PROCESSES];
    int status;

    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            count_much();
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    struct counters *c = open_counters();
    struct tally all = tally(c, COUNTER_REFUSED, NULL);
    assert_int_equal(all.names, NAMES);
    assert_int_equal(all.count, (uint64_t)PROCESSES * ROUNDS * NAMES);
    counters_histogram(c, HISTOGRAM_CONFIRM, &h);
    assert_int_equal(h.upto[HISTOGRAM_BOUNDS], (uint64_t)PROCESSES * ROUNDS * NAMES);
    counters_close(&c);
}

static void test_histograms(void **state)
{
    static const int64_t us[] = {-5, 0, 500, 501, 1000, 2000000, 2000001, 9000000};
    static const uint64_t upto[HISTOGRAM_BOUNDS + 1] = {3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 8};
    struct counters *c = open_counters();
    struct histogram h;

    (void)state;
    for (size_t i = 0; i < sizeof us / sizeof *us; i++)
        counters_observe(c, HISTOGRAM_REQUEST, us[i]);
    counters_observe(NULL, HISTOGRAM_REQUEST, 1);
    counters_histogram(c, HISTOGRAM_REQUEST, &h);
    assert_memory_equal(h.upto, upto, sizeof upto);
    assert_int_equal(h.sum_us, 500 + 501 + 1000 + 2000000 + 2000001 + 9000000);
    counters_histogram(c, HISTOGRAM_CONFIRM, &h);
    assert_int_equal(h.upto[HISTOGRAM_BOUNDS], 0);
    counters_close(&c);
}

static void test_prometheus_text(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct prom p = {.out = &b};

    (void)state;
    prom_family(&p, "x_total", "counter", "Some.");
    prom_value(&p, "", PROM_NO_LABELS, 3);
    prom_value(&p, "_bucket", PROM_LABELS("le", "+Inf", "b", "\"\\\n<"), 0.25);
    assert_string_equal(b.data, "# HELP x_total Some.\n# TYPE x_total counter\nx_total 3\n"
                                "x_total_bucket{le=\"+Inf\",b=\"\\\"\\\\\\n<\"} 0.25\n");
    assert_false(p.full);
    for (int i = 0; i < 1000; i++)
        prom_value(&p, "", PROM_NO_LABELS, 1e18);
    assert_true(p.full);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_by_kind_and_name, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_long_names_are_cut, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_no_room, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_processes_at_once, make_file, remove_file),
        cmocka_unit_test_setup_teardown(test_histograms, make_file, remove_file),
        cmocka_unit_test(test_prometheus_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
