#include "common/base/log-private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char truncated[] = " truncated=yes";

void log_text_addf(struct log_text *t, const char *format, ...)
{
    va_list args;
    size_t room = LOG_LINE_MAX - t->len;

    va_start(args, format);
    int n = vsnprintf(t->data + t->len, room, format, args);
    va_end(args);
    assert(n >= 0);
    t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("._-:/@+,%*", c));
}

/* C as it stands between quotes; everything that a terminal or a log reader might act on becomes
 * \xNN. */
static void escape(char c, char out[5])
{
    if (c == '"' || c == '\\')
        snprintf(out, 5, "\\%c", c);
    else if (c >= 0x20 && c < 0x7f)
        snprintf(out, 5, "%c", c);
    else
        snprintf(out, 5, "\\x%02x", (unsigned char)c);
}

static void format_string(const char *s, char out[LOG_VALUE_MAX + 8])
{
    size_t plain = 0, len = 0;
    char piece[5];

    while (is_plain(s[plain]) && plain <= LOG_VALUE_MAX)
        plain++;
    if (plain > 0 && plain <= LOG_VALUE_MAX && !s[plain]) {
        memcpy(out, s, plain + 1);
        return;
    }
    out[len++] = '"';
    for (; *s; s++) {
        escape(*s, piece);
        if (len + strlen(piece) > LOG_VALUE_MAX) {
            len += (size_t)sprintf(out + len, "...");
            break;
        }
        len += (size_t)sprintf(out + len, "%s", piece);
    }
    snprintf(out + len, 2, "\"");
}

static void format_value(const struct log_field *f, char out[LOG_VALUE_MAX + 8])
{
    switch (f->type) {
    case LOG_FIELD_STR:
        format_string(f->v.s ? f->v.s : "-", out);
        return;
    case LOG_FIELD_INT:
        snprintf(out, LOG_VALUE_MAX, "%" PRId64, f->v.i);
        return;
    case LOG_FIELD_UINT:
        snprintf(out, LOG_VALUE_MAX, "%" PRIu64, f->v.u);
        return;
    case LOG_FIELD_END:
        break;
    }
    assert(!"a log field has no type");
}

static void check_key(const char *key)
{
    assert(*key && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key));
    (void)key;
}

void log_text_message(struct log_text *t, const char *event, const struct log_field *fields)
{
    char value[LOG_VALUE_MAX + 8];
    size_t n = 0;

    log_text_addf(t, "%s", event);
    for (; fields[n].type != LOG_FIELD_END && n < LOG_FIELDS_MAX; n++) {
        check_key(fields[n].key);
        format_value(&fields[n], value);
        if (t->len + strlen(fields[n].key) + strlen(value) + sizeof(" =") + sizeof(truncated) >
            LOG_LINE_MAX)
            break;
        log_text_addf(t, " %s=%s", fields[n].key, value);
    }
    if (fields[n].type != LOG_FIELD_END)
        log_text_addf(t, "%s", truncated);
}

void log_text_journal_field(struct log_text *t, const struct log_field *field)
{
    log_text_addf(t, "PENSTOCK_");
    for (const char *k = field->key; *k; k++)
        log_text_addf(t, "%c", *k >= 'a' && *k <= 'z' ? *k - 'a' + 'A' : *k);
    if (field->type == LOG_FIELD_STR)
        log_text_addf(t, "=%.*s", LOG_VALUE_MAX, field->v.s ? field->v.s : "-");
    else if (field->type == LOG_FIELD_INT)
        log_text_addf(t, "=%" PRId64, field->v.i);
    else
        log_text_addf(t, "=%" PRIu64, field->v.u);
}
