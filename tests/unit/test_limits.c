/* Who is limited together with whom, whose address counts behind proxies, who is banned; and what
 * a miner reads then, from a request's variables to the reply's bytes. */
#include "frontend/limit/limits.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "frontend/fcgi/router.h"
#include "frontend/limit/bans.h"
#include "frontend/limit/client_ip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define ERROR(m) "<RESPONSE>" m "</RESPONSE><ERROR>" m "</ERROR><EOF><END></HTML>\n"
#define SLOW     ERROR("Too many requests, slow down")
#define GUID     "01020304-0506-7708-890a-0b0c0d0e0f10"

static char folder[] = "/tmp/test_limits.XXXXXX";
static char health[64], file[80];

static struct limits *open_limits(const struct limits_conf *conf)
{
    char err[256] = "";
    struct limits *l = limits_open(conf, health, err, sizeof err);

    assert_string_equal(err, "");
    assert_non_null(l);
    return l;
}

static struct ip ip_of(const char *text)
{
    struct ip ip;

    assert_true(ip_parse(text, &ip));
    return ip;
}

static bool by_ip(struct limits *l, enum limit which, const char *sender)
{
    const struct ip ip = ip_of(sender);

    return limits_by_ip(l, which, &ip, 1000);
}

/* One token each, of every limit. */
static struct limits_conf stingy(void)
{
    struct limits_conf conf = {.ban_refresh_s = 5};

    for (enum limit l = 0; l < LIMITS; l++)
        conf.rate[l] = conf.burst[l] = 1;
    return conf;
}

static void test_who_shares_a_bucket(void **state)
{
    const struct limits_conf conf = stingy();
    struct limits *l = open_limits(&conf);
    const struct ip one = ip_of("192.0.2.1"), other = ip_of("192.0.2.2");

    (void)state;
    assert_true(by_ip(l, LIMIT_WORK_IP, "192.0.2.1"));
    assert_false(by_ip(l, LIMIT_WORK_IP, "192.0.2.1"));
    assert_false(by_ip(l, LIMIT_WORK_IP, "::ffff:192.0.2.1"));
    assert_true(by_ip(l, LIMIT_WORK_IP, "192.0.2.2"));
    assert_true(by_ip(l, LIMIT_SOLUTION_IP, "192.0.2.1")); /* each limit counts for itself */
    assert_true(by_ip(l, LIMIT_WORK_IP, "2001:db8:0:1::1"));
    assert_false(by_ip(l, LIMIT_WORK_IP, "2001:db8:0:1:ffff:ffff:ffff:ffff")); /* one customer */
    assert_true(by_ip(l, LIMIT_WORK_IP, "2001:db8:0:2::1"));
    assert_true(by_ip(l, LIMIT_WORK_IP, "::1"));

    assert_true(limits_by_miner(l, LIMIT_WORK_ADDRESS, &one, "ltc a", 1000));
    assert_false(limits_by_miner(l, LIMIT_WORK_ADDRESS, &other, "ltc a", 1000)); /* from anywhere */
    assert_true(limits_by_miner(l, LIMIT_WORK_ADDRESS, &one, "ltc b", 1000));
    assert_true(limits_by_miner(l, LIMIT_SOLUTION_MINER, &one, "ltc a", 1000));
    limits_close(&l);
    assert_null(l);
}

static void test_periods(void **state)
{
    const struct limits_conf conf = stingy();
    struct limits *l = open_limits(&conf);
    const struct ip ip = ip_of("192.0.2.1");

    (void)state;
    for (enum limit which = 0; which < LIMITS; which++) {
        bool hourly = which == LIMIT_OPEN_WORK || which == LIMIT_NEW_MINER ||
                      which == LIMIT_NEW_WORKER || which == LIMIT_NOTIFY_IP;
        int64_t later = 1000 + (hourly ? 3600 : 60) * 1000;

        assert_true(limits_by_ip(l, which, &ip, 1000));
        assert_false(limits_by_ip(l, which, &ip, later - 1));
        assert_true(limits_by_ip(l, which, &ip, later));
    }
    limits_close(&l);
}

static void test_exempt_networks(void **state)
{
    static char *words[] = {"10.0.0.0/8", "2001:db8::/32"};
    struct limits_conf conf = stingy();

    (void)state;
    conf.exempt = (struct conf_words){words, 2};
    struct limits *l = open_limits(&conf);
    const struct ip in = ip_of("10.1.2.3"), out = ip_of("11.1.2.3");

    for (int i = 0; i < 10; i++) {
        assert_true(limits_by_ip(l, LIMIT_WORK_IP, &in, 1000));
        assert_true(limits_by_miner(l, LIMIT_WORK_ADDRESS, &in, "ltc a", 1000));
        assert_true(by_ip(l, LIMIT_WORK_IP, "2001:db8:5::1"));
        assert_int_equal(limits_by_ip(l, LIMIT_WORK_IP, &out, 1000), i == 0);
        assert_int_equal(by_ip(l, LIMIT_WORK_IP, "2001:db9::1"), i == 0);
    }
    limits_close(&l);
}

static void test_settings(void **state)
{
    static char *wrong[] = {"10.0.0.1/8"}, *right[] = {"10.0.0.0/8"};
    struct limits_conf conf = stingy();
    char *why;

    (void)state;
    assert_null(limits_check(&conf));
    conf.exempt = (struct conf_words){right, 1};
    assert_null(limits_check(&conf));
    conf.exempt = (struct conf_words){wrong, 1};
    why = limits_check(&conf);
    assert_non_null(strstr(why, "[limits] exempt: '10.0.0.1/8'"));
    free(why);
    conf = stingy();
    conf.burst[LIMIT_NEW_MINER] = 365 * 24;
    assert_null(limits_check(&conf));
    conf.burst[LIMIT_NEW_MINER]++;
    why = limits_check(&conf);
    assert_non_null(strstr(why, "[limits] new_miner_per_ip_burst"));
    free(why);
    conf.rate[LIMIT_NEW_MINER] = 0; /* no limit, so its burst does not matter */
    assert_null(limits_check(&conf));
}

/* --- proxies --- */

static const char *client_of(const char *peer, const char *forwarded)
{
    static char out[IP_TEXT_SIZE];
    struct ipnet trusted[2];
    char *remote = mem_sprintf("REMOTE_ADDR=%s", peer);
    char *header = mem_sprintf("HTTP_X_FORWARDED_FOR=%s", forwarded ? forwarded : "");
    char *env[] = {remote, forwarded ? header : NULL, NULL};

    assert_true(ipnet_parse("10.0.0.0/24", &trusted[0]));
    assert_true(ipnet_parse("2001:db8::/64", &trusted[1]));
    client_ip(trusted, 2, &(struct request){.env = env}, out);
    free(remote);
    free(header);
    return out;
}

static void test_whose_address_counts(void **state)
{
    static const struct {
        const char *peer, *forwarded, *client;
    } cases[] = {
        /* not a listed proxy: its word does not count */
        {"192.0.2.1", "198.51.100.1", "192.0.2.1"},
        {"192.0.2.1", NULL, "192.0.2.1"},
        {"10.0.1.1", "198.51.100.1", "10.0.1.1"},
        {"::ffff:192.0.2.1", NULL, "192.0.2.1"},
        /* a listed one: whom it was asked by, whatever that one claimed */
        {"10.0.0.1", "198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "127.0.0.1, 198.51.100.1", "198.51.100.1"},
        {"10.0.0.1", "10.0.0.7,\t198.51.100.1 ", "198.51.100.1"},
        {"2001:db8::5", "2001:DB8:1::1", "2001:db8:1::1"},
        /* several listed ones in a row */
        {"10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2, 2001:db8::1", "198.51.100.1"},
        /* all listed: the farthest */
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", NULL, "10.0.0.1"},
        {"10.0.0.1", "", "10.0.0.1"},
        /* what is no address ends it at whoever wrote it */
        {"10.0.0.1", "unknown", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1, unknown, 10.0.0.2", "10.0.0.2"},
        {"10.0.0.1", "198.51.100.1,", "10.0.0.1"},
        {"10.0.0.1", ",,,", "10.0.0.1"},
        {"10.0.0.1", "198.51.100.1:4711", "10.0.0.1"},
        {"10.0.0.1", "111111111111111111111111111111111111111111111111111", "10.0.0.1"},
        {"", "198.51.100.1", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(client_of(cases[i].peer, cases[i].forwarded), cases[i].client);
}

static void test_many_hops(void **state)
{
    char list[2000] = "198.51.100.1";

    (void)state;
    for (int i = 1; i < CLIENT_IP_MAX_HOPS; i++)
        strcat(list, ", 10.0.0.9");
    assert_string_equal(client_of("10.0.0.1", list), "198.51.100.1");
    strcat(list, ", 10.0.0.8");
    assert_string_equal(client_of("10.0.0.1", list), "10.0.0.9");
}

/* --- bans --- */

static void test_bans(void **state)
{
    struct bans *b = bans_new();
    const struct ip in = ip_of("192.0.2.9"), out = ip_of("192.0.3.9");
    char value[16];

    (void)state;
    assert_false(bans_ip(b, &in));
    assert_false(bans_miner(b, "ltc", GUID));
    bans_add(b, "ip", NULL, "192.0.2.0/24");
    bans_add(b, "ip", NULL, "nonsense");
    bans_add(b, "miner", "ltc", GUID);
    bans_add(b, "address", NULL, "no network");
    bans_add(b, "disabled", "ltc", "address0");
    for (int i = 999; i >= 0; i--) {
        snprintf(value, sizeof value, "address%d", i);
        bans_add(b, "address", i % 2 ? "ltc" : "bbp", value);
    }
    bans_sort(b);
    assert_true(bans_ip(b, &in));
    assert_false(bans_ip(b, &out));
    assert_true(bans_miner(b, "ltc", GUID));
    assert_false(bans_miner(b, "bbp", GUID));
    assert_false(bans_address(b, "ltc", GUID));
    for (int i = 0; i < 1000; i++) {
        snprintf(value, sizeof value, "address%d", i);
        assert_int_equal(bans_address(b, "ltc", value), i % 2 == 1);
        assert_int_equal(bans_address(b, "bbp", value), i % 2 == 0);
    }
    assert_false(bans_address(b, "ltc", "address"));
    assert_false(bans_address(b, "ltc", "ADDRESS1"));
    assert_true(bans_disabled(b, "ltc", "address0")); /* which is not banned, see above */
    assert_false(bans_disabled(b, "bbp", "address0"));
    assert_false(bans_disabled(b, "ltc", "address1"));
    bans_free(&b);
    assert_null(b);
}

/* --- what the miner reads: no server is up, so whoever is let through reads HEALTH_DOWN --- */

static struct conf_words no_aliases;
static struct network network = {.name = "ltc", .aliases = &no_aliases};
static struct frontend_conf conf = {.frontend = {.body_max_bytes = 65536}};
static struct service service = {.conf = &conf, .networks = &network, .networks_n = 1};

static size_t no_body(void *ctx, void *data, size_t size)
{
    (void)ctx, (void)data, (void)size;
    return 0;
}

static void answers(const char *expected, const char *sender, const char *action,
                    const char *header)
{
    char *remote = mem_sprintf("REMOTE_ADDR=%s", sender);
    char *name = mem_sprintf("HTTP_ACTION=%s", action);
    char *env[] = {"REQUEST_METHOD=POST",
                   "SCRIPT_NAME=/Action.aspx",
                   "HTTP_NETWORKID=ltc",
                   remote,
                   name,
                   (char *)header,
                   NULL};
    struct request rq = {.env = env, .read = no_body};
    struct reply reply = REPLY_INIT;

    router_handle(&service, &rq, &reply);
    assert_string_equal(reply.body.data, expected);
    assert_int_equal(reply.status, 200);
    buf_free(&reply.body);
    free(remote);
    free(name);
}

static uint64_t counted(const char *name)
{
    for (size_t i = 0; i < service.refusals.n; i++)
        if (strcmp(service.refusals.name[i], name) == 0)
            return service.refusals.count[i];
    return 0;
}

static void test_replies_beyond_the_limit(void **state)
{
    static const char solution[] = "HTTP_SOLUTION=0,1,2,3,4," GUID ",6,7,8,9,10,11,12,13,14,15";

    (void)state;
    conf.limits = stingy();
    service.limits = open_limits(&conf.limits);
    answers(ERROR("WorkerID is missing"), "192.0.2.1", "readytomine2", NULL);
    answers(SLOW, "192.0.2.1", "readytomine2", NULL);
    answers(ERROR("UNKNOWN ACTION x"), "192.0.2.1", "x", NULL);
    answers(ERROR("WorkerID is missing"), "192.0.2.2", "readytomine2", NULL);
    answers(ERROR("HEALTH_DOWN"), "192.0.2.1", "solution", solution);
    answers(SLOW, "192.0.2.1", "solution", solution);
    answers(SLOW, "192.0.2.2", "solution", solution); /* the miner has its own limit */
    assert_int_equal(counted("limit_work_ip"), 1);
    assert_int_equal(counted("limit_solution_ip"), 1);
    assert_int_equal(counted("limit_solution_miner"), 1);
    limits_close(&service.limits);
}

static void test_replies_to_the_banned(void **state)
{
    static const char solution[] = "HTTP_SOLUTION=0,1,2,3,4," GUID ",6,7,8,9,10,11,12,13,14,15";
    static const char other[] = "HTTP_SOLUTION=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15";

    (void)state;
    service.bans = bans_new();
    service.bans_due_ms = INT64_MAX;
    bans_add(service.bans, "ip", NULL, "2001:db8::/32");
    bans_add(service.bans, "miner", "ltc", GUID);
    bans_sort(service.bans);
    answers(ERROR("IP 2001:db8::5 is banned"), "2001:db8::5", "readytomine2", NULL);
    answers(ERROR("IP 2001:db8::5 is banned"), "2001:db8::5", "solution", other);
    answers(ERROR("WorkerID is missing"), "192.0.2.9", "readytomine2", NULL);
    answers(ERROR("Miner " GUID " is disabled"), "192.0.2.9", "solution", solution);
    answers(ERROR("HEALTH_DOWN"), "192.0.2.9", "solution", other);
    assert_int_equal(counted("ip_banned"), 2);
    assert_int_equal(counted("miner_banned"), 1);
    bans_free(&service.bans);
}

static int make_folder(void **state)
{
    char err[256];
    int64_t unused;

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(health, sizeof health, "%s/health", folder);
    snprintf(file, sizeof file, "%s.limits", health);
    service.health = health_open(health, 10000, err, sizeof err);
    if (!service.health)
        return -1;
    for (enum health_server s = 0; s < HEALTH_SERVERS; s++)
        health_report(service.health, s, false, clock_mono_ms(), &unused);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    health_close(&service.health);
    unlink(health);
    return rmdir(folder);
}

static int forget(void **state)
{
    (void)state;
    unlink(file);
    return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_shares_a_bucket),
        TEST(test_periods),
        TEST(test_exempt_networks),
        TEST(test_settings),
        TEST(test_whose_address_counts),
        TEST(test_many_hops),
        TEST(test_bans),
        TEST(test_replies_beyond_the_limit),
        TEST(test_replies_to_the_banned),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
