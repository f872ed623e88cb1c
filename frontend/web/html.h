/*
 * Writes HTML. Markup is literal text of the program (html_raw() takes nothing else); all that is
 * data goes through html_text() or one of the functions for numbers, and is escaped for use both
 * between tags and inside a quoted attribute. Beyond the buffer's bound the writer goes silent.
 */
#ifndef PENSTOCK_FRONTEND_WEB_HTML_H
#define PENSTOCK_FRONTEND_WEB_HTML_H

#include "common/base/buf.h"

#include <stdint.h>

struct html {
    struct buf *out;
    bool full; /* the bound was passed: what is in OUT is of no use */
};

#define HTML_INIT(buf) ((struct html){.out = (buf)})

/* MARKUP is a string literal: anything else does not compile. */
#define html_raw(h, markup) html_markup((h), "" markup "", sizeof(markup) - 1)
void html_markup(struct html *h, const char *markup, size_t len);

/* Data: UTF-8, NULL is nothing. */
void html_text(struct html *h, const char *text);
void html_uint(struct html *h, uint64_t value);
/* Whole coins, exact: see amount_text(). */
void html_amount(struct html *h, int64_t units, unsigned decimals);

#endif
