/* Addresses and networks of both IP versions. */
#include "common/base/ipnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    static const char *const same[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::FFFF:c000:201", "192.0.2.1"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::1", "::1"},
        {"::", "::"},
    };
    static const char *const none[] = {"",           "1.2.3",     "1.2.3.4.5",  "1.2.3.256",
                                       " 1.2.3.4",   "1.2.3.4 ",  "1.2.3.4:80", "[::1]",
                                       "fe80::1%lo", "localhost", "::1::",      "0x7f.1.1.1"};
    char text[IP_TEXT_SIZE];
    struct ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(ip_parse(same[i][0], &ip));
        ip_format(&ip, text);
        assert_string_equal(text, same[i][1]);
        assert_int_equal(ip_is_v4(&ip), strchr(same[i][1], ':') == NULL);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(ip_parse(none[i], &ip));
}

static void test_network_texts(void **state)
{
    static const char *const same[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1/32", "192.0.2.1"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"::1/128", "::1"},
        {"::/0", "::/0"},
        {"::ffff:10.0.0.0/104", "10.0.0.0/8"},
    };
    static const char *const none[] = {
        "10.0.0.1/8",   "10.0.0.0/33", "10.0.0.0/",
        "10.0.0.0/-1",  "/8",          "10.0.0.0/8x",
        "10.0.0.0/08a", "::/129",      "::1/64",
        "10.0.0.0/8/8", "any",         "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8"};
    char text[IPNET_TEXT_SIZE];
    struct ipnet net;

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(ipnet_parse(same[i][0], &net));
        ipnet_format(&net, text);
        assert_string_equal(text, same[i][1]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(ipnet_parse(none[i], &net));
}

static bool has(const char *network, const char *address)
{
    struct ipnet net;
    struct ip ip;

    assert_true(ipnet_parse(network, &net));
    assert_true(ip_parse(address, &ip));
    return ipnet_has(&net, &ip);
}

static void test_membership(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.128"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(has("192.0.2.1", "192.0.2.0"));
    assert_true(has("0.0.0.0/0", "255.255.255.255"));
    assert_false(has("0.0.0.0/0", "2001:db8::1")); /* all of IPv4, and nothing else */
    assert_true(has("::/0", "2001:db8::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_network_texts),
        cmocka_unit_test(test_membership),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
