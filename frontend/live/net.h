/* The networks as their settings describe them, and what of each is known and waited for now. */
#ifndef PENSTOCK_FRONTEND_LIVE_NET_H
#define PENSTOCK_FRONTEND_LIVE_NET_H

#include "frontend/conf/settings.h"
#include "frontend/getwork/vardiff.h"
#include "frontend/live/caller.h"

struct net {
    const char *name;
    const struct conf_words *aliases;
    struct address_rules rules;
    struct vardiff vardiff;
    /* of the loop's thread */
    struct tip *tip; /* the newest job; NULL: none yet */
    struct callers held;
    size_t held_n;
};

/* As many as CONF, which is checked, has networks; free with nets_free(). */
struct net *nets_new(const struct frontend_conf *conf);
void nets_free(struct net **nets, size_t n);

/* The one of that name or alias; NULL: none. */
struct net *net_named(struct net *nets, size_t n, const char *name);

#endif
