#include "common/base/prom.h"

#include <assert.h>
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

void prom_histogram(struct prom *p, const char *const *labels, const struct value_histogram *h,
                    const struct histogram_scale *scale)
{
    const char *all[2 * PROM_MAX_LABELS + 3] = {NULL};
    char bound[32];
    uint64_t count = 0;
    size_t n = 0;

    for (; labels[n]; n++) {
        assert(n < 2 * (size_t)PROM_MAX_LABELS);
        all[n] = labels[n];
    }
    all[n] = "le";
    all[n + 1] = bound;
    for (size_t i = 0; i <= HISTOGRAM_CLASSES; i++) {
        count += atomic_load(&h->in[i]);
        if (i < HISTOGRAM_CLASSES)
            snprintf(bound, sizeof bound, "%g", (double)scale->bound[i] / scale->unit);
        else
            snprintf(bound, sizeof bound, "+Inf");
        prom_value(p, "_bucket", all, (double)count);
    }
    prom_value(p, "_sum", labels, (double)atomic_load(&h->sum) / scale->unit);
    prom_value(p, "_count", labels, (double)count);
}
