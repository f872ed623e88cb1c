#include "frontend/web/jsonw.h"

#include "frontend/web/amount.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(struct jsonw *j, const char *text, size_t len)
{
    if (!j->full)
        j->full = !buf_add(j->out, text, len);
}

static void add_text(struct jsonw *j, const char *text)
{
    add(j, text, strlen(text));
}

/* '<', '>' and '&' too, so that an answer is harmless even where somebody takes it for HTML; and
 * DEL, which some viewers act upon. */
static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == 0x7f || strchr("\"\\<>&", c) != NULL;
}

static void add_quoted(struct jsonw *j, const char *text)
{
    char code[8];

    add(j, "\"", 1);
    while (*text) {
        size_t plain = 0;

        while (text[plain] && !needs_escape((unsigned char)text[plain]))
            plain++;
        add(j, text, plain);
        text += plain;
        if (!*text)
            break;
        snprintf(code, sizeof code, "\\u%04x", (unsigned)(unsigned char)*text++);
        add_text(j, code);
    }
    add(j, "\"", 1);
}

/* What stands before a value: a comma, and its key. */
static void begin(struct jsonw *j, const char *key)
{
    if (j->comma[j->depth])
        add(j, ",", 1);
    j->comma[j->depth] = true;
    if (key) {
        add_quoted(j, key);
        add(j, ":", 1);
    }
}

static void nest(struct jsonw *j, const char *key, const char *bracket)
{
    begin(j, key);
    assert(j->depth < JSONW_MAX_DEPTH);
    j->comma[++j->depth] = false;
    add_text(j, bracket);
}

static void leave(struct jsonw *j, const char *bracket)
{
    assert(j->depth > 0);
    j->depth--;
    add_text(j, bracket);
}

void jsonw_object_begin(struct jsonw *j, const char *key)
{
    nest(j, key, "{");
}

void jsonw_object_end(struct jsonw *j)
{
    leave(j, "}");
}

void jsonw_array_begin(struct jsonw *j, const char *key)
{
    nest(j, key, "[");
}

void jsonw_array_end(struct jsonw *j)
{
    leave(j, "]");
}

void jsonw_null(struct jsonw *j, const char *key)
{
    begin(j, key);
    add_text(j, "null");
}

void jsonw_bool(struct jsonw *j, const char *key, bool value)
{
    begin(j, key);
    add_text(j, value ? "true" : "false");
}

void jsonw_uint(struct jsonw *j, const char *key, uint64_t value)
{
    char text[24];

    begin(j, key);
    snprintf(text, sizeof text, "%" PRIu64, value);
    add_text(j, text);
}

void jsonw_text(struct jsonw *j, const char *key, const char *text)
{
    if (!text) {
        jsonw_null(j, key);
        return;
    }
    begin(j, key);
    add_quoted(j, text);
}

void jsonw_amount(struct jsonw *j, const char *key, int64_t units, unsigned decimals)
{
    char text[AMOUNT_TEXT_SIZE];

    begin(j, key);
    amount_text(units, decimals, text);
    add_text(j, text);
}

void jsonw_real(struct jsonw *j, const char *key, double value)
{
    char text[400]; /* a double has up to 309 digits before the point */

    begin(j, key);
    int len = snprintf(text, sizeof text, "%.6f", isfinite(value) ? value : 0.0);
    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[--len] = '\0';
    add_text(j, text);
}

void jsonw_time(struct jsonw *j, const char *key, const char *db_time)
{
    char text[40];

    if (!db_time) {
        jsonw_null(j, key);
        return;
    }
    snprintf(text, sizeof text, "%.38sZ", db_time);
    char *space = strchr(text, ' ');
    if (space)
        *space = 'T';
    jsonw_text(j, key, text);
}
