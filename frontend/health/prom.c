#include "frontend/health/prom.h"

#include <stdio.h>
#include <string.h>

static void add(struct prom *p, const char *text, size_t len)
{
    if (!p->full)
        p->full = !buf_add(p->out, text, len);
}

static void add_text(struct prom *p, const char *text)
{
    add(p, text, strlen(text));
}

void prom_family(struct prom *p, const char *name, const char *type, const char *help)
{
    p->name = name;
    add_text(p, "# HELP ");
    add_text(p, name);
    add_text(p, " ");
    add_text(p, help);
    add_text(p, "\n# TYPE ");
    add_text(p, name);
    add_text(p, " ");
    add_text(p, type);
    add_text(p, "\n");
}

static void add_quoted(struct prom *p, const char *text)
{
    add_text(p, "\"");
    for (; *text; text++) {
        if (*text == '\n') {
            add_text(p, "\\n");
            continue;
        }
        if (*text == '"' || *text == '\\')
            add_text(p, "\\");
        add(p, text, 1);
    }
    add_text(p, "\"");
}

void prom_value(struct prom *p, const char *suffix, const char *const *labels, double value)
{
    char number[40];

    add_text(p, p->name);
    add_text(p, suffix);
    for (size_t i = 0; labels[i]; i += 2) {
        add_text(p, i == 0 ? "{" : ",");
        add_text(p, labels[i]);
        add_text(p, "=");
        add_quoted(p, labels[i + 1]);
    }
    snprintf(number, sizeof number, "%s %.17g\n", labels[0] ? "}" : "", value);
    add_text(p, number);
}
