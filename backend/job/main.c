/* penstock-jobs: makes jobs for miners from the wallets' block templates. One producer per network
 * (producer.h), and a socket for those who say that there is a new block (datagram.h). */
#include "backend/daemon/daemon.h"
#include "backend/job/datagram.h"
#include "backend/job/producer.h"
#include "backend/job/watched.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"

#include <stdlib.h>
#include <string.h>

struct jobs {
    const struct backend_conf *conf;
    char *token; /* NULL: none is asked for */
    struct datagrams *datagrams;
    struct watched *watched; /* NULL: nobody is told metrics */
    size_t n;
    struct made_for {
        const struct backend_network *net;
        struct producer *producer;
    } item[];
};

static void free_jobs(struct jobs *all)
{
    for (size_t i = 0; i < all->n; i++)
        producer_close(&all->item[i].producer);
    secret_free(&all->token);
    free(all);
}

static void *open_jobs(const struct backend_conf *conf, char *err, size_t err_size)
{
    struct jobs *all = mem_zalloc(sizeof(*all) + conf->networks.n * sizeof(struct made_for));

    all->conf = conf;
    if (conf->jobs.token_file[0] != '\0') {
        all->token = secret_read(conf->jobs.token_file, err, err_size);
        if (all->token == NULL) {
            free_jobs(all);
            return NULL;
        }
    }
    for (size_t i = 0; i < conf->networks.n; i++) {
        const struct backend_network *net = backend_network_at(conf, i);
        struct made_for *next = &all->item[all->n];

        if (!producer_wanted(net))
            continue;
        *next = (struct made_for){net, producer_open(conf, net, err, err_size)};
        if (next->producer == NULL) {
            free_jobs(all);
            return NULL;
        }
        all->n++;
    }
    return all;
}

static bool means(const struct network_conf *net, const char *name)
{
    bool found = strcmp(net->label, name) == 0;

    for (size_t i = 0; i < net->aliases.n; i++)
        found = found || strcmp(net->aliases.word[i], name) == 0;
    return found;
}

static void poke(void *ctx, const char *component)
{
    const struct jobs *all = ctx;

    for (size_t i = 0; i < all->n; i++)
        if (means(&all->item[i].net->base, component))
            producer_poke(all->item[i].producer);
}

static void open_metrics(struct jobs *all)
{
    struct producer **producer = mem_resize(NULL, all->n + 1, sizeof(struct producer *));
    char err[256];

    for (size_t i = 0; i < all->n; i++)
        producer[i] = all->item[i].producer;
    all->watched = watched_open(all->conf->jobs.metrics, producer, all->n, err, sizeof(err));
    if (all->watched == NULL)
        log_error("jobs.no_metrics", LOG_STR("error", err));
    free(producer);
}

/* Without the socket it is only later that a new block is known: no reason not to work. */
static void start_jobs(void *ctx)
{
    struct jobs *all = ctx;
    const char *listen = all->conf->jobs.listen;
    char err[256];

    for (size_t i = 0; i < all->n; i++)
        producer_start(all->item[i].producer);
    if (all->conf->jobs.metrics[0] != '\0')
        open_metrics(all);
    if (listen[0] == '\0')
        return;
    all->datagrams =
        datagrams_open(listen, all->token != NULL ? all->token : "", poke, all, err, sizeof(err));
    if (all->datagrams == NULL)
        log_error("jobs.listen", LOG_STR("error", err));
}

static void close_jobs(void *ctx)
{
    struct jobs *all = ctx;

    watched_close(&all->watched);
    datagrams_close(&all->datagrams);
    for (size_t i = 0; i < all->n; i++)
        producer_stop(all->item[i].producer);
    for (size_t i = 0; i < all->n; i++)
        producer_join(all->item[i].producer);
    free_jobs(all);
}

static int64_t jobs_alive_ms(void *ctx)
{
    const struct jobs *all = ctx;
    int64_t oldest = clock_mono_ms();

    for (size_t i = 0; i < all->n; i++)
        if (producer_alive_ms(all->item[i].producer) < oldest)
            oldest = producer_alive_ms(all->item[i].producer);
    return oldest;
}

static size_t count_networks(void *ctx)
{
    return ((const struct jobs *)ctx)->n;
}

int main(int argc, char **argv)
{
    static const struct daemon_ops ops = {
        .program = "penstock-jobs",
        .text = "Makes jobs for miners from the wallets' block templates.",
        .name = "jobs",
        .held = "networks",
        .count = count_networks,
        .open = open_jobs,
        .start = start_jobs,
        .close = close_jobs,
        .alive_ms = jobs_alive_ms,
    };

    return daemon_main(&ops, argc, argv);
}
