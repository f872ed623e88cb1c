/* Reading settings files, hostile ones above all. */
#include "common/conf/conf-private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct server_conf {
    struct conf_words hosts;
    int64_t port;
    bool tls;
    char *name;
    char *ca;
    int64_t mode;
    char target[65];
    int64_t any;
};
struct chain_conf {
    char *label;
    char *address;
    int64_t confirmations;
};
struct test_conf {
    struct server_conf server;
    struct conf_list chains;
};

static const char *const modes[] = {"fast", "safe", NULL};
#define MEMBER(type, m) .name = #m, .offset = offsetof(struct type, m), .text = "About " #m "."
static const struct conf_setting server_settings[] = {
    {MEMBER(server_conf, hosts), .type = CONF_WORDS, .min = 1, .max = 3, .deflt = "one two"},
    {MEMBER(server_conf, port), .type = CONF_INT, .min = -5, .max = 65535, .deflt = "3306"},
    {MEMBER(server_conf, tls), .type = CONF_BOOL, .deflt = "no"},
    {MEMBER(server_conf, name), .type = CONF_STRING, .min = 1, .max = 8, .example = "penstock"},
    {MEMBER(server_conf, ca), .type = CONF_PATH, .deflt = "", .example = "/etc/ca.pem"},
    {MEMBER(server_conf, mode), .type = CONF_CHOICE, .choices = modes, .deflt = "safe"},
    {MEMBER(server_conf, target), .type = CONF_U256, .deflt = ""},
    {MEMBER(server_conf, any), .type = CONF_INT, .min = INT64_MIN, .max = INT64_MAX, .deflt = "0"},
    {.name = NULL},
};
static const struct conf_setting chain_settings[] = {
    {MEMBER(chain_conf, address), .type = CONF_STRING, .min = 1, .max = 90, .example = "addr"},
    {MEMBER(chain_conf, confirmations), .type = CONF_INT, .unit = "blocks", .min = 1, .max = 100,
     .deflt = "10"},
    {.name = "speed", .retired = "it is always fast"},
    {.name = NULL},
};
static const struct conf_section server = {
    "server", "The server.", false, offsetof(struct test_conf, server), 0, server_settings};
static const struct conf_section chain = {"chain",
                                          "One chain.",
                                          true,
                                          offsetof(struct test_conf, chains),
                                          sizeof(struct chain_conf),
                                          chain_settings};
static const struct conf_section *const sections[] = {&server, &chain, NULL};

static char *check(const void *conf)
{
    const struct test_conf *c = conf;

    if (c->server.port != 666)
        return NULL;
    return strdup("[server] port: 666 is cursed; give another");
}

static const struct conf_schema schema = {.program = "test",
                                          .text = "tests.",
                                          .size = sizeof(struct test_conf),
                                          .sections = sections,
                                          .check = check};

static char path[] = "/tmp/test_conf.XXXXXX";
static char err[1024];

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);

    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct test_conf *load_bytes(const char *data, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    err[0] = '\0';
    return conf_load(&schema, path, err, sizeof(err));
}

static struct test_conf *load(const char *text)
{
    return load_bytes(text, strlen(text));
}

/* TEXT must be refused with exactly "FILE" and WANTED. */
static void refuses_bytes(const char *text, size_t len, const char *wanted)
{
    char line[1200];

    struct test_conf *c = load_bytes(text, len);
    if (c)
        fail_msg("accepted: %s", text);
    snprintf(line, sizeof(line), "%s%s", path, wanted);
    assert_string_equal(err, line);
}

static void refuses(const char *text, const char *wanted)
{
    refuses_bytes(text, strlen(text), wanted);
}

/* VALUE for SETTING of [server] must be refused as WANTED says. */
static void refuses_value(const char *setting, const char *value, const char *wanted)
{
    char text[4096], line[1024];

    snprintf(text, sizeof(text), "[server]\nname = x\n%s = %s\n",
             strcmp(setting, "name") == 0 ? "#" : setting, value);
    if (strcmp(setting, "name") == 0)
        snprintf(text, sizeof(text), "[server]\n\nname = %s\n", value);
    snprintf(line, sizeof(line), ":3: [server] %s: %s", setting, wanted);
    refuses(text, line);
}

static void everything_given(void **state)
{
    (void)state;
    struct test_conf *c = load("# comment\n"
                               "; another\r\n"
                               "  [ server ]  \r\n"
                               "hosts=a \t b:1   c\r\n"
                               "  port : -5\n"
                               "\ttls = YES\n"
                               "name = a # b;c\n"
                               "ca = /tmp/x y\n"
                               "mode = Fast\n"
                               "target = 00000000FFFF000000000000000000000000000000000000000000000"
                               "00000ab\n"
                               "\n"
                               "[chain ltc-1]\n"
                               "address = L1\n"
                               "confirmations = 100\n"
                               "[chain   b]\n"
                               "address = B1"); /* no end of line */

    assert_string_equal(err, "");
    assert_int_equal(c->server.hosts.n, 3);
    assert_string_equal(c->server.hosts.word[1], "b:1");
    assert_int_equal(c->server.port, -5);
    assert_true(c->server.tls);
    assert_string_equal(c->server.name, "a # b;c");
    assert_string_equal(c->server.ca, "/tmp/x y");
    assert_int_equal(c->server.mode, 0);
    assert_string_equal(c->server.target,
                        "00000000ffff00000000000000000000000000000000000000000000000000ab");
    assert_int_equal(c->chains.n, 2);
    const struct chain_conf *chains = c->chains.item;
    assert_string_equal(chains[0].label, "ltc-1");
    assert_int_equal(chains[0].confirmations, 100);
    assert_string_equal(chains[1].label, "b");
    assert_string_equal(chains[1].address, "B1");
    assert_int_equal(chains[1].confirmations, 10);
    conf_free(&schema, c);
}

/* What the loader writes to stderr while it reads TEXT, which must do. */
static void warns(const char *text, const char *wanted)
{
    char found[512], line[512];
    FILE *f = tmpfile();
    int saved = dup(STDERR_FILENO);

    assert_non_null(f);
    dup2(fileno(f), STDERR_FILENO);
    struct test_conf *c = load(text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(f);
    found[fread(found, 1, sizeof(found) - 1, f)] = '\0';
    fclose(f);
    assert_non_null(c);
    snprintf(line, sizeof(line), "%s%s", *wanted ? path : "", wanted);
    assert_string_equal(found, line);
    conf_free(&schema, c);
}

/* An old file still does, whatever it says; nobody is told to write the setting any more. */
static void retired(void **state)
{
    char text[8192];
    FILE *f = tmpfile();

    (void)state;
    warns("[server]\nname = x\n[chain a]\naddress = A\n", "");
    warns("[server]\nname = x\n[chain a]\nspeed = very <&> fast\naddress = A\n",
          ":4: [chain a] speed: no longer a setting (it is always fast); remove the line\n");
    refuses("[chain a]\nspeed = 1\nspeed = 2\n",
            ":3: [chain a] speed: given twice, first on line 2; remove one");
    assert_non_null(f);
    conf_print_example(&schema, f);
    conf_print_help(&schema, f);
    conf_print_man(&schema, f);
    rewind(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    assert_non_null(strstr(text, "confirmations"));
    assert_null(strstr(text, "speed"));
}

static void defaults(void **state)
{
    (void)state;
    struct test_conf *c = load("[server]\nname = x\n");

    assert_int_equal(c->server.hosts.n, 2);
    assert_string_equal(c->server.hosts.word[0], "one");
    assert_int_equal(c->server.port, 3306);
    assert_false(c->server.tls);
    assert_string_equal(c->server.ca, "");
    assert_int_equal(c->server.mode, 1);
    assert_string_equal(c->server.target, "");
    assert_int_equal(c->chains.n, 0);
    conf_free(&schema, c);
    conf_free(&schema, NULL);
}

static void missing(void **state)
{
    (void)state;
    refuses("", ": [server] name: missing; add \"name = penstock\"");
    refuses("# nothing\n\n", ":2: [server] name: missing; add \"name = penstock\"");
    refuses("[server]\nport=1\n", ":1: [server] name: missing; add \"name = penstock\"");
    refuses("[server]\nname=x\n[chain a]\n[chain b]\naddress=y\n",
            ":3: [chain a] address: missing; add \"address = addr\"");
    refuses("[server]\nname=x\n[chain a]\n",
            ":3: [chain a] address: missing; add \"address = addr\"");
    refuses("[server]\nname=\n", ":2: [server] name: empty; give 1..8 characters");
}

static void unknown_names(void **state)
{
    (void)state;
    refuses("[sevrer]\n", ":1: [sevrer]: unknown; did you mean \"server\"?");
    refuses("[quantum]\n", ":1: [quantum]: unknown; --help lists what there is");
    refuses("[]\n", ":1: []: unknown; --help lists what there is");
    refuses("[Server]\n", ":1: [Server]: unknown; did you mean \"server\"?");
    refuses("[server]\nprot = 1\n", ":2: [server] prot: unknown; did you mean \"port\"?");
    refuses("[server]\npassword = 1\n",
            ":2: [server] password: unknown; --help lists what there is");
    refuses("[chain a]\nadress = 1\n", ":2: [chain a] adress: unknown; did you mean \"address\"?");
    refuses("port = 1\n[server]\n", ":1: port: before the first section; move it into one");
    refuses("[server]\n= 1\n", ":2: [server] : unknown; --help lists what there is");
}

static void given_twice(void **state)
{
    (void)state;
    refuses("[server]\nport=1\nname=x\nport=1\n",
            ":4: [server] port: given twice, first on line 2; remove one");
    refuses("[server]\nname=x\n[server]\n",
            ":3: [server]: given twice, first on line 1; merge the two");
    refuses("[chain a]\naddress=1\n[chain a]\naddress=2\n",
            ":3: [chain a]: given twice; merge the two");
}

static void labels(void **state)
{
    (void)state;
    static const char rule[] = ": no usable label; write [chain LABEL], the label of a-z, 0-9 and "
                               "'-', at most 32 characters";
    static const char *const bad[] = {
        "", " A", " a_b", " a b", " ../x", " \xc3\xa4", " abcdefghijklmnopqrstuvwxyz0123456"};
    char text[100], wanted[300];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text), "[chain%s]\n", bad[i]);
        snprintf(wanted, sizeof(wanted), ":1: [chain%s]%s", bad[i], rule);
        refuses(text, wanted);
    }
    refuses("[server x]\n", ":1: [server x]: takes no label; write [server]");
    struct test_conf *c =
        load("[server]\nname=x\n[chain abcdefghijklmnopqrstuvwxyz012345]\naddress=1\n");
    assert_non_null(c);
    conf_free(&schema, c);
}

static void malformed_lines(void **state)
{
    (void)state;
    static const char not_section[] =
        ":1: not a section; write [name] and nothing else on the line";

    refuses("[server\n", not_section);
    refuses("[server] x\n", not_section);
    refuses("[server] # comment\n", not_section);
    refuses("[\n", not_section);
    refuses("[server]\nname\nport = 1\n", ":2: not a setting; write \"name = value\"");
    refuses("[server]\n\x01\x7f\x1b[31m\n", ":2: not a setting; write \"name = value\"");
    refuses("[server]\nname = x\n\x1b]0;owned\x07 = 1\n",
            ":3: [server] ?]0;owned?: unknown; --help lists what there is");
}

static void integers(void **state)
{
    (void)state;
    static const char *const bad[] = {"65536",
                                      "-6",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "1e3",
                                      "0x10",
                                      "1.5",
                                      "1 2",
                                      "+1",
                                      "--1",
                                      "ten",
                                      "99999999999999999999999999999999"};
    char wanted[200];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(wanted, sizeof(wanted), "\"%s\" is not allowed; give -5..65535", bad[i]);
        refuses_value("port", bad[i], wanted);
    }
    refuses_value("any", "9223372036854775808",
                  "\"9223372036854775808\" is not allowed; give "
                  "-9223372036854775808..9223372036854775807");
    refuses_value("port", "", "empty; give -5..65535");
    refuses("[server]\nname=x\n[chain a]\naddress=1\nconfirmations=0\n",
            ":5: [chain a] confirmations: \"0\" is not allowed; give 1..100 blocks");
}

static void other_types(void **state)
{
    (void)state;
    refuses_value("tls", "maybe", "\"maybe\" is not allowed; give yes or no");
    refuses_value("tls", "", "empty; give yes or no");
    refuses_value("mode", "slow", "\"slow\" is not allowed; give fast or safe");
    refuses_value("ca", "relative/ca.pem",
                  "\"relative/ca.pem\" is not allowed; give an absolute path");
    refuses_value("hosts", "", "empty; give 1..3 words");
    refuses_value("hosts", "a b c d", "\"a b c d\" is not allowed; give 1..3 words");
    refuses_value("hosts", "a, b", "a comma after \"a\"; separate by spaces only");
    refuses_value("hosts", ",", "a comma after \"\"; separate by spaces only");
    refuses_value("name", "123456789", "\"123456789\" is not allowed; give 1..8 characters");
    refuses_value("target", "00ff", "\"00ff\" is not allowed; give 64 hexadecimal digits");
    refuses_value("target", "0x00000000ffff00000000000000000000000000000000000000000000000000",
                  "\"0x00000000ffff0000000000000000000000000000000000000000000000\" is not "
                  "allowed; give 64 hexadecimal digits");
}

static void foreign_syntax(void **state)
{
    (void)state;
    refuses_value("port", "5 ; comment", "a comment behind the value; give it a line of its own");
    refuses_value("name", "\"x\"", "quotes around the value; write it without");
    refuses_value("name", "'x'", "quotes around the value; write it without");
}

static void nul_bytes(void **state)
{
    (void)state;
    static const char in_value[] = "[server]\nname = x\0y\n";
    static const char at_end[] = "[server]\nname = x\n\0";

    refuses_bytes(in_value, sizeof(in_value) - 1, ":2: a NUL byte; write plain text");
    refuses_bytes(at_end, sizeof(at_end) - 1, ":3: a NUL byte; write plain text");
}

static void long_lines(void **state)
{
    (void)state;
    static const char start[] = "[server]\nname = x\nhosts = ";
    const size_t value = CONF_LINE_MAX - strlen("hosts = ");
    char text[2 * CONF_LINE_MAX];

    memset(text, 'h', sizeof(text));
    memcpy(text, start, strlen(start));
    struct test_conf *c = load_bytes(text, strlen(start) + value); /* the longest */
    assert_string_equal(err, "");
    assert_int_equal(strlen(c->server.hosts.word[0]), value);
    conf_free(&schema, c);
    refuses_bytes(text, strlen(start) + value + 1, ":3: longer than 4000 bytes; shorten the line");
    text[strlen(start) + value] = '\n';
    c = load_bytes(text, strlen(start) + value + 1); /* the longest, with its end */
    assert_non_null(c);
    conf_free(&schema, c);
    memset(text, 'n', CONF_LINE_MAX);
    text[0] = '[';
    refuses_bytes(text, CONF_LINE_MAX + 2, ":1: longer than 4000 bytes; shorten the line");
}

static void long_file(void **state)
{
    (void)state;
    size_t len = CONF_FILE_MAX + 1;
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, '\n', len);
    refuses_bytes(text, len, ":1048577: the file is longer than 1048576 bytes; shorten it");
    memcpy(text, "[server]\nname=x\n", 16);
    struct test_conf *c = load_bytes(text, len - 1);
    assert_non_null(c);
    conf_free(&schema, c);
    free(text);
}

static void too_many_items(void **state)
{
    (void)state;
    char *text = malloc(CONF_FILE_MAX);
    size_t len = (size_t)sprintf(text, "[server]\nname=x\n");

    for (int i = 0; i <= CONF_ITEMS_MAX; i++)
        len += (size_t)sprintf(text + len, "[chain c%d]\naddress=1\n", i);
    refuses_bytes(text, len, ":2003: [chain c1000]: more than 1000 of these; use fewer");
    free(text);
}

static void unreadable_files(void **state)
{
    (void)state;
    assert_null(conf_load(&schema, "/nonexistent/x.conf", err, sizeof(err)));
    assert_string_equal(err, "/nonexistent/x.conf: No such file or directory; create it "
                             "(--print-example shows how) or name another file");
    assert_null(conf_load(&schema, "/tmp", err, sizeof(err)));
    assert_string_equal(err, "/tmp: Is a directory; check the file");
    char tiny[8];
    assert_null(conf_load(&schema, "/nonexistent/x.conf", tiny, sizeof(tiny)));
    assert_string_equal(tiny, "/nonexi");
}

static void checks_across_settings(void **state)
{
    (void)state;
    refuses("[server]\nname=x\nport=666\n", ": [server] port: 666 is cursed; give another");
}

/* Every prefix of a file, and the file with each byte replaced, either loads or says why. */
static void damaged_files(void **state)
{
    (void)state;
    static const char good[] = "[server]\nname = x\nhosts = a b\ntarget =\n[chain a]\naddress=q\n";
    static const char poison[] = {'\0', '\n', '[', ']', '=', ' ', '\xff', ';'};
    char text[sizeof(good)];

    for (size_t len = 0; len < sizeof(good); len++) {
        struct test_conf *c = load_bytes(good, len);
        assert_true(c ? !*err : *err);
        conf_free(&schema, c);
    }
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (size_t p = 0; p < sizeof(poison); p++) {
            memcpy(text, good, sizeof(good));
            text[i] = poison[p];
            struct test_conf *c = load_bytes(text, sizeof(good) - 1);
            assert_true(c ? !*err : strncmp(err, path, strlen(path)) == 0);
            conf_free(&schema, c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_given), cmocka_unit_test(defaults),
        cmocka_unit_test(missing),          cmocka_unit_test(unknown_names),
        cmocka_unit_test(given_twice),      cmocka_unit_test(labels),
        cmocka_unit_test(malformed_lines),  cmocka_unit_test(integers),
        cmocka_unit_test(other_types),      cmocka_unit_test(foreign_syntax),
        cmocka_unit_test(nul_bytes),        cmocka_unit_test(long_lines),
        cmocka_unit_test(long_file),        cmocka_unit_test(too_many_items),
        cmocka_unit_test(unreadable_files), cmocka_unit_test(checks_across_settings),
        cmocka_unit_test(damaged_files),    cmocka_unit_test(retired),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
