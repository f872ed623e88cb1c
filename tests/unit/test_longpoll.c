/* Where miners are told to wait, from what they asked. */
#include "frontend/getwork/longpoll.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *scheme, *host, *url;
} cases[] = {
    {"https", "pool.example", "https://pool.example:8443/lp/litecoin"},
    {"https", "pool.example:443", "https://pool.example:8443/lp/litecoin"},
    {"http", "127.0.0.1:80", "http://127.0.0.1:8080/lp/litecoin"},
    {"https", "[2001:db8::1]", "https://[2001:db8::1]:8443/lp/litecoin"},
    {"https", "[2001:db8::1]:443", "https://[2001:db8::1]:8443/lp/litecoin"},
    /* what could not stand in a URL, or in a header */
    {"https", "", "/lp/litecoin"},
    {"https", NULL, "/lp/litecoin"},
    {NULL, "pool.example", "/lp/litecoin"},
    {"gopher", "pool.example", "/lp/litecoin"},
    {"https", "me@pool.example", "/lp/litecoin"},
    {"https", "pool.example/x", "/lp/litecoin"},
    {"https", "pool.example\r\nX: y", "/lp/litecoin"},
    {"https", "[2001:db8::1", "/lp/litecoin"},
    {"https", "[2001:db8::1]x", "/lp/litecoin"},
    {"https", ":443", "/lp/litecoin"},
};

static void test_url(void **state)
{
    const struct live_conf conf = {.https_port = 8443, .http_port = 8080};
    char url[LONGPOLL_URL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        longpoll_url(&conf, cases[i].scheme, cases[i].host, "litecoin", url);
        assert_string_equal(url, cases[i].url);
    }
}

static void test_long_hosts_are_none(void **state)
{
    const struct live_conf conf = {.https_port = 8443};
    char url[LONGPOLL_URL_SIZE], host[600] = "";

    (void)state;
    for (size_t len = 1; len < sizeof host - 1; len++) {
        memset(host, 'a', len);
        longpoll_url(&conf, "https", host, "litecoin", url);
        assert_int_equal(strncmp(url, "https://", 8) == 0, len <= 128);
        assert_non_null(strstr(url, "/lp/litecoin"));
    }
}

static void test_without_ports_it_is_the_path(void **state)
{
    const struct live_conf conf = {.https_port = 0};
    char url[LONGPOLL_URL_SIZE];

    (void)state;
    longpoll_url(&conf, "https", "pool.example", "litecoin", url);
    assert_string_equal(url, "/lp/litecoin");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_long_hosts_are_none),
        cmocka_unit_test(test_without_ports_it_is_the_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
