/*
 * Settings. A program has one schema; each setting is declared once in it, with type, unit, range,
 * default and text. The reader, the error messages, the example file, the manual page and
 * --help all come from there.
 *
 * File format: INI (libinih). Sections are [name], or [name LABEL] for those that may repeat; a
 * label is of a-z, 0-9 and '-', 1 to 32 characters. Lines that start with '#' or ';' are comments.
 *
 * To add a setting: one member in the section's struct, one row in its table.
 */
#ifndef PENSTOCK_COMMON_CONF_CONF_H
#define PENSTOCK_COMMON_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum conf_type {
    CONF_INT,    /* int64_t; MIN..MAX apply */
    CONF_BOOL,   /* bool; yes, no, true, false, on, off, 1, 0 */
    CONF_STRING, /* char *; MIN..MAX bound its length */
    CONF_PATH,   /* char *; absolute, or empty if the default is empty */
    CONF_WORDS,  /* struct conf_words; separated by white space; MIN..MAX bound their number */
    CONF_CHOICE, /* int64_t index into CHOICES */
    CONF_U256,   /* char[65]; 64 hexadecimal digits, stored in lower case, or empty like a path */
};

struct conf_words {
    char **word;
    size_t n;
};

struct conf_setting {
    const char *name;
    enum conf_type type;
    size_t offset;    /* of the member in the section's struct */
    const char *unit; /* "ms", "bytes", …; NULL when it has none */
    int64_t min, max;
    const char *deflt;          /* as it would stand in the file; NULL: the setting must be given */
    const char *text;           /* one sentence for the example file and --help */
    const char *const *choices; /* NULL-terminated, for CONF_CHOICE */
    const char *example;        /* shown in the example file where there is no default */
    const char *retired; /* why it is a setting no more: an old file that gives it is warned of on
                            stderr, and nothing is stored. Only the name stands beside it */
};

struct conf_section {
    const char *name;
    const char *text;
    bool repeated; /* [name LABEL]: stored as a struct conf_list of items */
    size_t
        offset; /* in the program's struct: of the section's struct, or of its struct conf_list */
    size_t item_size; /* repeated: bytes of one item, whose first member is `char *label` */
    const struct conf_setting *settings; /* ends with a NULL name */
};

struct conf_list {
    void *item; /* array of the section's struct, in the file's order */
    size_t n;
};

struct conf_schema {
    const char *program;
    const char *text;
    size_t size;                                /* of the program's struct */
    const struct conf_section *const *sections; /* ends with NULL */
    bool partial; /* the file is another program's: sections that are not listed are passed over */
    /* Checks across settings, or NULL. Returns NULL, or a malloc'd message naming section, setting
     * and remedy. */
    char *(*check)(const void *conf);
};

/* Reads PATH into a zeroed, newly allocated struct of schema->size. NULL, with one line that names
 * file, line and remedy in ERR, when anything is wrong: unknown section or setting, a setting given
 * twice, out of range, missing. */
void *conf_load(const struct conf_schema *schema, const char *path, char *err, size_t err_size);
void conf_free(const struct conf_schema *schema, void *conf);

/* A complete, commented example file, which conf_load accepts once the required settings are filled
 * in. */
void conf_print_example(const struct conf_schema *schema, FILE *out);
/* The same settings as an aligned table, for --help. */
void conf_print_help(const struct conf_schema *schema, FILE *out);
/* The same settings as sections of a manual page, in troff's man macros. */
void conf_print_man(const struct conf_schema *schema, FILE *out);

#endif
