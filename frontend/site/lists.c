/* /NETWORK/blocks/ and /NETWORK/payments/: what the pool found and what it paid, page by page. */
#include "frontend/site/page.h"

#include <string.h>

struct list {
    struct site *p;
    uint64_t height, rows;
};

/* --- blocks --- */

static bool write_block(void *ctx, const struct read_block *b)
{
    struct list *list = ctx;

    if (list->rows++ == 0)
        part_blocks_head(list->p);
    if (list->rows <= SITE_ROWS)
        part_block(list->p, b, list->height);
    return true;
}

void site_blocks(struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_chain chain;
    struct site p;

    if (!site_begin(&p, SITE_PAGE, s, rq, reply))
        return;
    page_top(&p, TAB_BLOCKS, "Blocks");
    enum db_result r = fact_chain(&p, &chain);
    struct list list = {.p = &p, .height = chain.height};
    if (r == DB_OK)
        r = read_blocks(s->db, p.net->name, &p.page, write_block, &list);
    if (list.rows > 0)
        html_raw(&p.h, TABLE_END);
    else
        html_raw(&p.h, "<p class=\"empty\">There are no blocks here.</p>\n");
    part_pages(&p, "/blocks/", list.rows);
    page_bottom(&p);
    site_end(&p, r);
}

/* --- payments --- */

static bool write_payment(void *ctx, const struct read_payment *pay)
{
    struct list *list = ctx;
    struct site *p = list->p;

    if (list->rows++ == 0)
        html_raw(&p->h, TABLE_BEGIN("Payments to miners") "<thead><tr>" COLUMN("Time") COLUMN("To")
                            COLUMN_N("Amount") COLUMN("Status")
                                COLUMN("Transaction") "</tr></thead><tbody>\n");
    if (list->rows > SITE_ROWS)
        return false;
    html_raw(&p->h, "<tr><td>");
    part_time(p, pay->sent_at ? pay->sent_at : pay->created_at);
    html_raw(&p->h, "</td><td>");
    part_miner(p, pay->address);
    html_raw(&p->h, "</td>");
    part_payment(p, pay);
    html_raw(&p->h, "</tr>\n");
    return true;
}

void site_payments(struct service *s, const struct request *rq, struct reply *reply)
{
    struct site p;

    if (!site_begin(&p, SITE_PAGE, s, rq, reply))
        return;
    struct list list = {.p = &p};
    page_top(&p, TAB_PAYMENTS, "Payments");
    enum db_result r = read_payments(s->db, p.net->name, NULL, &p.page, write_payment, &list);
    if (list.rows > 0)
        html_raw(&p.h, TABLE_END);
    else
        html_raw(&p.h, "<p class=\"empty\">There are no payments here.</p>\n");
    part_pages(&p, "/payments/", list.rows);
    page_bottom(&p);
    site_end(&p, r);
}
