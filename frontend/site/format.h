/*
 * Numbers and times as people read them. Each writes a text of at most FORMAT_SIZE bytes with its
 * NUL and takes any value: what is no finite number, or less than nothing, is shown as 0. Rates and
 * percentages have three significant digits; amounts are exact.
 */
#ifndef PENSTOCK_FRONTEND_SITE_FORMAT_H
#define PENSTOCK_FRONTEND_SITE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_SIZE 64

void format_count(uint64_t n, char out[FORMAT_SIZE]); /* "1,234,567" */
/* Base units as whole coins: "-1,234.5"; all decimals that are not zeros at the end. */
void format_amount(int64_t units, unsigned decimals, char out[FORMAT_SIZE]);
void format_si(double value, const char *unit, char out[FORMAT_SIZE]); /* "12.3 kH/s" */
void format_percent(double percent, char out[FORMAT_SIZE]);            /* "98.3 %" */
void format_bp(int64_t hundredths, char out[FORMAT_SIZE]); /* of a percent: 150 is "1.5 %" */

/* "42 seconds", "1 hour", "3 days"; rounded down to one unit. */
void format_span(double seconds, char out[FORMAT_SIZE]);
/* The same, to a tenth where that says more: "6.7 hours". */
void format_length(double seconds, char out[FORMAT_SIZE]);
/* Seen from NOW_S: "5 minutes ago", "just now"; what is to come: "in 5 minutes". */
void format_ago(int64_t at_s, int64_t now_s, char out[FORMAT_SIZE]);

/* The database's text ("2026-01-31 12:00:00.123456", UTC) as seconds since the epoch. */
bool format_epoch(const char *db_time, int64_t *ret_s);
void format_utc(int64_t at_s, char out[FORMAT_SIZE]); /* "2026-01-31 12:00 UTC" */
void format_iso(int64_t at_s, char out[FORMAT_SIZE]); /* "2026-01-31T12:00:00Z" */

/* A long name such as a hash by its two ends: "0123456789…abcdef"; a short one as it is. */
void format_short(const char *text, char out[FORMAT_SIZE]);

#endif
