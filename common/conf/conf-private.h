/* Shared by the files of this folder and their tests. */
#ifndef PENSTOCK_COMMON_CONF_CONF_PRIVATE_H
#define PENSTOCK_COMMON_CONF_CONF_PRIVATE_H

#include "common/conf/conf.h"

#define CONF_LINE_MAX     4000      /* bytes of a line */
#define CONF_FILE_MAX     (1 << 20) /* bytes of a file */
#define CONF_LABEL_MAX    32        /* characters of a label: [a-z0-9-] */
#define CONF_TITLE_MAX    100
#define CONF_ITEMS_MAX    1000 /* sections [name LABEL] of one name */
#define CONF_SECTIONS_MAX 32   /* of a schema */
#define CONF_SETTINGS_MAX 64   /* of a section */
#define CONF_WHY_MAX      320

/* Stores TEXT in ITEM, the section's struct. False, with "what is wrong; remedy" in WHY, when TEXT
 * is not what S wants. */
bool conf_value_parse(const struct conf_setting *s, const char *text, void *item,
                      char why[CONF_WHY_MAX]);
void conf_value_free(const struct conf_setting *s, void *item);

/* What S takes, for people: "1..65535 ms", "yes or no", …; the same words serve as remedy. */
void conf_value_describe(const struct conf_setting *s, char *out, size_t size);

/* The name of the N that a person who typed TEXT may have meant, or NULL. NAME(LIST, i) gives the
 * i-th. */
typedef const char *conf_name_fn(const void *list, size_t i);
const char *conf_nearest(const char *text, conf_name_fn *name, const void *list, size_t n);

/* Where and how a load failed. */
struct conf_report {
    const char *path;
    char *err;
    size_t err_size;
    bool failed;
};

/* Writes "FILE:LINE: " ("FILE: " for line 0) and the text, unless there was a failure before.
 * Returns false. */
bool conf_fail(struct conf_report *r, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes what a file says. LABEL is "" when there is none. False, after conf_fail, ends the
 * reading. */
struct conf_sink {
    bool (*section)(void *ctx, int line, const char *name, const char *label);
    bool (*setting)(void *ctx, int line, const char *name, const char *value);
    void *ctx;
};

/* Reads REPORT->path. Returns the number of its last line. */
int conf_file_read(const struct conf_sink *sink, struct conf_report *report);

/* S, or the first behind it that is not retired: for (s = conf_next(all); s->name; s = conf_next(s
 * + 1)). */
static inline const struct conf_setting *conf_next(const struct conf_setting *s)
{
    while (s->name && s->retired)
        s++;
    return s;
}

size_t conf_count_sections(const struct conf_schema *schema);
size_t conf_count_settings(const struct conf_section *section);

#endif
