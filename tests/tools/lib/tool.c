#include "tests/tools/lib/tool.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static void usage(const struct tool *t)
{
    printf("usage: %s %s [OPTION...]\n", t->name, t->synopsis);
    for (size_t i = 0; i < t->n; i++) {
        const struct setting *s = &t->settings[i];
        if (s->value != NULL && s->value[0])
            printf("  --%-20s %s [%s]\n", s->name, s->help, s->value);
        else
            printf("  --%-20s %s\n", s->name, s->help);
    }
}

void tool_refuse(const struct tool *t, const char *name, const char *why)
{
    fprintf(stderr, "%s: --%s: %s (see --help)\n", t->name, name, why);
    exit(64);
}

void tool_parse(const struct tool *t, int argc, char **argv)
{
    struct option table[TOOL_MAX_SETTINGS + 3] = {{0}};
    int index, c;

    assert(t->n <= TOOL_MAX_SETTINGS);
    for (size_t i = 0; i < t->n; i++)
        table[i] =
            (struct option){t->settings[i].name,
                            t->settings[i].type == FLAG ? no_argument : required_argument, NULL, 0};
    table[t->n] = (struct option){"help", no_argument, NULL, 'h'};
    table[t->n + 1] = (struct option){"version", no_argument, NULL, 'v'};
    while ((c = getopt_long(argc, argv, "h", table, &index)) != -1) {
        if (c == 'h') {
            usage(t);
            exit(0);
        }
        if (c == 'v') {
            printf("%s " PENSTOCK_VERSION "\n", t->name);
            exit(0);
        }
        if (c != 0)
            exit(64); /* getopt_long() has said why */
        t->settings[index].value = optarg ? optarg : "yes";
    }
    if (optind < argc) {
        fprintf(stderr, "%s: what is %s? (see --help)\n", t->name, argv[optind]);
        exit(64);
    }
}

const char *tool_text(const struct tool *t, size_t i)
{
    return t->settings[i].value;
}

const char *tool_required(const struct tool *t, size_t i)
{
    const struct setting *s = &t->settings[i];

    if (s->value == NULL || !s->value[0])
        tool_refuse(t, s->name, "must be given");
    return s->value;
}

int64_t tool_number(const struct tool *t, size_t i)
{
    const struct setting *s = &t->settings[i];
    char *end;

    if (s->value == NULL)
        return -1;
    errno = 0;
    long long n = strtoll(s->value, &end, 10);
    if (errno != 0 || end == s->value || *end != '\0' || n < s->min || n > s->max)
        tool_refuse(t, s->name, "not a number, or out of range");
    return n;
}
