/* Counts in classes, and how Prometheus reads them; loopback addresses of settings. */
#include "common/base/histogram.h"
#include "common/base/prom.h"
#include "common/metrics/listener.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_classes(void **state)
{
    static struct value_histogram h;
    struct buf out = BUF_INIT(1 << 16);
    struct prom p = {.out = &out};
    const int64_t values[] = {-5, 0, 999, 1000, 1001, 10000000, 10000001, 100000000};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        histogram_add(&h, &histogram_time_us, values[i]);
    prom_family(&p, "x_seconds", "histogram", "X.");
    prom_histogram(&p, PROM_LABELS("a", "1\"2"), &h, &histogram_time_us);
    assert_false(p.full);
    assert_non_null(strstr(out.data, "\nx_seconds_bucket{a=\"1\\\"2\",le=\"0.001\"} 4\n"));
    assert_non_null(strstr(out.data, "\nx_seconds_bucket{a=\"1\\\"2\",le=\"0.002\"} 5\n"));
    assert_non_null(strstr(out.data, "\nx_seconds_bucket{a=\"1\\\"2\",le=\"10\"} 6\n"));
    assert_non_null(strstr(out.data, "\nx_seconds_bucket{a=\"1\\\"2\",le=\"+Inf\"} 8\n"));
    assert_non_null(strstr(out.data, "\nx_seconds_count{a=\"1\\\"2\"} 8\n"));
    assert_non_null(strstr(out.data, "\nx_seconds_sum{a=\"1\\\"2\"} 120.003001\n"));
    buf_free(&out);
}

static void test_full(void **state)
{
    static struct value_histogram h;
    struct buf out = BUF_INIT(100);
    struct prom p = {.out = &out};

    (void)state;
    prom_histogram(&(struct prom){.out = &out, .name = "x"}, PROM_NO_LABELS, &h, &histogram_count);
    assert_true(out.len <= 100);
    p.name = "x";
    prom_histogram(&p, PROM_NO_LABELS, &h, &histogram_count);
    assert_true(p.full);
    buf_free(&out);
}

static void test_addresses(void **state)
{
    static const char *const wrong[] = {"",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:0",
                                        "127.0.0.1:65535",
                                        "0.0.0.0:80",
                                        "192.0.2.1:9000",
                                        "localhost:9000",
                                        "[::]:9000",
                                        "::1:9000",
                                        "[::1]",
                                        "127.0.0.1:9000x",
                                        "127.0.0.1: 9000",
                                        "127.0.0.1:-9000",
                                        "[127.0.0.1]x:9000",
                                        ":9000",
                                        "[::1:9000",
                                        "127.1:9000",
                                        "[fe80::1]:9000",
                                        "126.0.0.1:9000",
                                        "127.0.0.1:99999999999999999999"};
    struct sockaddr_in6 a;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (loopback_address_parse(wrong[i], &a))
            fail_msg("'%s' was taken", wrong[i]);
    assert_true(loopback_address_parse("127.0.0.1:9478", &a));
    assert_int_equal(ntohs(a.sin6_port), 9478);
    assert_true(IN6_IS_ADDR_V4MAPPED(&a.sin6_addr));
    assert_true(loopback_address_parse("127.3.2.1:1", &a));
    assert_true(loopback_address_parse("[::1]:9478", &a));
    assert_true(IN6_IS_ADDR_LOOPBACK(&a.sin6_addr));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
