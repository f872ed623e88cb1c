#include "common/base/log-private.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* A pipe in packet mode in place of stderr: each read gives what one write wrote. */
static struct {
    int saved, read_end;
} captured;

static int capture(void **state)
{
    (void)state;
    int ends[2];

    if (pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
        return -1;
    captured.read_end = ends[0];
    captured.saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_init("test_log", LOG_LEVEL_INFO, LOG_TARGET_STDERR);
    return 0;
}

static int release(void **state)
{
    (void)state;
    dup2(captured.saved, STDERR_FILENO);
    close(captured.saved);
    close(captured.read_end);
    return 0;
}

/* The next line, or "" when nothing was written. */
static const char *next_line(void)
{
    static char line[2 * LOG_LINE_MAX];
    ssize_t n = read(captured.read_end, line, sizeof(line) - 1);

    line[n > 0 ? n : 0] = '\0';
    return line;
}

/* What follows "program[pid]: ", without the line's end. */
static char *message(const char *line)
{
    static char text[2 * LOG_LINE_MAX];
    const char *start = strstr(line, "]: ");

    assert_non_null(start);
    snprintf(text, sizeof(text), "%s", start + 3);
    char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_int_equal(end[1], '\0');
    *end = '\0';
    return text;
}

static void line_format(void **state)
{
    (void)state;
    regex_t pattern;

    log_warning("broker.connected", LOG_STR("host", "db-1.example:5671"), LOG_UINT("port", 5671),
                LOG_INT("delta", -7), LOG_STR("tls", NULL));
    const char *line = next_line();
    assert_int_equal(regcomp(&pattern,
                             "^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]"
                             "\\.[0-9]{6}Z warning test_log\\[[0-9]+\\]: broker\\.connected "
                             "host=db-1\\.example:5671 port=5671 delta=-7 tls=-\n$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    assert_int_equal(regexec(&pattern, line, 0, NULL, 0), 0);
    regfree(&pattern);
    assert_string_equal(next_line(), ""); /* one write, one line */
}

static void extremes_of_numbers(void **state)
{
    (void)state;
    log_info("n", LOG_INT("low", INT64_MIN), LOG_UINT("high", UINT64_MAX));
    assert_string_equal(message(next_line()),
                        "n low=-9223372036854775808 high=18446744073709551615");
}

static void hostile_values_forge_nothing(void **state)
{
    (void)state;
    log_info("e", LOG_STR("a", "x\n2026-11-21T00:00:00Z fatal x: y"), LOG_STR("b", "v c=d"),
             LOG_STR("c", "\"\\\x1b[31m\x7f\xc3\xa9\t"), LOG_STR("d", ""), LOG_STR("e", "a=b"));
    assert_string_equal(message(next_line()),
                        "e a=\"x\\x0a2026-11-21T00:00:00Z fatal x: y\" b=\"v c=d\" "
                        "c=\"\\\"\\\\\\x1b[31m\\x7f\\xc3\\xa9\\x09\" d=\"\" e=\"a=b\"");
}

static void long_values_are_cut(void **state)
{
    (void)state;
    char plain[5000], binary[5000];

    memset(plain, 'p', sizeof(plain) - 1);
    memset(binary, '\n', sizeof(binary) - 1);
    plain[4999] = binary[4999] = '\0';
    log_info("e", LOG_STR("plain", plain), LOG_STR("binary", binary), LOG_INT("last", 1));
    char *text = message(next_line());
    assert_true(strlen(text) < 2 * LOG_VALUE_MAX + 60);
    assert_non_null(strstr(text, "ppp...\" binary=\"\\x0a"));
    assert_non_null(strstr(text, "\\x0a...\" last=1"));
    plain[LOG_VALUE_MAX] = '\0'; /* just fits */
    log_info("e", LOG_STR("plain", plain));
    assert_int_equal(strlen(message(next_line())), strlen("e plain=") + LOG_VALUE_MAX);
}

static void long_lines_are_cut_between_fields(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX];

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    log_info("e", LOG_STR("a", value), LOG_STR("b", value), LOG_STR("c", value),
             LOG_STR("d", value), LOG_STR("e", value), LOG_STR("f", value), LOG_STR("g", value),
             LOG_STR("h", value), LOG_STR("i", value));
    const char *line = next_line();
    assert_true(strlen(line) <= LOG_LINE_MAX);
    assert_string_equal(line + strlen(line) - 17, "vv truncated=yes\n");
    assert_string_equal(next_line(), "");
}

/* Whatever the last field's length, the line ends with all of it or with the mark. */
static void lines_around_the_limit(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX], last[LOG_VALUE_MAX];
    int whole = 0;

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (size_t len = 1; len < sizeof(last); len++) {
        memset(last, 'z', len);
        last[len] = '\0';
        log_info("e", LOG_STR("a", value), LOG_STR("b", value), LOG_STR("c", value),
                 LOG_STR("d", value), LOG_STR("e", value), LOG_STR("f", value), LOG_STR("g", value),
                 LOG_STR("h", last));
        char *text = message(next_line());
        bool marked = strcmp(strrchr(text, ' '), " truncated=yes") == 0;
        whole += !marked;
        assert_true(marked || strlen(strrchr(text, '=') + 1) == len);
        log_info("e", LOG_STR("a", value), LOG_STR("b", value), LOG_STR("c", value),
                 LOG_STR("d", value), LOG_STR("e", value), LOG_STR("f", value), LOG_STR("g", value),
                 LOG_STR("h", last), LOG_STR("i", value));
        assert_string_equal(strrchr(message(next_line()), ' '), " truncated=yes");
    }
    assert_in_range(whole, 300, 480); /* the limit was in the range */
}

static void too_many_fields(void **state)
{
    (void)state;
    struct log_field fields[LOG_FIELDS_MAX + 2];
    char *text;

    for (int i = 0; i < LOG_FIELDS_MAX + 1; i++)
        fields[i] = LOG_INT("k", i);
    fields[LOG_FIELDS_MAX] = (struct log_field){.type = LOG_FIELD_END};
    log_event(LOG_LEVEL_INFO, "e", fields);
    text = message(next_line());
    assert_null(strstr(text, "truncated"));
    assert_non_null(strstr(text, " k=15"));
    fields[LOG_FIELDS_MAX] = LOG_INT("k", LOG_FIELDS_MAX);
    fields[LOG_FIELDS_MAX + 1] = (struct log_field){.type = LOG_FIELD_END};
    log_event(LOG_LEVEL_INFO, "e", fields);
    text = message(next_line());
    assert_non_null(strstr(text, " k=15 truncated=yes"));
    assert_null(strstr(text, " k=16"));
}

static void levels_below_the_lowest_are_silent(void **state)
{
    (void)state;
    log_debug("quiet", LOG_INT("n", 1));
    assert_string_equal(next_line(), "");
    log_init("test_log", LOG_LEVEL_ERROR, LOG_TARGET_STDERR);
    log_warning("quiet", LOG_INT("n", 1));
    assert_string_equal(next_line(), "");
    log_error("loud", LOG_INT("n", 1));
    assert_non_null(strstr(next_line(), "Z error test_log["));
    log_fatal("loud", LOG_INT("n", 1));
    assert_non_null(strstr(next_line(), "Z fatal test_log["));
}

static void errno_survives_a_failed_write(void **state)
{
    (void)state;
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("e", LOG_INT("n", 1));
    assert_int_equal(errno, ENOENT);
}

static void names_are_parsed(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;
    enum log_target target = LOG_TARGET_STDERR;

    assert_true(log_level_parse("fatal", &level));
    assert_int_equal(level, LOG_LEVEL_FATAL);
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse("verbose", &level));
    assert_false(log_level_parse("", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_true(log_target_parse("journald", &target));
    assert_int_equal(target, LOG_TARGET_JOURNALD);
    assert_false(log_target_parse("syslog", &target));
}

#define JOURNAL "/run/systemd/journal"

/* A /run of our own, visible to this process only; false without the right to that. */
static bool private_run(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", "/run", "tmpfs", 0, NULL) == 0;
}

static int stand_in_journald(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = JOURNAL "/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(mkdir("/run/systemd", 0755), 0);
    assert_int_equal(mkdir(JOURNAL, 0755), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void expect_entry(const char *data, size_t len, const char *part, size_t part_len)
{
    if (!memmem(data, len, part, part_len))
        fail_msg("no \"%s\" in \"%.*s\"", part, (int)len, data);
}

static void journald_gets_fields(void **state)
{
    (void)state;
    char data[3 * LOG_LINE_MAX];

    if (!private_run())
        skip();
    log_init("test_log", LOG_LEVEL_INFO, LOG_TARGET_JOURNALD); /* none listens yet */
    assert_non_null(strstr(next_line(), "warning test_log["));
    log_info("to.stderr", LOG_INT("n", 1));
    assert_string_equal(message(next_line()), "to.stderr n=1");

    int fd = stand_in_journald();
    log_init("test_log", LOG_LEVEL_INFO, LOG_TARGET_JOURNALD);
    log_error("share.late", LOG_STR("worker_name", "rig one"), LOG_INT("ms", -5), LOG_UINT("n", 3),
              LOG_STR("evil", "a\nPRIORITY=0"));
    ssize_t len = recv(fd, data, sizeof(data), 0);
    close(fd);
    assert_true(len > 0);
    assert_string_equal(next_line(), "");
    static const char *const wanted[] = {
        "PRIORITY=3\n",
        "SYSLOG_IDENTIFIER=test_log\n",
        "PENSTOCK_EVENT=share.late\n",
        "MESSAGE=share.late worker_name=\"rig one\" ms=-5 n=3 evil=\"a\\x0aPRIORITY=0\"\n",
        "PENSTOCK_WORKER_NAME=rig one\n",
        "PENSTOCK_MS=-5\n",
        "PENSTOCK_N=3\n",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        expect_entry(data, (size_t)len, wanted[i], strlen(wanted[i]));
    /* A line end in a value goes by journald's binary form: name, length, bytes. */
    static const char evil[] = "PENSTOCK_EVIL\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
    expect_entry(data, (size_t)len, evil, sizeof(evil) - 1);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURED(line_format),
        CAPTURED(extremes_of_numbers),
        CAPTURED(hostile_values_forge_nothing),
        CAPTURED(long_values_are_cut),
        CAPTURED(long_lines_are_cut_between_fields),
        CAPTURED(lines_around_the_limit),
        CAPTURED(too_many_fields),
        CAPTURED(levels_below_the_lowest_are_silent),
        CAPTURED(errno_survives_a_failed_write),
        cmocka_unit_test(names_are_parsed),
        CAPTURED(journald_gets_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
