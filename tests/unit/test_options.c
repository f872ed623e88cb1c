/* The command line of daemons, the example file, --help and the shared sections. */
#include "common/coin/address.h"
#include "common/conf/options.h"
#include "common/conf/shared.h"

#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The pool address of the example is a published test vector (BIP 173) under the prefix "bc". */
#define POOL_ADDRESS "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"

struct net {
    struct network_conf base;
    int64_t confirmations;
};
struct program_conf {
    struct log_conf log;
    struct db_conf db;
    struct broker_conf broker;
    struct conf_list networks;
};

static const struct conf_setting net_settings[] = {
    NETWORK_ROWS(struct net),
    {.name = "confirmations",
     .type = CONF_INT,
     .offset = offsetof(struct net, confirmations),
     .unit = "blocks",
     .min = 1,
     .max = 1000,
     .deflt = "100",
     .text = "A long sentence about how many blocks must stand on top of a block of ours before "
             "its reward is counted as the pool's own."},
    {.name = NULL},
};
static const struct conf_section log_section = LOG_SECTION(offsetof(struct program_conf, log));
static const struct conf_section db_section = DB_SECTION(offsetof(struct program_conf, db));
static const struct conf_section broker_section =
    BROKER_SECTION(offsetof(struct program_conf, broker));
static const struct conf_section net_section = {
    "network",          "A network.", true, offsetof(struct program_conf, networks),
    sizeof(struct net), net_settings};
static const struct conf_section *const sections[] = {&log_section, &db_section, &broker_section,
                                                      &net_section, NULL};
static const struct conf_schema schema = {.program = "test-daemon",
                                          .text = "does nothing.",
                                          .size = sizeof(struct program_conf),
                                          .sections = sections};

static char folder[] = "/tmp/test_options.XXXXXX";
static char config[64], output[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(config, sizeof(config), "%s/test.conf", folder);
    snprintf(output, sizeof(output), "%s/output", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(config);
    unlink(output);
    return rmdir(folder);
}

static void write_config(const char *text)
{
    FILE *f = fopen(config, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

enum { STARTED = 99 };

/* The exit status of a child that runs options_load, STARTED when that returns; what it prints goes
 * to the file OUTPUT. */
static int run(const char *one, const char *two, const char *three)
{
    char *argv[] = {(char *)"test-daemon", (char *)one, (char *)two, (char *)three, NULL};
    int argc = 1, status;

    while (argv[argc])
        argc++;
    pid_t child = fork();
    if (child == 0) {
        const char *path = NULL;

        if (!freopen(output, "w", stdout) || dup2(fileno(stdout), STDERR_FILENO) < 0)
            _exit(1);
        void *conf = options_load(&schema, argc, argv, config, &path);
        printf("started with %s", path);
        fflush(stdout);
        conf_free(&schema, conf);
        _exit(STARTED);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void printed(const char *part)
{
    static char text[65536];
    FILE *f = fopen(output, "r");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static const char usable[] = "[database]\nuser=u\npassword_file=/p\n"
                             "[broker]\nuser=u\npassword_file=cred\n";

static void plain_start(void **state)
{
    (void)state;
    char line[128];

    write_config(usable);
    assert_int_equal(run(NULL, NULL, NULL), STARTED); /* the default path */
    snprintf(line, sizeof(line), "started with %s", config);
    printed(line);
    assert_int_equal(run("--config", config, NULL), STARTED);
    assert_int_equal(run("-c", config, NULL), STARTED);
}

static void checking(void **state)
{
    (void)state;
    write_config(usable);
    assert_int_equal(run("--check-config", "--config", config), 0);
    printed("test.conf: usable\n");
    write_config("[database]\nuser=u\nport=0\n");
    assert_int_equal(run("--check-config", NULL, NULL), 78);
    printed("test.conf:3: [database] port: \"0\" is not allowed; give 1..65535\n");
    assert_int_equal(run(NULL, NULL, NULL), 78);
    assert_int_equal(run("--check-config", "--config", "/nonexistent"), 78);
    printed("/nonexistent: No such file");
}

static void wrong_usage(void **state)
{
    (void)state;
    write_config(usable);
    assert_int_equal(run("--bogus", NULL, NULL), 64);
    printed("test-daemon: see --help\n");
    assert_int_equal(run("extra", NULL, NULL), 64);
    printed("unexpected argument \"extra\"");
    assert_int_equal(run("--config", NULL, NULL), 64);
    assert_int_equal(run("--help=x", NULL, NULL), 64);
}

static void version_and_help(void **state)
{
    (void)state;
    assert_int_equal(run("--version", NULL, NULL), 0);
    printed("test-daemon " PENSTOCK_VERSION "\n");
    assert_int_equal(run("--help", NULL, NULL), 0);
    printed("--check-config");
    printed("[network LABEL]  A network.\n");
    /* columns as wide as the section needs */
    printed("\n  level   debug, info, warning, error or fatal  info    The least");
    printed("\n  port                1..65535            3306             The port");
    printed("\n  pool_address    1..90 characters  (must be given)  The pool");
    printed("\n  confirmations   1..1000 blocks    100              A long");
}

static void example_is_a_usable_file(void **state)
{
    (void)state;
    char err[1024];

    assert_int_equal(run("--print-example", NULL, NULL), 0);
    printed("\n[network example]\n");
    printed("\n#port = 3306\n");
    printed("\nuser = penstock_frontend\n");
    printed("\n#tls_ca = /etc/penstock/ca.pem\n");
    struct program_conf *c = conf_load(&schema, output, err, sizeof(err));
    if (!c)
        fail_msg("%s", err);
    assert_string_equal(c->db.name, "penstock");
    assert_int_equal(c->db.port, 3306);
    assert_int_equal(c->db.connect_timeout_ms, 800);
    assert_int_equal(c->db.query_timeout_ms, 800);
    assert_int_equal(c->broker.port, 5672);
    assert_string_equal(c->broker.vhost, "/penstock");
    assert_int_equal(c->broker.heartbeat_s, 10);
    assert_int_equal(c->broker.connect_timeout_ms, 800);
    assert_int_equal(c->broker.confirm_timeout_ms, 800);
    assert_int_equal(c->log.level, LOG_LEVEL_INFO);
    assert_int_equal(c->log.target, LOG_TARGET_STDERR);
    assert_int_equal(c->networks.n, 1);
    assert_int_equal(((struct net *)c->networks.item)->confirmations, 100);
    conf_free(&schema, c);
}

/* Commented-out settings are usable too once the '#' is gone. */
static void example_with_every_setting(void **state)
{
    (void)state;
    char line[512], err[1024];

    assert_int_equal(run("--print-example", NULL, NULL), 0);
    FILE *in = fopen(output, "r"), *out = fopen(config, "w");
    assert_true(in && out);
    while (fgets(line, sizeof(line), in)) {
        assert_true(strlen(line) <= 101);
        fputs(line[0] == '#' && line[1] != ' ' ? line + 1 : line, out);
    }
    fclose(in);
    fclose(out);
    struct program_conf *c = conf_load(&schema, config, err, sizeof(err));
    if (!c)
        fail_msg("%s", err);
    assert_string_equal(c->db.tls_ca, "/etc/penstock/ca.pem");
    conf_free(&schema, c);
}

/* As troff wants it: hyphens that can be copied, no line that is taken for a request. */
static void manual_page_from_the_same_tables(void **state)
{
    (void)state;
    assert_int_equal(run("--print-man", NULL, NULL), 0);
    printed(".SS [database]\nThe MariaDB server and this tier's account on it.\n");
    printed(".TP\n.B port\nThe port of hosts that name none.\n.br\nValue: 1..65535\n"
            ".br\nDefault: 3306\n");
    printed(".B user\nThe account, as sql/grants.sql creates it.\n.br\n"
            "Value: 1..80 characters\n.br\nMust be given\n");
    printed("\nDefault: none\n");
    printed(".SS [network NAME]\nA network.\nMay be given several times");
    printed("\nA server silent for twice this long counts as gone.\n");
    printed("a name without '/' is a systemd credential");
    printed("HOST or HOST:PORT of each server, tried in this order.");
}

/* The words of the file and the enums of log.h are in the same order. */
static void log_words_match_the_enums(void **state)
{
    (void)state;
    const char *const *levels = log_settings[0].choices, *const *targets = log_settings[1].choices;
    enum log_level level;
    enum log_target target;

    for (int i = 0; levels[i]; i++)
        assert_true(log_level_parse(levels[i], &level) && (int)level == i);
    for (int i = 0; targets[i]; i++)
        assert_true(log_target_parse(targets[i], &target) && (int)target == i);
}

static struct conf_words words(char **word, size_t n)
{
    return (struct conf_words){word, n};
}

static void network_prefixes(void **state)
{
    (void)state;
    char *p2pkh[] = {(char *)"0"}, *p2sh[] = {(char *)"5", (char *)"255"};
    struct network_conf conf = {.label = (char *)"main",
                                .pool_address = (char *)POOL_ADDRESS,
                                .p2pkh_versions = words(p2pkh, 1),
                                .p2sh_versions = words(p2sh, 2),
                                .bech32_prefix = (char *)"bc",
                                .base58_length = 34};
    struct address_rules rules;

    assert_null(network_rules(&conf, &rules));
    assert_int_equal(rules.p2pkh_n, 1);
    assert_int_equal(rules.p2pkh[0], 0);
    assert_int_equal(rules.p2sh_n, 2);
    assert_int_equal(rules.p2sh[1], 255);
    assert_string_equal(rules.hrp, "bc");
    assert_int_equal(rules.base58_len, 34);
}

static void refuses_network(const struct network_conf *conf, const char *part)
{
    struct address_rules rules = {.p2pkh_n = 77};
    char *why = network_rules(conf, &rules);

    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("\"%s\" does not say \"%s\"", why, part);
    free(why);
    assert_int_equal(rules.p2pkh_n, 77); /* untouched */
}

static void wrong_network_prefixes(void **state)
{
    (void)state;
    static const char *const bad[] = {"256", "-1", "0x30", "", "1000", "48,", " 5"};
    char *word[5];
    const struct network_conf good = {.label = (char *)"main",
                                      .pool_address = (char *)POOL_ADDRESS,
                                      .bech32_prefix = (char *)"bc"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct network_conf conf = good;
        word[0] = (char *)bad[i];
        conf.p2sh_versions = words(word, 1);
        refuses_network(&conf, "[network main] p2sh_versions: not version bytes; give at most 4");
    }
    for (size_t i = 0; i < 5; i++)
        word[i] = (char *)"1";
    struct network_conf conf = good;
    conf.p2pkh_versions = words(word, 5);
    refuses_network(&conf, "[network main] p2pkh_versions: not version bytes");
    conf = good;
    conf.bech32_prefix = (char *)"BC";
    refuses_network(&conf, "[network main] bech32_prefix: \"BC\" is not a prefix");
    conf.bech32_prefix = (char *)"sixteen-letters-";
    refuses_network(&conf, "bech32_prefix");
    conf.bech32_prefix = (char *)"ltc";
    refuses_network(&conf, "[network main] pool_address: \"" POOL_ADDRESS "\" is no address");
    conf = good;
    conf.pool_address = (char *)"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"; /* checksum */
    refuses_network(&conf, "pool_address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_start),
        cmocka_unit_test(checking),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(version_and_help),
        cmocka_unit_test(example_is_a_usable_file),
        cmocka_unit_test(example_with_every_setting),
        cmocka_unit_test(manual_page_from_the_same_tables),
        cmocka_unit_test(log_words_match_the_enums),
        cmocka_unit_test(network_prefixes),
        cmocka_unit_test(wrong_network_prefixes),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
