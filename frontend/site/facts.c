/* What is the same for all readers of a network's pages, kept by frontend/read/kept.h. */
#include "frontend/site/page.h"

#include <stdio.h>

enum { LATEST = 10, WEEK_DAYS = 7 };

/* A request that tries whether the database is back must ask it. */
enum db_result fact_get(struct site *p, kept_read_fn *read, size_t size, void *ret)
{
    return kept_get(p->s->kept, p->s->db, p->net->name, p->now_s, p->s->probing, read, size, ret);
}

/* --- single numbers --- */

#define FACT(name, TYPE, CALL)                                                                     \
    static enum db_result get_##name(struct db *db, const char *network, int64_t now_s, void *ret) \
    {                                                                                              \
        (void)now_s;                                                                               \
        return CALL;                                                                               \
    }                                                                                              \
    enum db_result fact_##name(struct site *p, TYPE *ret)                                          \
    {                                                                                              \
        return fact_get(p, get_##name, sizeof *ret, ret);                                          \
    }

static bool add_work(void *ctx, const struct read_hour *h)
{
    *(double *)ctx += h->difficulty;
    return true;
}

FACT(terms, struct read_terms, read_terms(db, network, ret))
FACT(pulse, struct read_pulse, read_pulse(db, network, now_s, ret))
FACT(chain, struct read_chain, read_chain(db, network, ret))
FACT(totals, struct read_totals, read_totals(db, network, ret))
FACT(sums, struct read_block_sums, read_block_sums(db, network, ret))
FACT(subsidy, uint64_t, read_subsidy(db, network, ret))
FACT(week_blocks, struct read_days, read_days(db, network, WEEK_DAYS, ret))
FACT(week_found, struct read_block_sum, read_found(db, network, WEEK_DAYS, ret))
FACT(day_work, double,
     read_hours(db, network, (uint64_t)now_s / 3600 + 1 - READ_HOURS, add_work, ret))
FACT(week_work, double,
     read_hours(db, network, (uint64_t)now_s / 3600 + 1 - (uint64_t)WEEK_DAYS * 24, add_work, ret))

/* --- the latest blocks --- */

struct block {
    uint64_t height, subsidy;
    double difficulty;
    bool has_time, has_finder;
    char hash[READ_HASH_SIZE], status[16], chain_time[READ_TIME_SIZE], created_at[READ_TIME_SIZE];
    char finder[ADDRESS_MAX_TEXT + 1];
};

struct latest {
    uint64_t n;
    struct block block[LATEST];
};

static void copy(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static bool take_block(void *ctx, const struct read_block *b)
{
    struct latest *l = ctx;
    struct block *to = &l->block[l->n++];

    to->height = b->height;
    to->subsidy = b->subsidy;
    to->difficulty = b->difficulty;
    to->has_time = b->chain_time != NULL;
    to->has_finder = b->finder != NULL;
    copy(to->hash, sizeof to->hash, b->hash);
    copy(to->status, sizeof to->status, b->status);
    copy(to->chain_time, sizeof to->chain_time, b->chain_time);
    copy(to->created_at, sizeof to->created_at, b->created_at);
    copy(to->finder, sizeof to->finder, b->finder);
    return l->n < LATEST;
}

static enum db_result get_latest(struct db *db, const char *network, int64_t now_s, void *ret)
{
    const struct page first = {.size = LATEST};

    (void)now_s;
    return read_blocks(db, network, &first, take_block, ret);
}

enum db_result fact_latest(struct site *p, uint64_t most, read_block_fn *fn, void *ctx)
{
    struct latest latest;
    enum db_result r = fact_get(p, get_latest, sizeof latest, &latest);

    for (uint64_t i = 0; i < latest.n && i < most; i++) {
        const struct block *b = &latest.block[i];
        const struct read_block row = {.height = b->height,
                                       .subsidy = b->subsidy,
                                       .difficulty = b->difficulty,
                                       .hash = b->hash,
                                       .status = b->status,
                                       .chain_time = b->has_time ? b->chain_time : NULL,
                                       .created_at = b->created_at,
                                       .finder = b->has_finder ? b->finder : NULL};

        if (!fn(ctx, &row))
            break;
    }
    return r;
}
