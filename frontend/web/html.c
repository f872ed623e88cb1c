#include "frontend/web/html.h"

#include "frontend/web/amount.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void html_markup(struct html *h, const char *markup, size_t len)
{
    if (!h->full)
        h->full = !buf_add(h->out, markup, len);
}

/* NULL: the character stands for itself. Control characters have no place in HTML at all. */
static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '`':
        return "&#96;";
    default:
        return ((unsigned char)c < 0x20 && c != '\n') || c == 0x7f ? "?" : NULL;
    }
}

void html_text(struct html *h, const char *text)
{
    while (text && *text) {
        size_t plain = 0;

        while (text[plain] && !escape_of(text[plain]))
            plain++;
        html_markup(h, text, plain);
        text += plain;
        if (*text) {
            const char *escape = escape_of(*text++);

            html_markup(h, escape, strlen(escape));
        }
    }
}

void html_uint(struct html *h, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    html_text(h, text);
}

void html_amount(struct html *h, int64_t units, unsigned decimals)
{
    char text[AMOUNT_TEXT_SIZE];

    amount_text(units, decimals, text);
    html_text(h, text);
}
