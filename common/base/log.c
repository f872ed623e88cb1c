#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/log-private.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct {
    const char *name;
    int priority; /* of syslog(3), as journald wants it */
} levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},       [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING}, [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_FATAL] = {"fatal", LOG_CRIT},
};
static const char *const targets[] = {
    [LOG_TARGET_STDERR] = "stderr",
    [LOG_TARGET_JOURNALD] = "journald",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct {
    const char *program;
    enum log_level lowest;
    enum log_target target;
} config = {"penstock", LOG_LEVEL_INFO, LOG_TARGET_STDERR};

void log_init(const char *program, enum log_level lowest, enum log_target target)
{
    config.program = program;
    config.lowest = lowest;
    config.target = target;
    /* libsystemd drops everything in silence where no journald listens. */
    if (target == LOG_TARGET_JOURNALD && access(JOURNAL_SOCKET, F_OK) < 0) {
        config.target = LOG_TARGET_STDERR;
        log_warning("log.no_journald", LOG_STR("socket", JOURNAL_SOCKET),
                    LOG_STR("instead", targets[LOG_TARGET_STDERR]));
    }
}

bool log_level_parse(const char *text, enum log_level *ret)
{
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (strcasecmp(text, levels[i].name) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_target_parse(const char *text, enum log_target *ret)
{
    for (size_t i = 0; i < COUNT(targets); i++) {
        if (strcasecmp(text, targets[i]) == 0) {
            *ret = (enum log_target)i;
            return true;
        }
    }
    return false;
}

static void add_prefix(struct log_text *line, enum log_level level)
{
    int64_t us = clock_real_us();
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    log_text_addf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ %s %.64s[%ld]: ", tm.tm_year + 1900,
                  tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us % 1000000),
                  levels[level].name, config.program, (long)getpid());
}

static void to_stderr(enum log_level level, const char *event, const struct log_field *fields)
{
    struct log_text line = {.len = 0};

    add_prefix(&line, level);
    log_text_message(&line, event, fields);
    line.data[line.len++] = '\n';
    /* One write, so that lines of many processes never mix. A log that cannot be written must not
     * stop the program. */
    ssize_t n = write(STDERR_FILENO, line.data, line.len);
    (void)n;
}

static void to_journald(enum log_level level, const char *event, const struct log_field *fields)
{
    struct log_text text[LOG_FIELDS_MAX + 4];
    struct iovec iov[COUNT(text)];
    size_t n = 0;

    for (size_t i = 0; i < COUNT(text); i++)
        text[i].len = 0;
    log_text_addf(&text[n++], "PRIORITY=%d", levels[level].priority);
    log_text_addf(&text[n++], "SYSLOG_IDENTIFIER=%.64s", config.program);
    log_text_addf(&text[n++], "PENSTOCK_EVENT=%s", event);
    log_text_addf(&text[n], "MESSAGE=");
    log_text_message(&text[n++], event, fields);
    for (size_t i = 0; i < LOG_FIELDS_MAX && fields[i].type != LOG_FIELD_END; i++)
        log_text_journal_field(&text[n++], &fields[i]);
    for (size_t i = 0; i < n; i++)
        iov[i] = (struct iovec){text[i].data, text[i].len};
    sd_journal_sendv(iov, (int)n);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields)
{
    static void (*const write_to[])(enum log_level, const char *, const struct log_field *) = {
        [LOG_TARGET_STDERR] = to_stderr,
        [LOG_TARGET_JOURNALD] = to_journald,
    };
    int saved = errno;

    assert((size_t)level < COUNT(levels));
    if (level >= config.lowest)
        write_to[config.target](level, event, fields);
    errno = saved;
}
