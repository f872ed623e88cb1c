/* frontend.conf: what is refused beyond the range of single settings, and with which words. */
#include "frontend/conf/settings.h"

#include "common/message/solution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVERS                                                                                    \
    "[database]\nhosts = h\nuser = u\npassword_file = /p\n"                                        \
    "[broker]\nhosts = h\nuser = u\npassword_file = /p\n"
/* BIP 173's address of 20 bytes */
#define ADDRESS  "pool_address = BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4\nbech32_prefix = bc\n"
#define ONE      SERVERS "[network one]\n" ADDRESS
#define TARGET_0 "share_target = 0000000000000000000000000000000000000000000000000000000000000000\n"

static struct frontend_conf *load(const char *text, char err[512])
{
    char path[] = "/tmp/test_frontend_conf.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    err[0] = '\0';
    struct frontend_conf *conf = conf_load(&frontend_schema, path, err, 512);
    unlink(path);
    return conf;
}

static void refused(const char *text, const char *word, const char *other_word)
{
    char err[512];

    assert_null(load(text, err));
    if (!strstr(err, word) || !strstr(err, other_word))
        fail_msg("'%s' does not name '%s' and '%s'", err, word, other_word);
}

static void test_defaults(void **state)
{
    char err[512];
    struct frontend_conf *conf = load(ONE "aliases = main x\n", err);

    (void)state;
    assert_string_equal(err, "");
    assert_non_null(conf);
    const struct frontend_network *net = conf->networks.item;
    assert_int_equal(conf->networks.n, 1);
    assert_string_equal(net->base.label, "one");
    assert_string_equal(net->share_target,
                        "0000011110000000000000000000000000000000000000000000000000000000");
    assert_int_equal(conf->frontend.body_max_bytes, SOLUTION_MAX_BODY);
    assert_int_equal(conf->frontend.probe_interval_ms, 250);
    /* A miner is to be answered within a second, whatever hangs. */
    assert_in_range(conf->database.connect_timeout_ms, 50, 900);
    assert_in_range(conf->database.query_timeout_ms, 50, 900);
    assert_in_range(conf->broker.confirm_timeout_ms, 50, 900);
    conf_free(&frontend_schema, conf);
}

static void test_networks(void **state)
{
    (void)state;
    refused(SERVERS, "no [network NAME]", "add one");
    refused(ONE TARGET_0, "[network one]", "share_target");
    refused(SERVERS "[network one]\nbech32_prefix = bc\npool_address = nonsense\n", "pool_address",
            "one");
    refused(ONE "aliases = a b\n[network two]\n" ADDRESS "aliases = b\n", "'b'", "[network one]");
    refused(ONE "[network two]\n" ADDRESS "aliases = one\n", "'one'", "[network two]");
    refused(ONE "aliases = two\n[network two]\n" ADDRESS, "'two'", "[network one]");
}

static void test_bounds(void **state)
{
    (void)state;
    refused(ONE "[frontend]\nbody_max_bytes = 9437185\n", "body_max_bytes", "9437184");
    refused(ONE "[frontend]\nhealth_file = relative\n", "health_file", "/");
    refused(ONE "[frontend]\nprobe_interval_ms = 1\n", "probe_interval_ms", "20");
}

/* What goes into pages as a link can be nothing but one. */
static void test_links(void **state)
{
    static const char *const bad[] = {
        "javascript:alert(*)",   "https://x.example/",        "*",
        "https://x.example/*/*", "https://x.example/\"><b>*", "https://x.example/* x",
        "//x.example/*"};
    char err[512], text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, ONE "transaction_url = %s\n", bad[i]);
        refused(text, "transaction_url", "one '*'");
    }
    refused(ONE "block_url = x\n", "block_url", "[network one]");
    refused(ONE "address_url = x\n", "address_url", "[network one]");
    struct frontend_conf *conf = load(ONE "block_url = https://x.example/b?id=*&x=1#y\n", err);
    assert_string_equal(err, "");
    conf_free(&frontend_schema, conf);
}

/* Nothing but a web address and a way to reach somebody; networks' names that are taken. */
static void test_site(void **state)
{
    static const char *const bad_urls[] = {"pool.example",       "javascript:alert(1)",
                                           "https://x.example/", "https://x.example/?a",
                                           "https://x\"><b>",    "//x.example"};
    static const char *const bad_contacts[] = {
        "javascript:alert(1)", "me",   "@x", "a@b@c", "a@", "a b@x.example",
        "a@x.example?cc=b",    "<b>@x"};
    char err[512], text[1024];

    (void)state;
    for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        snprintf(text, sizeof text, ONE "[site]\nurl = %s\n", bad_urls[i]);
        refused(text, "[site] url", "https://pool.example");
    }
    for (size_t i = 0; i < sizeof bad_contacts / sizeof *bad_contacts; i++) {
        snprintf(text, sizeof text, ONE "[site]\ncontact = %s\n", bad_contacts[i]);
        refused(text, "[site] contact", "help@pool.example");
    }
    refused(SERVERS "[network static]\n" ADDRESS, "[network static]", "choose another");
    refused(SERVERS "[network api]\n" ADDRESS, "[network api]", "choose another");
    refused(ONE "miners = action telepathy\n", "telepathy", "biblepay");

    struct frontend_conf *conf =
        load(ONE "miners = biblepay\n[site]\npool_name = <b>\nurl = https://x.example:8443\n"
                 "contact = pool+help@x.example\n",
             err);
    assert_string_equal(err, "");
    assert_string_equal(conf->site.pool_name, "<b>");
    conf_free(&frontend_schema, conf);
}

static void test_who_may_read_metrics(void **state)
{
    char err[512];
    struct frontend_conf *conf = load(ONE, err);

    (void)state;
    assert_non_null(conf);
    assert_int_equal(conf->frontend.metrics_from.n, 2);
    conf_free(&frontend_schema, conf);
    refused(ONE "[frontend]\nmetrics_from = everyone\n", "metrics_from", "everyone");
}

/* Difficulties are numbers above 0; the default network is one; a stratum server has an address
 * that may stand in a header. */
static void test_mining(void **state)
{
    char err[512];

    (void)state;
    refused(ONE "[vardiff]\nminimum_difficulty = 0\n", "[vardiff]", "minimum_difficulty");
    refused(ONE "[vardiff]\ntiers = 64 x\n", "[vardiff]", "tiers");
    refused(ONE "[vardiff]\nminimum_difficulty = 64\nmaximum_difficulty = 32\n", "[vardiff]",
            "maximum_difficulty");
    refused(ONE "[vardiff]\nshares_per_minute = 0\n", "shares_per_minute", "1");
    refused(ONE "[frontend]\ndefault_network = two\n", "default_network", "two");
    refused(ONE "stratum = https://x.example\n", "[network one]", "stratum+tcp://");
    refused(ONE "stratum = stratum+tcp://x.example:1 y\n", "[network one]", "stratum+tcp://");
    refused(ONE "algorithm = x11\n", "algorithm", "scrypt");
    struct frontend_conf *conf =
        load(ONE "algorithm = sha256d\nstratum = stratum+tcp://x.example:3333\nminers = getwork\n"
                 "[frontend]\ndefault_network = one\nlongpoll = on\n[vardiff]\nscope = connection\n"
                 "tiers = 1 2 4\n",
             err);
    assert_string_equal(err, "");
    const struct frontend_network *net = conf->networks.item;
    assert_int_equal(frontend_diff1_shift(net), 208);
    assert_int_equal(conf->vardiff.scope, VARDIFF_CONNECTION);
    assert_true(conf->frontend.longpoll);
    conf_free(&frontend_schema, conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_networks),
        cmocka_unit_test(test_bounds),   cmocka_unit_test(test_links),
        cmocka_unit_test(test_site),     cmocka_unit_test(test_who_may_read_metrics),
        cmocka_unit_test(test_mining),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
