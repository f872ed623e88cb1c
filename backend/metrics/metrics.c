#include "backend/metrics/metrics.h"

#include "backend/metrics/stored.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/prom.h"
#include "common/metrics/listener.h"

#include <stdlib.h>

struct metrics {
    struct lane *const *lane;
    size_t lanes;
    struct stored *stored;
    struct listener *listener;
};

/* --- what lanes count --- */

/* Writes the values of one lane, whose labels are LABELS. */
typedef void lane_fn(struct prom *p, const struct lane *l, const char *const *labels);

static void write_accepted(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, (double)atomic_load(&lane_signs(l)->accepted));
}

static void write_rejected(struct prom *p, const struct lane *l, const char *const *labels)
{
    for (enum reason r = REASON_NONE + 1; r < REASONS; r++)
        prom_value(
            p, "",
            PROM_LABELS(labels[0], labels[1], labels[2], labels[3], "reason", reason_name(r)),
            (double)atomic_load(&lane_signs(l)->rejected[r]));
}

static void write_redelivered(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, (double)atomic_load(&lane_signs(l)->redelivered));
}

static void write_dead(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, (double)atomic_load(&lane_signs(l)->dead));
}

static void write_parked(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, (double)atomic_load(&lane_signs(l)->parked));
}

static void write_held(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, atomic_load(&lane_signs(l)->held));
}

static void write_silent(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_value(p, "", labels, (double)(clock_mono_ms() - lane_alive_ms(l)) / 1000);
}

static void write_batch_size(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_histogram(p, labels, &lane_signs(l)->batch_size, &histogram_count);
}

static void write_batch_time(struct prom *p, const struct lane *l, const char *const *labels)
{
    prom_histogram(p, labels, &lane_signs(l)->batch_us, &histogram_time_us);
}

struct wallets_of {
    struct prom *p;
    const char *const *labels;
};

static void write_latency(void *ctx, const char *wallet, const struct value_histogram *latency,
                          uint64_t failures)
{
    const struct wallets_of *w = ctx;

    (void)failures;
    prom_histogram(
        w->p, PROM_LABELS(w->labels[0], w->labels[1], w->labels[2], w->labels[3], "wallet", wallet),
        latency, &histogram_time_us);
}

static void write_failures(void *ctx, const char *wallet, const struct value_histogram *latency,
                           uint64_t failures)
{
    const struct wallets_of *w = ctx;

    (void)latency;
    prom_value(
        w->p, "",
        PROM_LABELS(w->labels[0], w->labels[1], w->labels[2], w->labels[3], "wallet", wallet),
        (double)failures);
}

static void write_wallet_latency(struct prom *p, const struct lane *l, const char *const *labels)
{
    chain_each_wallet(lane_chain(l), write_latency, &(struct wallets_of){p, labels});
}

static void write_wallet_failures(struct prom *p, const struct lane *l, const char *const *labels)
{
    chain_each_wallet(lane_chain(l), write_failures, &(struct wallets_of){p, labels});
}

static const struct {
    const char *name, *type, *help;
    lane_fn *write;
} families[] = {
    {"penstock_worker_accepted_total", "counter", "Solutions recorded as shares.", write_accepted},
    {"penstock_worker_rejected_total", "counter", "Solutions refused, by reason.", write_rejected},
    {"penstock_worker_redelivered_total", "counter",
     "Solutions that were settled before, and came again.", write_redelivered},
    {"penstock_worker_dead_total", "counter", "Messages that no worker can read.", write_dead},
    {"penstock_worker_parked", "gauge", "Solutions that wait for their parent block.",
     write_parked},
    {"penstock_worker_held", "gauge",
     "1: work waits for the database, a wallet, the broker or the archive.", write_held},
    {"penstock_worker_silent_seconds", "gauge", "Since the thread last showed that it runs.",
     write_silent},
    {"penstock_worker_batch_size", "histogram", "Solutions in a batch.", write_batch_size},
    {"penstock_worker_batch_seconds", "histogram",
     "From a batch's first step to its acknowledgement.", write_batch_time},
    {"penstock_wallet_seconds", "histogram", "Time that a wallet took to answer a request.",
     write_wallet_latency},
    {"penstock_wallet_failures_total", "counter",
     "Requests that a wallet did not answer, or not as a sound one.", write_wallet_failures},
};

static bool write_all(void *ctx, struct buf *out)
{
    struct metrics *m = ctx;
    struct prom p = {.out = out};

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        prom_family(&p, families[i].name, families[i].type, families[i].help);
        for (size_t j = 0; j < m->lanes; j++)
            families[i].write(
                &p, m->lane[j],
                PROM_LABELS("network", lane_network(m->lane[j]), "queue", lane_queue(m->lane[j])));
    }
    stored_write(m->stored, &p);
    return !p.full;
}

struct metrics *metrics_open(const struct backend_conf *conf, struct lane *const *lane,
                             size_t lanes, char *err, size_t err_size)
{
    struct metrics *m = mem_zalloc(sizeof *m);

    *m = (struct metrics){.lane = lane, .lanes = lanes};
    m->stored = stored_open(conf, err, err_size);
    if (m->stored != NULL)
        m->listener =
            listener_open(conf->worker.metrics, METRICS_PORTS, write_all, m, err, err_size);
    if (m->listener == NULL)
        metrics_close(&m);
    return m;
}

void metrics_close(struct metrics **m)
{
    if (*m == NULL)
        return;
    listener_close(&(*m)->listener);
    stored_close(&(*m)->stored);
    free(*m);
    *m = NULL;
}
