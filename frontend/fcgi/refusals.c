#include "frontend/fcgi/refusals.h"

#include "common/base/log.h"

#include <assert.h>
#include <string.h>

void refusals_count(struct refusals *t, const char *name, int64_t now_ms)
{
    size_t i = 0;

    while (i < t->n && strcmp(t->name[i], name) != 0)
        i++;
    assert(i < REFUSALS_NAMES);
    if (i == t->n) {
        t->name[t->n++] = name;
        t->count[i] = 0;
    }
    t->count[i]++;
    if (t->due_ms == 0)
        t->due_ms = now_ms + REFUSALS_INTERVAL_MS;
}

int64_t refusals_wait_ms(const struct refusals *t, int64_t now_ms)
{
    if (t->due_ms == 0)
        return -1;
    return t->due_ms > now_ms ? t->due_ms - now_ms : 0;
}

/* A log line takes 16 fields. */
enum { PER_LINE = 12 };

static void log_line(const struct refusals *t, size_t from)
{
    struct log_field fields[PER_LINE + 2] = {LOG_UINT("requests", t->requests)};
    size_t n = 1;

    for (size_t i = from; i < t->n && i < from + PER_LINE; i++)
        fields[n++] = LOG_UINT(t->name[i], t->count[i]);
    fields[n] = (struct log_field){LOG_FIELD_END, NULL, {0}};
    log_event(LOG_LEVEL_WARNING, "frontend.refused", fields);
}

void refusals_log(struct refusals *t, int64_t now_ms, bool force)
{
    if (t->due_ms == 0 || (!force && now_ms < t->due_ms))
        return;
    for (size_t from = 0; from < t->n; from += PER_LINE)
        log_line(t, from);
    *t = (struct refusals){.n = 0};
}
