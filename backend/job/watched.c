#include "backend/job/watched.h"

#include "backend/job/signs.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/prom.h"
#include "common/metrics/listener.h"

#include <stdlib.h>
#include <string.h>

struct watched {
    struct listener *listener;
    size_t n;
    const struct producer *producer[];
};

/* Writes the values of one producer, whose labels are LABELS. */
typedef void producer_fn(struct prom *p, const struct producer *of, const char *const *labels);

#define SIGN(name)                                                                                 \
    static void write_##name(struct prom *p, const struct producer *of, const char *const *labels) \
    {                                                                                              \
        prom_value(p, "", labels, (double)atomic_load(&producer_signs(of)->name));                 \
    }

SIGN(leads)
SIGN(held)
SIGN(unpublished)
SIGN(made)
SIGN(refused)
SIGN(publish_failed)

static void write_silent(struct prom *p, const struct producer *of, const char *const *labels)
{
    prom_value(p, "", labels, (double)(clock_mono_ms() - producer_alive_ms(of)) / 1000);
}

static void write_making(struct prom *p, const struct producer *of, const char *const *labels)
{
    prom_histogram(p, labels, &producer_signs(of)->making_us, &histogram_time_us);
}

static const struct {
    const char *name, *type, *help;
    producer_fn *write;
} families[] = {
    {"penstock_jobs_leading", "gauge",
     "1: this program makes the network's jobs; 0: another one does.", write_leads},
    {"penstock_jobs_held", "gauge", "1: no wallet gives templates, or the database takes no job.",
     write_held},
    {"penstock_jobs_unpublished", "gauge", "1: the broker has not taken the newest job yet.",
     write_unpublished},
    {"penstock_jobs_made_total", "counter", "Jobs stored.", write_made},
    {"penstock_jobs_refused_total", "counter", "Templates that no job could be made of.",
     write_refused},
    {"penstock_jobs_publish_failures_total", "counter",
     "Attempts to publish a job that the broker did not confirm.", write_publish_failed},
    {"penstock_jobs_silent_seconds", "gauge", "Since the thread last showed that it runs.",
     write_silent},
    {"penstock_jobs_making_seconds", "histogram",
     "From a template to its job, stored and published.", write_making},
};

static bool write_all(void *ctx, struct buf *out)
{
    const struct watched *w = ctx;
    struct prom p = {.out = out};

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        prom_family(&p, families[i].name, families[i].type, families[i].help);
        for (size_t j = 0; j < w->n; j++)
            families[i].write(&p, w->producer[j],
                              PROM_LABELS("network", producer_network(w->producer[j])));
    }
    return !p.full;
}

struct watched *watched_open(const char *address, struct producer *const *producer, size_t n,
                             char *err, size_t err_size)
{
    struct watched *w = mem_zalloc(sizeof *w + n * sizeof(struct producer *));

    w->n = n;
    for (size_t i = 0; i < n; i++)
        w->producer[i] = producer[i];
    w->listener = listener_open(address, 1, write_all, w, err, err_size);
    if (w->listener == NULL)
        watched_close(&w);
    return w;
}

void watched_close(struct watched **w)
{
    if (*w == NULL)
        return;
    listener_close(&(*w)->listener);
    free(*w);
    *w = NULL;
}
