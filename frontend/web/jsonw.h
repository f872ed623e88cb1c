/*
 * Writes JSON. What is data goes in by these functions alone, which escape it; there is no way to
 * write raw text. Beyond the buffer's bound the writer goes silent and says so at the end. (jansson
 * is no help here: it makes a double of every amount. Its names begin with json_, these do not.)
 *
 * KEY is the member's name inside an object, and NULL inside an array and at the top. Keys are
 * data too, and escaped. Texts are UTF-8; a NULL text, and a time that is NULL, become null.
 */
#ifndef PENSTOCK_FRONTEND_WEB_JSONW_H
#define PENSTOCK_FRONTEND_WEB_JSONW_H

#include "common/base/buf.h"

#include <stdint.h>

#define JSONW_MAX_DEPTH 8

struct jsonw {
    struct buf *out;
    bool full; /* the bound was passed: what is in OUT is of no use */
    unsigned depth;
    bool comma[JSONW_MAX_DEPTH + 1];
};

#define JSONW_INIT(buf) ((struct jsonw){.out = (buf)})

void jsonw_object_begin(struct jsonw *j, const char *key);
void jsonw_object_end(struct jsonw *j);
void jsonw_array_begin(struct jsonw *j, const char *key);
void jsonw_array_end(struct jsonw *j);

void jsonw_null(struct jsonw *j, const char *key);
void jsonw_bool(struct jsonw *j, const char *key, bool value);
void jsonw_uint(struct jsonw *j, const char *key, uint64_t value);
void jsonw_text(struct jsonw *j, const char *key, const char *text);

/* An amount of base units as a number of whole coins, exact: 150000000 with 8 decimals is 1.5. */
void jsonw_amount(struct jsonw *j, const char *key, int64_t units, unsigned decimals);

/* A rate or a ratio, with up to 6 decimals; never for money. What is no finite number becomes 0. */
void jsonw_real(struct jsonw *j, const char *key, double value);

/* A time as the database gives it ("2026-01-31 12:00:00.123456", UTC) in the form of RFC 3339. */
void jsonw_time(struct jsonw *j, const char *key, const char *db_time);

#endif
