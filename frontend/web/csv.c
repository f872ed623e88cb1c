#include "frontend/web/csv.h"

#include "frontend/web/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void add(struct csv *c, const char *text, size_t len)
{
    if (!c->full)
        c->full = !buf_add(c->out, text, len);
}

static void begin(struct csv *c)
{
    if (c->comma)
        add(c, ",", 1);
    c->comma = true;
}

/* Spreadsheets pass over spaces and quotes before they look; full-width signs count, too. */
static bool is_formula(const char *text)
{
    static const char *const wide[] = {"＝", "＋", "－", "＠"};

    text += strspn(text, " \"'");
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(text, wide[i], strlen(wide[i])) == 0)
            return true;
    return *text && strchr("=+-@\t\r\n|%", *text);
}

void csv_text(struct csv *c, const char *text)
{
    begin(c);
    if (!text)
        return;
    add(c, "\"", 1);
    if (is_formula(text))
        add(c, "'", 1);
    while (*text) {
        size_t plain = strcspn(text, "\"");

        add(c, text, plain);
        text += plain;
        if (*text) {
            add(c, "\"\"", 2);
            text++;
        }
    }
    add(c, "\"", 1);
}

void csv_uint(struct csv *c, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRIu64, value);

    begin(c);
    add(c, text, (size_t)len);
}

void csv_amount(struct csv *c, int64_t units, unsigned decimals)
{
    char text[AMOUNT_TEXT_SIZE];

    amount_text(units, decimals, text);
    begin(c);
    add(c, text, strlen(text));
}

void csv_end_row(struct csv *c)
{
    add(c, "\r\n", 2);
    c->comma = false;
}
