/*
 * Structured log: one event a line, a fixed name per event, key=value fields.
 *
 * Levels mean the same everywhere:
 *   debug    for developers; off unless asked for
 *   info     a normal event worth a line (connected, batch committed)
 *   warning  unexpected, but handled without help (retry, refused input in numbers)
 *   error    something failed that an operator must look at; the program goes on
 *   fatal    the program cannot go on and exits after this line
 *
 * Values are escaped, so hostile input cannot forge a line or a field. Never pass a secret.
 * Output goes to stderr, or to journald with each field as a journal field of its own.
 */
#ifndef PENSTOCK_COMMON_BASE_LOG_H
#define PENSTOCK_COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_FATAL
};
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_JOURNALD };

enum log_field_type { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_UINT };

struct log_field {
    enum log_field_type type;
    const char *key; /* lower-case letters, digits and '_' */
    union {
        const char *s; /* NULL is written as "-" */
        int64_t i;
        uint64_t u;
    } v;
};

#define LOG_STR(k, x)  ((struct log_field){LOG_FIELD_STR, (k), {.s = (x)}})
#define LOG_INT(k, x)  ((struct log_field){LOG_FIELD_INT, (k), {.i = (x)}})
#define LOG_UINT(k, x) ((struct log_field){LOG_FIELD_UINT, (k), {.u = (x)}})

/* PROGRAM is kept, not copied. Before this call everything from info up goes to stderr. */
void log_init(const char *program, enum log_level lowest, enum log_target target);

/* Returns false, and leaves *ret alone, when TEXT names no level or target. */
bool log_level_parse(const char *text, enum log_level *ret);
bool log_target_parse(const char *text, enum log_target *ret);

/* FIELDS ends with a LOG_FIELD_END entry; use the macros below instead of calling this. */
void log_event(enum log_level level, const char *event, const struct log_field *fields);

/* log_info("broker.connected", LOG_STR("host", host), LOG_UINT("port", port)); at least one field.
 */
#define LOG_AT(level, event, ...)                                                                  \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__, {LOG_FIELD_END, NULL, {0}}})
#define log_debug(event, ...)   LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)    LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warning(event, ...) LOG_AT(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_error(event, ...)   LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_fatal(event, ...)   LOG_AT(LOG_LEVEL_FATAL, event, __VA_ARGS__)

#endif
