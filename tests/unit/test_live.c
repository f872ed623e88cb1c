/* Whom penstock-live takes a request for, how many it counts of whom, and who missed a tip. */
#include "frontend/live/ask.h"
#include "frontend/live/seen.h"
#include "frontend/live/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ADDRESS "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc"
#define BASIC   "Basic cmx0YzFxZHFqZ2Q4dHZ1cDR4MmpsZnc3d2p6OTQwZmhwMjJsMjkzejlod2M6eA=="
#define GETWORK "{\"method\":\"getwork\",\"params\":[],\"id\":3}"

static char *aliases[] = {(char *)"regtest"};
static const struct conf_words words = {.n = 1, .word = aliases};
static struct net nets[] = {{.name = "litecoin", .aliases = &words, .rules = {.hrp = "rltc"}}};

static struct http_ask ask_of(const char *path)
{
    struct http_ask ask = {
        .method = "POST", .authorization = BASIC, .agent = "cpuminer/2.5.1", .body = GETWORK};

    snprintf(ask.path, sizeof ask.path, "%s", path);
    ask.body_len = strlen(ask.body);
    return ask;
}

static const struct refusal *look(const struct http_ask *ask, const char *peer, struct caller *ret)
{
    struct ipnet balancer;

    assert_true(ipnet_parse("203.0.113.0/24", &balancer));
    const struct ask_rules rules = {nets, 1, &balancer, 1};
    *ret = (struct caller){.network = 9};
    return ask_read(&rules, ask, peer, ret);
}

static void test_who_asks(void **state)
{
    static const char *const paths[] = {"/lp/litecoin", "/lp/regtest"};
    struct caller c;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct http_ask ask = ask_of(paths[i]);

        assert_null(look(&ask, "127.0.0.1", &c));
        assert_int_equal(c.network, 0);
        assert_string_equal(c.auth.address, ADDRESS);
        assert_string_equal(c.agent, "cpuminer/2.5.1");
        assert_string_equal(c.call.id, "3");
        assert_int_equal(c.call.method, CALL_GETWORK);
        assert_string_equal(c.ip_text, "127.0.0.1");
        assert_string_equal(c.uri, paths[i]);
    }
}

/* The proxy on this machine is believed, and further ones only as the settings say. */
static void test_whose_address_it_is(void **state)
{
    static const struct {
        const char *peer, *forwarded, *ip;
    } cases[] = {
        {"127.0.0.1", "", "127.0.0.1"},
        {"127.0.0.1", "192.0.2.1", "192.0.2.1"},
        {"::1", "2001:db8::1", "2001:db8::1"},
        {"127.0.0.1", "192.0.2.9, 192.0.2.1", "192.0.2.1"},
        {"127.0.0.1", "192.0.2.9, 203.0.113.5", "192.0.2.9"},
        {"127.0.0.1", "192.0.2.9, 127.0.0.1", "127.0.0.1"}, /* itself no further proxy */
        {"198.51.100.1", "192.0.2.1", "198.51.100.1"},
        {"203.0.113.7", "192.0.2.1", "192.0.2.1"},
    };
    struct caller c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_ask ask = ask_of("/lp/litecoin");

        strcpy(ask.forwarded, cases[i].forwarded);
        assert_null(look(&ask, cases[i].peer, &c));
        assert_string_equal(c.ip_text, cases[i].ip);
    }
    struct http_ask ask = ask_of("/lp/litecoin");
    strcpy(ask.forwarded, "nonsense");
    assert_non_null(look(&ask, "127.0.0.1", &c));
}

static void test_where_it_asked(void **state)
{
    static const struct {
        const char *scheme, *host, *uri;
    } cases[] = {
        {"https", "pool.example:8443", "https://pool.example:8443/lp/litecoin"},
        {"http", "[::1]:8080", "http://[::1]:8080/lp/litecoin"},
        {"https", "a\"b", "/lp/litecoin"},
        {"gopher", "pool.example", "/lp/litecoin"},
        {"https", "", "/lp/litecoin"},
    };
    struct caller c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_ask ask = ask_of("/lp/litecoin");

        strcpy(ask.scheme, cases[i].scheme);
        strcpy(ask.host, cases[i].host);
        assert_null(look(&ask, "127.0.0.1", &c));
        assert_string_equal(c.uri, cases[i].uri);
    }
}

static void test_who_is_refused(void **state)
{
    struct caller c;

    (void)state;
    struct http_ask ask = ask_of("/lp/dogecoin");
    assert_int_equal(look(&ask, "127.0.0.1", &c)->status, 404);
    ask = ask_of("/");
    assert_int_equal(look(&ask, "127.0.0.1", &c)->status, 404);
    ask = ask_of("/lp/litecoin");
    ask.method = "PUT";
    assert_int_equal(look(&ask, "127.0.0.1", &c)->status, 405);
    ask = ask_of("/lp/litecoin");
    ask.authorization[0] = '\0';
    assert_int_equal(look(&ask, "127.0.0.1", &c)->status, 401);
    assert_non_null(
        strstr(refusal_headers(look(&ask, "127.0.0.1", &c)), "WWW-Authenticate: Basic"));
    ask = ask_of("/lp/litecoin");
    ask.body = "{\"method\":\"submitblock\",\"params\":[\"00\"],\"id\":5}";
    ask.body_len = strlen(ask.body);
    assert_int_equal(look(&ask, "127.0.0.1", &c)->status, 200);
    assert_true(look(&ask, "127.0.0.1", &c)->code < 0);
    assert_string_equal(c.call.id, "5");
}

static void test_a_get_wants_work(void **state)
{
    struct http_ask ask = ask_of("/lp/litecoin");
    struct caller c;

    (void)state;
    ask.method = "GET";
    ask.body = "";
    ask.body_len = 0;
    assert_null(look(&ask, "127.0.0.1", &c));
    assert_int_equal(c.call.method, CALL_GETWORK);
    assert_string_equal(c.call.id, "null");
}

static void test_tally(void **state)
{
    struct tally *t = tally_new();
    char key[16];

    (void)state;
    assert_true(tally_add(t, "a", 2) && tally_add(t, "a", 2));
    assert_false(tally_add(t, "a", 2));
    assert_true(tally_add(t, "a", 0));
    assert_int_equal(tally_count(t, "a"), 3);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i % 100);
        assert_true(tally_add(t, key, 10));
    }
    assert_false(tally_add(t, "42", 10));
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i % 100);
        tally_remove(t, key);
    }
    assert_int_equal(tally_count(t, "42"), 0);
    assert_int_equal(tally_count(t, "a"), 3);
    tally_free(&t);
    assert_null(t);
}

static void test_seen(void **state)
{
    struct seen *s = seen_new();
    struct caller a = {.ip_text = "192.0.2.1"}, b = {.ip_text = "192.0.2.2"};
    const struct u256 old = {{1}}, new = {{2}};

    (void)state;
    assert_false(seen_elsewhere(s, &a, &new, 0));
    seen_note(s, &a, &old, 1000);
    assert_false(seen_elsewhere(s, &a, &old, 1001));
    assert_true(seen_elsewhere(s, &a, &new, 1001));
    assert_false(seen_elsewhere(s, &b, &new, 1001));
    assert_false(seen_elsewhere(s, &a, &new, 1000 + SEEN_MS));
    a.network = 1;
    assert_false(seen_elsewhere(s, &a, &new, 1001));
    seen_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_asks),
        cmocka_unit_test(test_whose_address_it_is),
        cmocka_unit_test(test_where_it_asked),
        cmocka_unit_test(test_who_is_refused),
        cmocka_unit_test(test_a_get_wants_work),
        cmocka_unit_test(test_tally),
        cmocka_unit_test(test_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
