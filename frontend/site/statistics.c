/* /NETWORK/statistics/: how fast the pool and its network are, luck, what is to be expected. */
#include "frontend/site/page.h"

#include <stdio.h>

enum { TOP_MINERS = 15, LATEST_BLOCKS = 10 };

struct facts {
    struct read_pulse pulse;
    struct read_chain chain;
    struct read_totals totals;
    struct read_days days;       /* of the last seven */
    struct read_block_sum found; /* in the same time */
    double work;                 /* and what was done for it: hashes */
    uint64_t subsidy;
};

static enum db_result read_facts(struct site *p, struct facts *ret)
{
    enum db_result r = fact_pulse(p, &ret->pulse);

    if (r == DB_OK)
        r = fact_chain(p, &ret->chain);
    if (r == DB_OK)
        r = fact_totals(p, &ret->totals);
    if (r == DB_OK)
        r = fact_week_blocks(p, &ret->days);
    if (r == DB_OK)
        r = fact_week_found(p, &ret->found);
    if (r == DB_OK)
        r = fact_subsidy(p, &ret->subsidy);
    if (r == DB_OK)
        r = fact_week_work(p, &ret->work);
    return r;
}

static void write_now(struct site *p, const struct facts *f)
{
    html_raw(&p->h,
             "<section aria-labelledby=\"now\">\n<h2 id=\"now\">Now</h2>\n" TILES_BEGIN TILE_BEGIN(
                 "Pool hash rate"));
    part_rate(p, f->pulse.hash_rate);
    html_raw(&p->h, "<small>");
    /* two estimates: the part may come out larger than the whole */
    part_percent(p,
                 f->pulse.hash_rate < f->chain.hash_rate ? f->pulse.hash_rate : f->chain.hash_rate,
                 f->chain.hash_rate);
    html_raw(&p->h, " of the network</small>" TILE_END TILE_BEGIN("Network hash rate"));
    part_rate(p, f->chain.hash_rate);
    html_raw(&p->h, TILE_END TILE_BEGIN("Miners"));
    part_count(p, f->pulse.miners);
    html_raw(&p->h, "<small>");
    part_counted(p, f->pulse.workers, "worker");
    html_raw(&p->h, "</small>" TILE_END TILE_BEGIN("Shares per minute"));
    part_count(p, (uint64_t)(f->pulse.shares_per_second * 60 + 0.5));
    html_raw(&p->h, TILE_END TILE_BEGIN("Chain height"));
    part_count(p, f->chain.height);
    html_raw(&p->h, TILE_END TILE_BEGIN("Newest block of the chain"));
    part_time(p, f->chain.last_block);
    html_raw(&p->h, TILE_END TILES_END "</section>\n");
}

/* From the pool's speed and the chain's difficulty, both as they are now. */
static void write_forecast(struct site *p, const struct facts *f)
{
    double per_day = f->chain.difficulty > 0 ? f->pulse.hash_rate * 86400 / f->chain.difficulty : 0;
    char text[32];

    html_raw(
        &p->h,
        "<section aria-labelledby=\"luck\">\n<h2 id=\"luck\">Luck and forecast</h2>\n" TILES_BEGIN
            TILE_BEGIN("A block every"));
    if (per_day > 0)
        part_span(p, 86400 / per_day);
    else
        html_raw(&p->h, "<span class=\"none\">–</span>");
    html_raw(&p->h, "<small>expected, at this speed</small>" TILE_END TILE_BEGIN("Blocks per day"));
    if (per_day > 0 && per_day < 10)
        snprintf(text, sizeof text, "%.1f", per_day);
    else
        text[0] = '\0';
    html_text(&p->h, text);
    if (!text[0])
        part_count(p, per_day < 1e15 ? (uint64_t)per_day : 0);
    html_raw(&p->h, "<small>expected</small>" TILE_END TILE_BEGIN("Rewards per day"));
    part_estimate(p, per_day * (double)f->subsidy);
    html_raw(&p->h,
             "<small>expected, for all miners</small>" TILE_END TILE_BEGIN("Luck, last 7 days"));
    part_percent(p, f->found.difficulty, f->work);
    html_raw(&p->h, "<small>100 % is as expected, more is lucky</small>" TILE_END TILE_BEGIN(
                        "Pool's part of blocks"));
    part_percent(p, (double)f->days.pool_blocks, (double)f->days.blocks);
    html_raw(&p->h, "<small>");
    part_count(p, f->days.pool_blocks);
    html_raw(&p->h, " of ");
    part_count(p, f->days.blocks);
    html_raw(&p->h, " in 7 days</small>" TILE_END TILE_BEGIN("Lost blocks"));
    part_percent(p, (double)f->totals.lost,
                 (double)(f->totals.lost + f->totals.pending + f->totals.confirmed));
    html_raw(&p->h, "<small>");
    part_count(p, f->totals.lost);
    html_raw(&p->h, " since the pool began</small>" TILE_END TILES_END "</section>\n");
}

struct list {
    struct site *p;
    const struct facts *f;
    uint64_t rows;
};

static bool write_miner(void *ctx, const struct read_miner_rate *m)
{
    struct list *list = ctx;
    struct site *p = list->p;

    if (list->rows++ == 0)
        html_raw(
            &p->h,
            TABLE_BEGIN("The fastest miners in this hour and the one before") "<thead><tr>" COLUMN(
                "Miner") COLUMN_N("Hash rate")
                COLUMN_N("Shares per minute") "</tr></thead><tbody>\n");
    html_raw(&p->h, "<tr><th scope=\"row\">");
    part_miner(p, m->address);
    html_raw(&p->h, "</th><td class=\"n\">");
    part_rate(p, m->hash_rate);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_count(p, (uint64_t)(m->shares_per_second * 60 + 0.5));
    html_raw(&p->h, "</td></tr>\n");
    return true;
}

static enum db_result write_miners(struct site *p)
{
    const struct page first = {.size = TOP_MINERS};
    struct list list = {.p = p};

    html_raw(&p->h, "<section aria-labelledby=\"miners\">\n<h2 id=\"miners\">Miners</h2>\n");
    enum db_result r =
        read_miner_rates(p->s->db, p->net->name, p->now_s, &first, write_miner, &list);
    if (list.rows > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">Nobody is mining right now.</p>\n");
    html_raw(&p->h, "</section>\n");
    return r;
}

static bool write_block(void *ctx, const struct read_block *b)
{
    struct list *list = ctx;

    if (list->rows++ == 0)
        part_blocks_head(list->p);
    part_block(list->p, b, list->f->chain.height);
    return true;
}

static enum db_result write_blocks(struct site *p, const struct facts *f)
{
    struct list list = {.p = p, .f = f};

    html_raw(&p->h, "<section aria-labelledby=\"blocks\">\n<h2 id=\"blocks\">Latest blocks</h2>\n");
    enum db_result r = fact_latest(p, LATEST_BLOCKS, write_block, &list);
    if (list.rows > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">The pool has found no block yet.</p>\n");
    html_raw(&p->h, "</section>\n");
    return r;
}

static enum db_result write_plots(struct site *p, const struct facts *f)
{
    html_raw(&p->h, "<section aria-labelledby=\"time\">\n<h2 id=\"time\">Over time</h2>\n");
    enum db_result r = plot_pool(p, f->pulse.workers);
    if (r == DB_OK)
        r = plot_pool_week(p);
    if (r == DB_OK)
        r = plot_pool_days(p);
    html_raw(&p->h, "</section>\n");
    return r;
}

void site_statistics(struct service *s, const struct request *rq, struct reply *reply)
{
    struct facts facts = {0};
    struct site p;

    if (!site_begin(&p, 0, s, rq, reply))
        return;
    page_top(&p, TAB_STATISTICS, "Statistics");
    enum db_result r = read_facts(&p, &facts);
    write_now(&p, &facts);
    write_forecast(&p, &facts);
    if (r == DB_OK)
        r = write_plots(&p, &facts);
    if (r == DB_OK)
        r = write_blocks(&p, &facts);
    if (r == DB_OK)
        r = write_miners(&p);
    page_bottom(&p);
    site_end(&p, r);
}
