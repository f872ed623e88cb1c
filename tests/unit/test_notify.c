/* Mails that nobody can add a header to; where a webhook may not lead. */
#include "backend/notify/webhook.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_mail_addresses(void **state)
{
    static const char *const good[] = {"a@b.c", "first.last+tag@mail.example.org", "x_y%z@a-b.org"};
    static const char *const bad[] = {
        "",        "a",         "@b.c",        "a@",           "a@b",
        "a@.b.c",  "a@b.c.",    "a b@c.d",     "a@b.c\n",      "a@b.c\r\nBcc: x@y.z",
        "a,b@c.d", "<a@b.c>",   "a@b@c.d",     "-oQ/x@b.c",    "a@b..c",
        "a@-b.c",  "\"a\"@b.c", "a@[1.2.3.4]", "a\xc3\xa9@b.c"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(mail_address_ok(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (mail_address_ok(bad[i]))
            fail_msg("'%s' was taken", bad[i]);
}

static const struct notify_conf conf = {.url = "https://pool.example.org",
                                        .from = "pool@example.org"};

static struct notice notice_of(const char *kind, const char *detail)
{
    return (struct notice){.id = 7,
                           .network = "litecoin",
                           .kind = kind,
                           .detail = detail,
                           .target = "miner@example.org",
                           .token = "0123456789abcdef0123456789abcdef"};
}

static void test_mail(void **state)
{
    struct notice n = notice_of("silent", "Worker x\r\nBcc: y@z.org\r\n\r\n is silent.");
    struct buf out = BUF_INIT(8192);

    (void)state;
    assert_true(mail_build(&conf, &n, &out));
    assert_non_null(strstr(out.data, "To: miner@example.org\r\n"));
    assert_non_null(strstr(out.data, "Subject: A worker is silent\r\n"));
    assert_non_null(strstr(out.data, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
    assert_non_null(strstr(out.data, "/notify/stop?token=0123456789abcdef0123456789abcdef"));
    assert_null(strstr(out.data, "\nBcc"));
    assert_null(strstr(out.data, "/notify/confirm"));
    buf_clear(&out);
    n = notice_of("confirm", "Somebody asks.");
    assert_true(mail_build(&conf, &n, &out));
    assert_non_null(strstr(out.data, "\r\n\r\nSomebody asks."));
    assert_non_null(strstr(out.data, "/notify/confirm?token=0123456789abcdef0123456789abcdef"));
    buf_clear(&out);
    n.target = "a@b.c\nBcc: x@y.z";
    assert_false(mail_build(&conf, &n, &out));
    buf_free(&out);
}

static bool is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return webhook_is_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return webhook_is_public((const struct sockaddr *)&v6);
}

static void test_public_addresses(void **state)
{
    static const char *const good[] = {
        "1.1.1.1",     "8.8.8.8",         "172.15.0.1",   "172.32.0.1",     "100.63.0.1",
        "192.167.1.1", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "223.255.255.254"};
    static const char *const bad[] = {"0.0.0.0",
                                      "10.1.2.3",
                                      "100.64.0.1",
                                      "127.0.0.1",
                                      "127.255.0.1",
                                      "169.254.169.254",
                                      "172.16.0.1",
                                      "172.31.255.255",
                                      "192.168.1.1",
                                      "198.18.0.1",
                                      "192.0.2.1",
                                      "224.0.0.1",
                                      "255.255.255.255",
                                      "::",
                                      "::1",
                                      "fe80::1",
                                      "fc00::1",
                                      "fd12::1",
                                      "ff02::1",
                                      "::ffff:127.0.0.1",
                                      "::ffff:10.0.0.1",
                                      "::ffff:169.254.169.254",
                                      "64:ff9b::7f00:1",
                                      "2002:7f00:1::1",
                                      "2001::1",
                                      "2001:db8::1",
                                      "::127.0.0.1",
                                      "3fff::1",
                                      "240.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!is_public(good[i]))
            fail_msg("%s is public", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (is_public(bad[i]))
            fail_msg("%s is not public", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_addresses),
        cmocka_unit_test(test_mail),
        cmocka_unit_test(test_public_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
