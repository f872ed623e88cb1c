/*
 * Writes CSV (RFC 4180) that a spreadsheet takes for what it is. A text that begins like a formula
 * would be computed there, so it gets an apostrophe in front, which spreadsheets do not show.
 * Beyond the buffer's bound the writer goes silent.
 */
#ifndef PENSTOCK_FRONTEND_WEB_CSV_H
#define PENSTOCK_FRONTEND_WEB_CSV_H

#include "common/base/buf.h"

#include <stdint.h>

struct csv {
    struct buf *out;
    bool full; /* the bound was passed: what is in OUT is of no use */
    bool comma;
};

#define CSV_INIT(buf) ((struct csv){.out = (buf)})

void csv_text(struct csv *c, const char *text); /* NULL is an empty field */
void csv_uint(struct csv *c, uint64_t value);
void csv_amount(struct csv *c, int64_t units, unsigned decimals); /* whole coins, exact */
void csv_end_row(struct csv *c);

#endif
