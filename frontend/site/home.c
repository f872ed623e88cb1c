/* /NETWORK/: the address form and the pool's pulse. */
#include "frontend/site/format.h"
#include "frontend/site/page.h"

#include <stdio.h>
#include <string.h>

enum { LATEST_BLOCKS = 5 };

struct facts {
    struct read_pulse pulse;
    struct read_chain chain;
    struct read_totals totals;
    struct read_terms terms;
};

static enum db_result read_facts(struct site *p, struct facts *ret)
{
    enum db_result r = fact_pulse(p, &ret->pulse);

    if (r == DB_OK)
        r = fact_chain(p, &ret->chain);
    if (r == DB_OK)
        r = fact_totals(p, &ret->totals);
    if (r == DB_OK)
        r = fact_terms(p, &ret->terms);
    return r;
}

static const struct {
    const char *name, *words;
} schemes[] = {
    {"prop", "proportional: a block's reward is split by the shares since the block before it"},
    {"pplns", "PPLNS: a block's reward is split by the last shares before it"},
    {"solo", "solo: a block's reward is its finder's"},
};

static const char *scheme_words(const char *name)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcmp(schemes[i].name, name) == 0)
            return schemes[i].words;
    return name;
}

static void write_told_terms(struct site *p, const struct read_terms *t)
{
    char fee[FORMAT_SIZE];

    format_bp(t->fee_bp, fee);
    html_raw(&p->h, "<li>Fee: <strong>");
    html_text(&p->h, fee);
    html_raw(&p->h, "</strong></li>\n<li>Rewards are ");
    html_text(&p->h, scheme_words(t->scheme));
    html_raw(&p->h, ".</li>\n<li>You are paid from a balance of <strong>");
    part_amount(p, t->minimum_payout);
    html_raw(&p->h, "</strong> on.</li>\n");
}

static void write_terms(struct site *p, const struct read_terms *t)
{
    html_raw(&p->h, "<section aria-labelledby=\"terms\">\n<h2 id=\"terms\">Terms</h2>\n<ul>\n");
    if (t->known)
        write_told_terms(p, t);
    html_raw(&p->h, "<li>A block is split up once it has ");
    part_count(p, (uint64_t)p->net->conf->maturity_blocks);
    html_raw(&p->h, " confirmations.</li>\n</ul>\n");
    if (!t->known)
        html_raw(&p->h, "<p class=\"empty\">Fee, split and minimum will be told here soon.</p>\n");
    html_raw(&p->h, "</section>\n");
}

static void write_pulse(struct site *p, const struct facts *f)
{
    html_raw(&p->h,
             "<section aria-labelledby=\"pulse\">\n<h2 id=\"pulse\">The pool now</h2>\n" TILES_BEGIN
                 TILE_BEGIN("Pool hash rate"));
    part_rate(p, f->pulse.hash_rate);
    html_raw(&p->h, TILE_END TILE_BEGIN("Miners"));
    part_count(p, f->pulse.miners);
    html_raw(&p->h, "<small>");
    part_counted(p, f->pulse.workers, "worker");
    html_raw(&p->h, "</small>" TILE_END TILE_BEGIN("Blocks found"));
    part_count(p, f->totals.confirmed + f->totals.pending);
    html_raw(&p->h, "<small>");
    part_count(p, f->totals.pending);
    html_raw(&p->h, " maturing</small>" TILE_END TILE_BEGIN("Last block"));
    part_time(p, f->totals.last_block);
    html_raw(&p->h, TILE_END TILE_BEGIN("Paid to miners"));
    part_amount(p, (int64_t)f->totals.paid);
    html_raw(&p->h, TILE_END TILE_BEGIN("Network hash rate"));
    part_rate(p, f->chain.hash_rate);
    html_raw(&p->h, "<small>height ");
    part_count(p, f->chain.height);
    html_raw(&p->h, "</small>" TILE_END TILES_END);
}

struct blocks {
    struct site *p;
    uint64_t height, rows;
};

static bool write_block(void *ctx, const struct read_block *b)
{
    struct blocks *blocks = ctx;

    if (blocks->rows++ == 0)
        part_blocks_head(blocks->p);
    part_block(blocks->p, b, blocks->height);
    return true;
}

static enum db_result write_latest(struct site *p, uint64_t height)
{
    struct blocks blocks = {.p = p, .height = height};

    html_raw(&p->h, "<section aria-labelledby=\"latest\">\n<h2 id=\"latest\">Latest blocks</h2>\n");
    enum db_result r = fact_latest(p, LATEST_BLOCKS, write_block, &blocks);
    if (blocks.rows == 0) {
        html_raw(&p->h, "<p class=\"empty\">The pool has found no block yet.</p>\n");
    } else {
        html_raw(&p->h, TABLE_END "<p><a href=\"");
        page_path(p, "/blocks/");
        html_raw(&p->h, "\">All blocks</a></p>\n");
    }
    html_raw(&p->h, "</section>\n");
    return r;
}

void site_home(struct service *s, const struct request *rq, struct reply *reply)
{
    struct facts facts = {0};
    char title[64];
    struct site p;

    if (!site_begin(&p, 0, s, rq, reply))
        return;
    snprintf(title, sizeof title, "Mine %.40s", page_coin(p.net));
    page_top(&p, TAB_HOME, title);
    html_raw(&p.h, "<p class=\"lead\">Point your miner here and see what it does, and what it "
                   "earns. There is no account to open: your address is your name. <a href=\"");
    page_path(&p, "/howtojoin/");
    html_raw(&p.h, "\">How to join</a></p>\n");
    page_address_form(&p, NULL);
    enum db_result r = read_facts(&p, &facts);
    write_pulse(&p, &facts);
    if (r == DB_OK)
        r = plot_pool(&p, facts.pulse.workers);
    html_raw(&p.h, "</section>\n");
    if (r == DB_OK)
        r = write_latest(&p, facts.chain.height);
    if (r == DB_OK)
        write_terms(&p, &facts.terms);
    page_bottom(&p);
    site_end(&p, r);
}
