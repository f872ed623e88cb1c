#include "backend/chain/family.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_TIMEOUT_MS 1000 /* at a wallet that is not in use */

/* One row per family. */
static const struct chain_ops *const families[] = {&bitcoin_ops, &biblepay_ops};

static const struct chain_ops *family_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strcmp(families[i]->family, name) == 0)
            return families[i];
    return NULL;
}

struct chain *chain_open(const struct backend_conf *conf, const struct backend_network *net,
                         char *err, size_t err_size)
{
    struct chain *c = mem_zalloc(sizeof(*c));
    const char *wrong;

    c->net = net;
    c->ops = family_by_name(chain_family_names[net->family]);
    assert(c->ops != NULL); /* a choice of the setting */
    c->wallets = wallets_open(conf, net->base.label, err, err_size);
    if (c->wallets == NULL) {
        free(c);
        return NULL;
    }
    wrong = c->ops->open(c);
    if (wrong != NULL) {
        snprintf(err, err_size, "[network %s]: %s", net->base.label, wrong);
        wallets_close(&c->wallets);
        free(c);
        return NULL;
    }
    return c;
}

void chain_close(struct chain **c)
{
    if (*c == NULL)
        return;
    (*c)->ops->close(*c);
    wallets_close(&(*c)->wallets);
    free(*c);
    *c = NULL;
}

const char *chain_error(const struct chain *c)
{
    return c->error;
}

enum chain_result chain_hold(struct chain *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->error, sizeof(c->error), format, args);
    va_end(args);
    return CHAIN_HOLD;
}

static enum chain_result hold_for_db(struct chain *c, struct db *db, enum db_result r)
{
    return chain_hold(c, "database: %s: %s", db_result_name(r), db_error(db));
}

static bool look_at(struct chain *c, struct wallet *w, int64_t timeout_ms, struct tip *tip,
                    char *why, size_t why_size)
{
    bool fit = c->ops->tip(c, w, timeout_ms, tip, why, why_size);

    w->height = fit ? tip->height : -1;
    if (fit)
        w->look_ms = clock_mono_ms() + WALLET_LOOK_MS;
    return fit;
}

/* The greatest height that the pool has seen, or a wallet behind the first N in ORDER has named. A
 * wallet that lost its chain answers with a lower one while it catches up. */
static int64_t known_height(const struct chain *c, struct wallet **order, size_t n)
{
    int64_t height = tips_greatest(&c->tips);

    for (size_t i = n; i < c->wallets->n; i++)
        if (!order[i]->away && order[i]->height > height)
            height = order[i]->height;
    return height;
}

/* Asks one after the other until one will do. */
static enum chain_result choose_wallet(struct chain *c, struct tip *ret)
{
    size_t n = c->wallets->n, asked = 0, chosen = n;
    struct wallet *order[n];
    struct wallet_view view[n];
    struct tip tip[n];
    char first[200], why[200];

    assert(n > 0); /* backend_conf_check() */
    wallets_order(c->wallets, order);
    while (asked < n && chosen == n) {
        size_t i = asked++;

        view[i] = (struct wallet_view){look_at(c, order[i], 0, &tip[i], why, sizeof(why)), 0};
        if (view[i].fit)
            view[i].height = tip[i].height;
        else if (i == 0)
            memcpy(first, why, sizeof(first));
        chosen = wallets_choose(view, asked, known_height(c, order, asked));
        chosen = chosen == asked ? n : chosen;
    }
    if (chosen == n)
        return view[0].fit ? chain_hold(c, "wallet %s is at height %lld, the pool has seen %lld",
                                        order[0]->conf->label, (long long)view[0].height,
                                        (long long)known_height(c, order, 0))
                           : chain_hold(c, "%s", first);
    if (c->best != order[chosen])
        log_info("wallet.chosen", LOG_STR("network", c->net->base.label),
                 LOG_STR("wallet", order[chosen]->conf->label));
    c->best = order[chosen];
    c->height = tip[chosen].height;
    *ret = tip[chosen];
    return CHAIN_OK;
}

void chain_tend(struct chain *c)
{
    for (size_t i = 0; i < c->wallets->n; i++) {
        struct wallet *w = &c->wallets->wallet[i];
        struct tip tip;
        char why[200];

        if (w != c->best && clock_mono_ms() >= w->look_ms)
            look_at(c, w, LOOK_TIMEOUT_MS, &tip, why, sizeof(why));
    }
}

/* Which wallet to believe also follows from the heights that the pool has seen. */
static enum chain_result look(struct chain *c, struct db *db, struct tip *ret)
{
    enum db_result r = DB_OK;

    if (!c->tips.loaded)
        r = tips_load(&c->tips, db, c->net->base.label);
    return r == DB_OK ? choose_wallet(c, ret) : hold_for_db(c, db, r);
}

enum chain_result chain_look(struct chain *c, struct db *db)
{
    struct tip tip;

    return look(c, db, &tip);
}

enum chain_result chain_refresh(struct chain *c, struct db *db)
{
    const char *network = c->net->base.label;
    enum db_result r;
    struct tip tip;

    if (look(c, db, &tip) != CHAIN_OK)
        return CHAIN_HOLD;
    if (tips_find(&c->tips, &tip.hash) == NULL) {
        if (c->ops->next_bits != NULL)
            c->ops->next_bits(c, &tip);
        r = tips_record(&c->tips, db, network, &tip);
        if (r != DB_OK)
            return hold_for_db(c, db, r);
        log_info("chain.tip", LOG_STR("network", network), LOG_INT("height", tip.height),
                 LOG_STR("wallet", c->best->conf->label));
    }
    c->tips.current = tip.hash;
    return CHAIN_OK;
}

enum chain_result chain_check(struct chain *c, struct db *db, struct share **shares, size_t n)
{
    return c->ops->check(c, db, shares, n);
}

enum chain_result chain_submit(struct chain *c, struct share **shares, size_t n)
{
    return c->ops->submit(c, shares, n);
}

void chain_hash_jobs(struct chain *c, struct share **shares, size_t n)
{
    if (c->ops->hash_jobs != NULL)
        c->ops->hash_jobs(c, shares, n);
}

bool chain_claims_block(const struct chain *c, const struct share *s)
{
    return c->ops->claims_block != NULL && c->ops->claims_block(c, s);
}

void chain_each_wallet(const struct chain *c, chain_wallet_fn *fn, void *ctx)
{
    for (size_t i = 0; i < c->wallets->n; i++) {
        const struct wallet *w = &c->wallets->wallet[i];

        fn(ctx, w->conf->label, &w->latency, atomic_load(&w->failures));
    }
}
