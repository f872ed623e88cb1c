/* The command line of a test tool, from one table: --NAME VALUE, --help and --version. What is
 * wrong with it ends the program with status 64 and a line that says so. */
#ifndef PENSTOCK_TESTS_TOOLS_LIB_TOOL_H
#define PENSTOCK_TESTS_TOOLS_LIB_TOOL_H

#include <stddef.h>
#include <stdint.h>

enum setting_type { TEXT, NUMBER, FLAG };

struct setting {
    const char *name, *value; /* VALUE: the default, then what was given; NULL: none */
    enum setting_type type;
    int64_t min, max;
    const char *help;
};

struct tool {
    const char *name, *synopsis; /* SYNOPSIS: the options that must be given */
    struct setting *settings;
    size_t n; /* at most TOOL_MAX_SETTINGS */
};

#define TOOL_MAX_SETTINGS 64

void tool_parse(const struct tool *t, int argc, char **argv);

/* The value of settings[I]; NULL: there is none. */
const char *tool_text(const struct tool *t, size_t i);
/* The same, which must be given and not empty. */
const char *tool_required(const struct tool *t, size_t i);
/* As a number within its bounds; -1: there is none. */
int64_t tool_number(const struct tool *t, size_t i);

/* Ends the program: the option NAME cannot be as it is. */
_Noreturn void tool_refuse(const struct tool *t, const char *name, const char *why);

#endif
