#include "frontend/live/net.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The settings were checked. */
static void set_up(struct net *net, const struct frontend_conf *conf,
                   const struct frontend_network *of)
{
    struct u256 target;

    net->name = of->base.label;
    net->aliases = &of->base.aliases;
    TAILQ_INIT(&net->held);
    char *wrong = network_rules(&of->base, &net->rules);
    bool good = u256_from_hex(of->share_target, strlen(of->share_target), &target);
    const char *unfit =
        vardiff_rules(&conf->vardiff, frontend_diff1_shift(of), &target, &net->vardiff);
    assert(!wrong && good && !unfit);
    (void)wrong, (void)good, (void)unfit;
}

struct net *nets_new(const struct frontend_conf *conf)
{
    const struct frontend_network *of = conf->networks.item;
    struct net *nets = mem_zalloc(conf->networks.n * sizeof *nets);

    for (size_t i = 0; i < conf->networks.n; i++)
        set_up(&nets[i], conf, &of[i]);
    return nets;
}

void nets_free(struct net **nets, size_t n)
{
    for (size_t i = 0; *nets && i < n; i++)
        tip_unref(&(*nets)[i].tip);
    free(*nets);
    *nets = NULL;
}

struct net *net_named(struct net *nets, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(nets[i].name, name) == 0)
            return &nets[i];
        for (size_t j = 0; j < nets[i].aliases->n; j++)
            if (strcmp(nets[i].aliases->word[j], name) == 0)
                return &nets[i];
    }
    return NULL;
}
