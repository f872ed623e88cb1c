/* penstock-worker: validates queued solutions and records them as shares. Three lanes per network
 * (lane.h). */
#include "backend/daemon/daemon.h"
#include "backend/metrics/metrics.h"
#include "backend/worker/lane.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <malloc.h>
#include <stdlib.h>

/* Whatever is longer is given back to the system once it is free. glibc would raise this bound with
 * the first long message, and keep the room for as many of them as ever were there at once. */
#define MMAP_FROM (128 * 1024)

struct lanes {
    const struct backend_conf *conf;
    struct metrics *metrics; /* NULL: none */
    size_t n;
    struct lane *lane[];
};

static void free_lanes(struct lanes *all)
{
    for (size_t i = 0; i < all->n; i++)
        lane_close(&all->lane[i]);
    free(all);
}

static void *open_lanes(const struct backend_conf *conf, char *err, size_t err_size)
{
    const size_t n = conf->networks.n * NETWORK_QUEUES;
    struct lanes *all = mem_zalloc(sizeof(*all) + n * sizeof(struct lane *));

    all->conf = conf;
    for (; all->n < n; all->n++) {
        struct lane **next = &all->lane[all->n];

        *next = lane_open(conf, backend_network_at(conf, all->n / NETWORK_QUEUES),
                          (enum network_queue)(all->n % NETWORK_QUEUES), err, err_size);
        if (*next == NULL) {
            free_lanes(all);
            return NULL;
        }
    }
    return all;
}

/* A worker that cannot be watched works all the same. */
static void open_metrics(struct lanes *all)
{
    char err[512];

    if (*all->conf->worker.metrics == '\0')
        return;
    all->metrics = metrics_open(all->conf, all->lane, all->n, err, sizeof(err));
    if (all->metrics == NULL)
        log_error("worker.no_metrics", LOG_STR("error", err));
}

static void start_lanes(void *ctx)
{
    struct lanes *all = ctx;

    for (size_t i = 0; i < all->n; i++)
        lane_start(all->lane[i]);
    open_metrics(all);
}

static void close_lanes(void *ctx)
{
    struct lanes *all = ctx;

    metrics_close(&all->metrics);
    for (size_t i = 0; i < all->n; i++)
        lane_stop(all->lane[i]);
    for (size_t i = 0; i < all->n; i++)
        lane_join(all->lane[i]);
    free_lanes(all);
}

static int64_t lanes_alive_ms(void *ctx)
{
    const struct lanes *all = ctx;
    int64_t oldest = clock_mono_ms();

    for (size_t i = 0; i < all->n; i++)
        if (lane_alive_ms(all->lane[i]) < oldest)
            oldest = lane_alive_ms(all->lane[i]);
    return oldest;
}

static size_t count_networks(void *ctx)
{
    return ((const struct lanes *)ctx)->conf->networks.n;
}

int main(int argc, char **argv)
{
    static const struct daemon_ops ops = {
        .program = "penstock-worker",
        .text = "Validates the solutions that frontends queued and records them as shares.",
        .name = "worker",
        .held = "networks",
        .count = count_networks,
        .open = open_lanes,
        .start = start_lanes,
        .close = close_lanes,
        .alive_ms = lanes_alive_ms,
    };

    mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    return daemon_main(&ops, argc, argv);
}
