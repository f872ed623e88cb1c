/* The lines of a settings file, by way of libinih. */
#include "common/conf/conf-private.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <string.h>

struct reader {
    FILE *file;
    int line;
    long bytes;
    const struct conf_sink *sink;
    struct conf_report *report;
};

bool conf_fail(struct conf_report *r, int line, const char *format, ...)
{
    va_list args;

    if (r->failed)
        return false;
    r->failed = true;
    int n = line > 0 ? snprintf(r->err, r->err_size, "%s:%d: ", r->path, line)
                     : snprintf(r->err, r->err_size, "%s: ", r->path);
    if (n >= 0 && (size_t)n < r->err_size) {
        va_start(args, format);
        vsnprintf(r->err + n, r->err_size - (size_t)n, format, args);
        va_end(args);
    }
    for (char *p = r->err; *p; p++) { /* parts of the file are quoted: no control characters */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    }
    return false;
}

/* LINE starts with '['. It is split in place. */
static bool section_line(struct reader *r, char *line)
{
    static const char space[] = " \t\r\n";
    char *name = line + 1 + strspn(line + 1, space);
    char *end = strchr(name, ']');

    if (!end || end[1 + strspn(end + 1, space)])
        return conf_fail(r->report, r->line,
                         "not a section; write [name] and nothing else on the line");
    while (end > name && strchr(space, end[-1]))
        end--;
    *end = '\0';
    char *label = name + strcspn(name, space);
    if (*label) {
        *label++ = '\0';
        label += strspn(label, space);
    }
    return r->sink->section(r->sink->ctx, r->line, name, label);
}

/* One line with its end into OUT, which has CONF_LINE_MAX + 2 bytes at least. False at the end of
 * the file and after a failure. */
static bool read_line(struct reader *r, char *out)
{
    size_t len = 0;
    int c = 0;

    while (c != '\n' && (c = getc(r->file)) != EOF) {
        if (len == 0)
            r->line++;
        if (++r->bytes > CONF_FILE_MAX)
            return conf_fail(r->report, r->line, "the file is longer than %d bytes; shorten it",
                             CONF_FILE_MAX);
        if (c == '\0')
            return conf_fail(r->report, r->line, "a NUL byte; write plain text");
        if (len == CONF_LINE_MAX && c != '\n')
            return conf_fail(r->report, r->line, "longer than %d bytes; shorten the line",
                             CONF_LINE_MAX);
        out[len++] = (char)c;
    }
    out[len] = '\0';
    if (ferror(r->file))
        return conf_fail(r->report, r->line, "%s; check the file", strerror(errno));
    return len > 0;
}

/* inih's reader. Sections are dealt with here and hidden from inih, since it does not tell of a
 * section without settings nor of one that is given again, and cuts names at 49 characters. */
static char *next_line(char *out, int size, void *stream)
{
    struct reader *r = stream;

    assert(size >= CONF_LINE_MAX + 2);
    if (r->report->failed || !read_line(r, out))
        return NULL;
    char *start = out + strspn(out, " \t");
    if (*start == '[') {
        if (!section_line(r, start))
            return NULL;
        memcpy(out, "\n", 2);
    }
    return out;
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
    struct reader *r = user;

    (void)section; /* always "": inih sees none */
    return r->sink->setting(r->sink->ctx, r->line, name, value);
}

int conf_file_read(const struct conf_sink *sink, struct conf_report *report)
{
    struct reader r = {.file = fopen(report->path, "re"), .sink = sink, .report = report};

    if (!r.file) {
        conf_fail(report, 0, "%s; create it (--print-example shows how) or name another file",
                  strerror(errno));
        return 0;
    }
    ini_allow_multiline = false; /* an indented setting is a setting */
    ini_allow_inline_comments = false;
    ini_stop_on_first_error = true;
    ini_use_stack = false;
    ini_max_line = ini_initial_alloc = CONF_LINE_MAX + 8;
    if (ini_parse_stream(next_line, &r, on_setting, &r) != 0)
        conf_fail(report, r.line, "not a setting; write \"name = value\"");
    fclose(r.file);
    return r.line;
}
