/* The text of log lines; for log.c and its tests. */
#ifndef PENSTOCK_COMMON_BASE_LOG_PRIVATE_H
#define PENSTOCK_COMMON_BASE_LOG_PRIVATE_H

#include "common/base/log.h"

#define LOG_LINE_MAX   4096 /* PIPE_BUF: one write of this much is atomic even on a pipe */
#define LOG_VALUE_MAX  512  /* bytes of a value's written form; the rest becomes "..." */
#define LOG_FIELDS_MAX 16   /* further fields of an event are left out */

struct log_text {
    char data[LOG_LINE_MAX];
    size_t len;
};

/* Never passes LOG_LINE_MAX - 1, so that a line end always fits behind it. */
void log_text_addf(struct log_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `event key=value key="escaped value"`. A field that no longer fits is left out, and a final
 * truncated=yes says so. */
void log_text_message(struct log_text *t, const char *event, const struct log_field *fields);

/* PENSTOCK_KEY=value, the value as it is. */
void log_text_journal_field(struct log_text *t, const struct log_field *field);

#endif
