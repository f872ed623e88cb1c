/* The backend's settings: a good file, and what the checks across settings say to bad ones. */
#include "backend/conf/settings.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SERVERS                                                                                    \
    "[database]\nhosts = 127.0.0.1\nuser = u\npassword_file = /p\n"                                \
    "[broker]\nhosts = 127.0.0.1\nuser = u\npassword_file = /p\n"
#define WORKER  "[worker]\narchive_dir = /var/lib/archive\n"
#define ADDRESS "mkkXuFbM2evyDLSxzV7Gcn6XtotgBG9CTe"
#define NETWORK(name)                                                                              \
    "[network " name "]\npool_address = " ADDRESS "\np2pkh_versions = 111\np2sh_versions = 58\n"   \
    "bech32_prefix = rltc\nalgorithm = scrypt\n"
#define WALLET(networks)                                                                           \
    "[wallet w]\nnetworks = " networks "\nurl = http://127.0.0.1:1/\nuser = u\n"                   \
    "password_file = /p\n"

static struct backend_conf *load(const char *text, char *err, size_t err_size)
{
    char path[] = "/tmp/penstock-conf-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");

    fputs(text, f);
    fclose(f);
    struct backend_conf *conf = conf_load(&backend_schema, path, err, err_size);
    unlink(path);
    return conf;
}

static void test_good(void **state)
{
    char err[512] = "";
    struct backend_conf *conf =
        load(SERVERS WORKER NETWORK("litecoin") "former_pool_addresses =  " ADDRESS
                                                "=2030-01-02T03:04:05Z\n" WALLET("litecoin"),
             err, sizeof(err));

    (void)state;
    assert_string_equal(err, "");
    assert_non_null(conf);
    assert_int_equal(conf->networks.n, 1);
    assert_string_equal(backend_network_at(conf, 0)->base.label, "litecoin");
    assert_string_equal(chain_family_names[backend_network_at(conf, 0)->family], "bitcoin");
    assert_string_equal(pow_algorithm_names[backend_network_at(conf, 0)->algorithm], "scrypt");
    assert_int_equal(backend_network_at(conf, 0)->halving_interval, 840000);
    assert_string_equal(backend_wallet_at(conf, 0)->networks.word[0], "litecoin");
    assert_int_equal(conf->worker.batch_max, 256);
    assert_int_equal(backend_network_at(conf, 0)->scheme, SCHEME_PROP);
    assert_int_equal(backend_network_at(conf, 0)->payout_fee_payer, FEE_FROM_RECEIVER);
    assert_int_equal(backend_network_at(conf, 0)->maturity_blocks, 100);
    assert_string_equal(scheme_names[SCHEME_SOLO], "solo");
    assert_string_equal(fee_payer_names[FEE_FROM_POOL], "pool");
    assert_int_equal(conf->task.share_keep_days, 30);
    conf_free(&backend_schema, conf);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text, *want; /* WANT: what the message must hold */
    } bad[] = {
        {SERVERS WORKER, "[network NAME]"},
        {SERVERS NETWORK("a") WALLET("a"), "archive_dir"},
        {SERVERS WORKER NETWORK("a"), "no [wallet NAME]"},
        {SERVERS WORKER NETWORK("a") NETWORK("b") WALLET("a"), "[network b]"},
        {SERVERS WORKER NETWORK("a") WALLET("a c"), "there is no [network c]"},
        {SERVERS WORKER NETWORK("A") WALLET("A"), "A"},
        {SERVERS WORKER NETWORK("-a") WALLET("-a"), "-a"},
        {SERVERS WORKER NETWORK("a") "former_pool_addresses = x\n" WALLET("a"), "malformed"},
        {SERVERS WORKER NETWORK("a") "former_pool_addresses = " ADDRESS "=2030-01-02\n" WALLET("a"),
         "malformed"},
        {SERVERS WORKER NETWORK("a") "former_pool_addresses = x=2030-01-02T03:04:05Z\n" WALLET("a"),
         "no address"},
        {SERVERS WORKER NETWORK("a") "fee_bp = 10001\n" WALLET("a"), "fee_bp"},
        {SERVERS WORKER NETWORK("a") "scheme = fair\n" WALLET("a"), "scheme"},
        {SERVERS WORKER NETWORK("a") "minimum_payout = 100000\n" WALLET("a"), "payout_fee_max"},
        {SERVERS WORKER NETWORK("a") "payout_max_per_run = 999999\n" WALLET("a"), "nobody"},
        {SERVERS WORKER NETWORK("a") "payout_max_per_day = 5\n" WALLET("a"), "payout_max_per_day"},
        {SERVERS WORKER NETWORK(
             "a") "payout_max_per_run = 3000000\npayout_max_per_day = 2000000\n" WALLET("a"),
         "payout_max_per_run 3000000"},
        {SERVERS WORKER NETWORK("a") "hot_wallet_max = 1\n" WALLET("a"), "sweep_address: needed"},
        {SERVERS WORKER NETWORK("a") "sweep_address = x\n" WALLET("a"), "no address"},
        {SERVERS WORKER NETWORK("a") "sweep_address = " ADDRESS "\n" WALLET("a"), "own address"},
        {SERVERS WORKER "[task]\nshare_keep_days = 0\n" NETWORK("a") WALLET("a"),
         "share_keep_days"},
        {SERVERS WORKER "prefetch = 100\n" NETWORK("a") WALLET("a"), "batch_max"},
        {SERVERS WORKER NETWORK("a") "share_target_limit = ff\n" WALLET("a"), "share_target_limit"},
        {SERVERS WORKER NETWORK("a") "[wallet w]\nnetworks = a\nurl = ftp://x\nuser = u\n"
                                     "password_file = /p\n",
         "http"},
        {SERVERS WORKER
         "[network a]\npool_address = LhK2kQwiaAvhjWY799cZvMyYwnQAcxkarr\np2pkh_versions = 111\n"
         "p2sh_versions = 58\nalgorithm = scrypt\n" WALLET("a"),
         "pool_address"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char err[512] = "";
        struct backend_conf *conf = load(bad[i].text, err, sizeof(err));

        assert_null(conf);
        if (strstr(err, bad[i].want) == NULL)
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err, bad[i].want);
    }
}

static void test_former_address(void **state)
{
    static const char *const bad[] = {
        "",
        "=",
        "=2030-01-02T03:04:05Z",
        "a",
        "a=",
        "a=2030-01-02T03:04:05",
        "a=2030-13-02T03:04:05Z",
        "a=2030-01-02T03:04:05Zx",
        "a=2030-01-02 03:04:05Z",
    };
    size_t len;
    int64_t until;

    (void)state;
    assert_true(former_address_parse("abc=2030-01-02T03:04:05Z", &len, &until));
    assert_int_equal(len, 3);
    assert_true(until == INT64_C(1893553445) * 1000000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(former_address_parse(bad[i], &len, &until));
}

/* What --print-example prints is a file that --check-config accepts once it is filled in. */
static void test_example(void **state)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    conf_print_example(&backend_schema, f);
    fclose(f);
    assert_non_null(strstr(text, "[network "));
    assert_non_null(strstr(text, "archive_dir"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_former_address),
        cmocka_unit_test(test_example),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
