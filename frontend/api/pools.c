/* /api/pools and /api/pools/{id}: the networks that the pool serves, each with its pulse. */
#include "frontend/api/api.h"

struct pool_facts {
    struct read_pulse pulse;
    struct read_chain chain;
    struct read_totals totals;
    struct read_terms terms;
};

static const char *or_else(const char *text, const char *other)
{
    return *text ? text : other;
}

/* A time that is "" is none. */
static const char *time_of(const char *text)
{
    return *text ? text : NULL;
}

static enum db_result read_facts(const struct api *a, struct pool_facts *ret)
{
    enum db_result r = read_pulse(a->s->db, a->net->name, a->now_s, &ret->pulse);

    if (r == DB_OK)
        r = read_chain(a->s->db, a->net->name, &ret->chain);
    if (r == DB_OK)
        r = read_totals(a->s->db, a->net->name, &ret->totals);
    if (r == DB_OK)
        r = read_terms(a->s->db, a->net->name, &ret->terms);
    return r;
}

static void write_coin(struct api *a)
{
    const struct frontend_network *conf = a->net->conf;
    const char *name = or_else(conf->coin_name, a->net->name);

    jsonw_object_begin(&a->j, "coin");
    jsonw_text(&a->j, "type", or_else(conf->coin_symbol, name));
    jsonw_text(&a->j, "name", name);
    jsonw_text(&a->j, "symbol", conf->coin_symbol);
    jsonw_uint(&a->j, "decimals", (uint64_t)conf->coin_decimals);
    jsonw_object_end(&a->j);
}

/* null: the backend has not told them yet. */
static void write_payment_rules(struct api *a, const struct read_terms *t)
{
    const struct frontend_network *conf = a->net->conf;

    jsonw_object_begin(&a->j, "paymentProcessing");
    jsonw_bool(&a->j, "enabled", true);
    if (t->known)
        jsonw_amount(&a->j, "minimumPayment", t->minimum_payout, api_decimals(a));
    else
        jsonw_null(&a->j, "minimumPayment");
    jsonw_text(&a->j, "payoutScheme", t->known ? t->scheme : NULL);
    jsonw_uint(&a->j, "confirmations", (uint64_t)conf->maturity_blocks);
    jsonw_object_end(&a->j);
    if (t->known)
        jsonw_real(&a->j, "poolFeePercent", (double)t->fee_bp / 100);
    else
        jsonw_null(&a->j, "poolFeePercent");
    jsonw_text(&a->j, "address", a->net->pool_address);
    api_link(&a->j, "addressInfoLink", conf->address_url, a->net->pool_address);
}

static void write_stats(struct api *a, const struct pool_facts *f)
{
    jsonw_object_begin(&a->j, "poolStats");
    jsonw_uint(&a->j, "connectedMiners", f->pulse.miners);
    jsonw_uint(&a->j, "connectedWorkers", f->pulse.workers);
    jsonw_real(&a->j, "poolHashrate", f->pulse.hash_rate);
    jsonw_real(&a->j, "sharesPerSecond", f->pulse.shares_per_second);
    jsonw_object_end(&a->j);
    jsonw_object_begin(&a->j, "networkStats");
    jsonw_text(&a->j, "networkType", a->net->name);
    jsonw_real(&a->j, "networkHashrate", f->chain.hash_rate);
    jsonw_real(&a->j, "networkDifficulty", f->chain.difficulty);
    jsonw_uint(&a->j, "blockHeight", f->chain.height);
    jsonw_time(&a->j, "lastNetworkBlockTime", time_of(f->chain.last_block));
    jsonw_object_end(&a->j);
}

static void write_totals(struct api *a, const struct read_totals *t)
{
    jsonw_amount(&a->j, "totalPaid", (int64_t)t->paid, api_decimals(a));
    jsonw_uint(&a->j, "totalBlocks", t->confirmed + t->pending);
    jsonw_uint(&a->j, "totalConfirmedBlocks", t->confirmed);
    jsonw_uint(&a->j, "totalPendingBlocks", t->pending);
    jsonw_uint(&a->j, "totalOrphanedBlocks", t->lost);
    jsonw_time(&a->j, "lastPoolBlockTime", time_of(t->last_block));
}

/* One pool; the miners at its top only where it is asked for by itself. */
static enum db_result write_pool(struct api *a, const char *key, bool top)
{
    const struct page first = {.offset = 0, .size = PAGE_DEFAULT_SIZE};
    struct pool_facts facts = {0}; /* what comes after a read that failed */
    enum db_result r = read_facts(a, &facts);

    jsonw_object_begin(&a->j, key);
    jsonw_text(&a->j, "id", a->net->name);
    write_coin(a);
    write_payment_rules(a, &facts.terms);
    write_stats(a, &facts);
    write_totals(a, &facts.totals);
    if (top) {
        jsonw_array_begin(&a->j, "topMiners");
        if (r == DB_OK)
            r = read_miner_rates(a->s->db, a->net->name, a->now_s, &first, api_miner_rate, &a->j);
        jsonw_array_end(&a->j);
    }
    jsonw_object_end(&a->j);
    return r;
}

void api_pools(struct service *s, const struct request *rq, struct reply *reply)
{
    enum db_result r = DB_OK;
    struct api a;

    if (!api_begin(&a, 0, s, rq, reply))
        return;
    jsonw_object_begin(&a.j, NULL);
    jsonw_array_begin(&a.j, "pools");
    for (size_t i = 0; i < s->networks_n && r == DB_OK; i++) {
        a.net = &s->networks[i];
        r = write_pool(&a, NULL, false);
    }
    jsonw_array_end(&a.j);
    jsonw_object_end(&a.j);
    api_end(&a, r);
}

void api_pool(struct service *s, const struct request *rq, struct reply *reply)
{
    struct api a;

    if (!api_begin(&a, API_NETWORK, s, rq, reply))
        return;
    jsonw_object_begin(&a.j, NULL);
    enum db_result r = write_pool(&a, "pool", true);
    jsonw_object_end(&a.j);
    api_end(&a, r);
}
