/* /api/pools/{id}/blocks, payments, performance, miners. */
#include "frontend/api/api.h"

#include <string.h>

enum { PERFORMANCE_HOURS = 24 };

/* --- blocks --- */

/* In the words that front ends know. */
static const char *block_status(const char *status)
{
    if (strcmp(status, "finished") == 0)
        return "confirmed";
    return strcmp(status, "stale") == 0 || strcmp(status, "orphaned") == 0 ? "orphaned" : "pending";
}

struct blocks {
    struct api *a;
    uint64_t top; /* height of the chain */
};

static double progress(const struct blocks *b, const struct read_block *block, const char *status)
{
    double wanted = (double)b->a->net->conf->maturity_blocks;
    double done = b->top >= block->height ? (double)(b->top - block->height + 1) : 0;

    if (strcmp(status, "orphaned") == 0)
        return 0;
    return strcmp(status, "confirmed") == 0 || done >= wanted ? 1 : done / wanted;
}

static bool write_block(void *ctx, const struct read_block *block)
{
    const struct blocks *b = ctx;
    struct jsonw *j = &b->a->j;
    const char *status = block_status(block->status);

    jsonw_object_begin(j, NULL);
    jsonw_text(j, "poolId", b->a->net->name);
    jsonw_uint(j, "blockHeight", block->height);
    jsonw_real(j, "networkDifficulty", block->difficulty);
    jsonw_text(j, "status", status);
    jsonw_real(j, "confirmationProgress", progress(b, block, status));
    jsonw_amount(j, "reward", (int64_t)block->subsidy, api_decimals(b->a));
    jsonw_text(j, "hash", block->hash);
    api_link(j, "infoLink", b->a->net->conf->block_url, block->hash);
    jsonw_text(j, "miner", block->finder);
    jsonw_time(j, "created", block->chain_time ? block->chain_time : block->created_at);
    jsonw_object_end(j);
    return true;
}

void api_blocks(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_chain chain;
    struct api a;

    if (!api_begin(&a, API_NETWORK | API_PAGE, s, rq, reply))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_chain(s->db, a.net->name, &chain);
    struct blocks b = {&a, chain.height};
    if (r == DB_OK)
        r = read_blocks(s->db, a.net->name, &a.page, write_block, &b);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}

/* --- payments --- */

void api_payments(struct service *s, const struct request *rq, struct reply *reply)
{
    struct api a;

    if (!api_begin(&a, API_NETWORK | API_PAGE, s, rq, reply))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_payments(s->db, a.net->name, NULL, &a.page, api_payment, &a);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}

/* --- performance --- */

static bool write_hour(void *ctx, const struct read_hour *h)
{
    struct jsonw *j = ctx;

    jsonw_object_begin(j, NULL);
    jsonw_real(j, "poolHashrate", h->difficulty / 3600);
    jsonw_uint(j, "connectedMiners", h->miners);
    jsonw_uint(j, "connectedWorkers", h->workers);
    jsonw_real(j, "validSharesPerSecond", (double)h->shares / 3600);
    jsonw_real(j, "invalidSharesPerSecond", (double)h->rejected / 3600);
    jsonw_uint(j, "networkBlocks", h->blocks);
    jsonw_uint(j, "poolBlocks", h->pool_blocks);
    api_hour(j, "created", h->hour);
    jsonw_object_end(j);
    return true;
}

void api_performance(struct service *s, const struct request *rq, struct reply *reply)
{
    struct api a;

    if (!api_begin(&a, API_NETWORK, s, rq, reply))
        return;
    jsonw_object_begin(&a.j, NULL);
    jsonw_array_begin(&a.j, "stats");
    enum db_result r = read_hours(s->db, a.net->name, (uint64_t)a.now_s / 3600 - PERFORMANCE_HOURS,
                                  write_hour, &a.j);
    jsonw_array_end(&a.j);
    jsonw_object_end(&a.j);
    api_end(&a, r);
}

/* --- miners --- */

void api_miners(struct service *s, const struct request *rq, struct reply *reply)
{
    struct api a;

    if (!api_begin(&a, API_NETWORK | API_PAGE, s, rq, reply))
        return;
    jsonw_array_begin(&a.j, NULL);
    enum db_result r = read_miner_rates(s->db, a.net->name, a.now_s, &a.page, api_miner_rate, &a.j);
    jsonw_array_end(&a.j);
    api_end(&a, r);
}
