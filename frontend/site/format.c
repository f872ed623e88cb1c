#include "frontend/site/format.h"

#include "frontend/web/amount.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* DIGITS with a comma before each group of three. */
static void group(const char *digits, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
}

void format_count(uint64_t n, char out[FORMAT_SIZE])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);

    group(digits, (size_t)len, out);
}

void format_amount(int64_t units, unsigned decimals, char out[FORMAT_SIZE])
{
    char text[AMOUNT_TEXT_SIZE], grouped[FORMAT_SIZE];

    amount_text(units, decimals, text);
    const char *whole = text + (text[0] == '-');
    size_t len = strcspn(whole, ".");
    group(whole, len, grouped);
    snprintf(out, FORMAT_SIZE, "%s%.32s%s", whole == text ? "" : "-", grouped, whole + len);
}

/* What cannot be shown is nothing. */
static double shown(double value)
{
    return isfinite(value) && value > 0 ? value : 0;
}

/* Three significant digits of a value below 1000, as far as there are that many. */
static int digits_after_point(double value)
{
    if (value < 9.995)
        return 2;
    return value < 99.95 ? 1 : 0;
}

void format_si(double value, const char *unit, char out[FORMAT_SIZE])
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    size_t i = 0, last = sizeof prefixes / sizeof *prefixes - 1;

    for (value = shown(value); value >= 999.5 && i < last; i++)
        value /= 1000;
    if (value >= 1e6)
        snprintf(out, FORMAT_SIZE, "over 999,999 %s%.16s", prefixes[i], unit);
    else
        snprintf(out, FORMAT_SIZE, "%.*f %s%.16s", value > 0 ? digits_after_point(value) : 0, value,
                 prefixes[i], unit);
}

void format_percent(double percent, char out[FORMAT_SIZE])
{
    percent = shown(percent);
    if (percent >= 1e6)
        snprintf(out, FORMAT_SIZE, "over 999,999 %%");
    else
        snprintf(out, FORMAT_SIZE, "%.*f %%", percent > 0 ? digits_after_point(percent) : 0,
                 percent);
}

void format_bp(int64_t hundredths, char out[FORMAT_SIZE])
{
    char text[AMOUNT_TEXT_SIZE];

    amount_text(hundredths, 2, text);
    snprintf(out, FORMAT_SIZE, "%s %%", text);
}

static const struct {
    double size;
    const char *name;
} units[] = {
    {365.0 * DAY, "year"}, {DAY, "day"}, {HOUR, "hour"}, {MINUTE, "minute"}, {1, "second"}};
enum { UNITS = sizeof units / sizeof *units };

/* The largest unit of which there is a whole one; the smallest, if of none. */
static size_t unit_of(double seconds)
{
    size_t i = 0;

    while (i + 1 < UNITS && seconds < units[i].size)
        i++;
    return i;
}

void format_span(double seconds, char out[FORMAT_SIZE])
{
    size_t i = unit_of(shown(seconds));
    double n = shown(seconds) / units[i].size;

    if (n >= 1e6)
        snprintf(out, FORMAT_SIZE, "over a million years");
    else
        snprintf(out, FORMAT_SIZE, "%d %s%s", (int)n, units[i].name, (int)n == 1 ? "" : "s");
}

void format_length(double seconds, char out[FORMAT_SIZE])
{
    size_t i = unit_of(shown(seconds));
    double n = shown(seconds) / units[i].size;

    if (n >= 9.95)
        format_span(seconds, out);
    else
        snprintf(out, FORMAT_SIZE, "%.1f %ss", n, units[i].name);
}

void format_ago(int64_t at_s, int64_t now_s, char out[FORMAT_SIZE])
{
    double since = (double)now_s - (double)at_s;
    char span[FORMAT_SIZE];

    format_span(fabs(since), span);
    if (fabs(since) < 10)
        snprintf(out, FORMAT_SIZE, "just now");
    else if (since > 0)
        snprintf(out, FORMAT_SIZE, "%.50s ago", span);
    else
        snprintf(out, FORMAT_SIZE, "in %.50s", span);
}

bool format_epoch(const char *db_time, int64_t *ret_s)
{
    struct tm utc = {0};
    const char *rest = db_time ? strptime(db_time, "%Y-%m-%d %H:%M:%S", &utc) : NULL;

    if (!rest || (*rest && *rest != '.'))
        return false;
    *ret_s = timegm(&utc);
    return true;
}

static void write_time(int64_t at_s, const char *format, char out[FORMAT_SIZE])
{
    time_t at = (time_t)at_s;
    struct tm utc;

    if (!gmtime_r(&at, &utc) || strftime(out, FORMAT_SIZE, format, &utc) == 0)
        snprintf(out, FORMAT_SIZE, "?");
}

void format_utc(int64_t at_s, char out[FORMAT_SIZE])
{
    write_time(at_s, "%Y-%m-%d %H:%M UTC", out);
}

void format_iso(int64_t at_s, char out[FORMAT_SIZE])
{
    write_time(at_s, "%Y-%m-%dT%H:%M:%SZ", out);
}

void format_short(const char *text, char out[FORMAT_SIZE])
{
    enum { HEAD = 8, TAIL = 6 };
    size_t len = strlen(text);

    if (len <= HEAD + TAIL + 4)
        snprintf(out, FORMAT_SIZE, "%s", text);
    else
        snprintf(out, FORMAT_SIZE, "%.*s…%s", HEAD, text, text + len - TAIL);
}
