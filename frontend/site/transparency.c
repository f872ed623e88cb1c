/* /NETWORK/transparency/: the books against the chain, and what the last audits found. */
#include "frontend/site/page.h"

#include <string.h>

enum { AUDITS = 10 };

/* --- the ledger --- */

static const struct {
    const char *kind, *words;
    bool owed; /* to be paid to somebody; else held, and less than zero in the books */
} kinds[] = {
    {"miner", "Balances of miners", true},
    {"in_flight", "On its way to miners, not yet confirmed", true},
    {"unshared", "Rewards not yet split up", true},
    {"pool_fee", "The pool's fees", true},
    {"immature", "Block rewards that still mature", false},
    {"mature", "Coins in the wallet", false},
    {"cold", "Coins in cold storage", false},
    {"network_fee", "Transaction fees that the pool bore", false},
    {"adjustment", "What came in or went out by the operator's hand", false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

struct books {
    int64_t balance[KINDS];
    uint64_t accounts[KINDS];
    int64_t sum; /* of all accounts: zero, if the books are right */
    bool any;
};

static bool take_account(void *ctx, const struct read_account *a)
{
    struct books *b = ctx;

    b->any = true;
    b->sum += a->balance;
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(a->kind, kinds[i].kind) == 0) {
            b->balance[i] = a->balance;
            b->accounts[i] = a->accounts;
        }
    }
    return true;
}

static void write_side(struct site *p, const struct books *b, bool owed)
{
    int64_t sum = 0;

    for (size_t i = 0; i < KINDS; i++) {
        int64_t units = owed ? b->balance[i] : -b->balance[i];

        if (kinds[i].owed != owed || (b->accounts[i] == 0 && i > 0))
            continue;
        sum += units;
        html_raw(&p->h, "<tr><th scope=\"row\">");
        html_text(&p->h, kinds[i].words);
        html_raw(&p->h, "</th><td class=\"n\">");
        part_amount(p, units);
        html_raw(&p->h, "</td></tr>\n");
    }
    html_raw(&p->h, "<tr class=\"sum\"><th scope=\"row\">Together</th><td class=\"n\">");
    part_amount(p, sum);
    html_raw(&p->h, "</td></tr>\n" TABLE_END);
}

static void write_books(struct site *p, const struct books *b)
{
    html_raw(&p->h,
             "<section aria-labelledby=\"books\">\n<h2 id=\"books\">The books</h2>\n"
             "<p>Every reward and every payment is written down twice: where it comes from "
             "and where it goes. What the pool owes and what it holds must be the same.</p>"
             "\n<div class=\"sides\">\n" TABLE_BEGIN("What the pool owes") "<thead><tr>" COLUMN(
                 "To") COLUMN_N("Amount") "</tr></thead><tbody>\n");
    write_side(p, b, true);
    html_raw(&p->h, TABLE_BEGIN("What the pool holds") "<thead><tr>" COLUMN("Where")
                        COLUMN_N("Amount") "</tr></thead><tbody>\n");
    write_side(p, b, false);
    html_raw(&p->h, "</div>\n<p>");
    if (b->sum == 0)
        html_raw(&p->h, "<span class=\"badge good\">balanced</span> Both sides are the same.");
    else
        html_raw(&p->h, "<span class=\"badge bad\">not balanced</span> The sides differ: the "
                        "operator has been told, and nothing is paid until it is understood.");
    html_raw(&p->h, "</p>\n</section>\n");
}

/* --- the chain --- */

static void write_sum(struct site *p, const char *words, const struct read_block_sum *sum)
{
    html_raw(&p->h, "<tr><th scope=\"row\">");
    html_text(&p->h, words);
    html_raw(&p->h, "</th><td class=\"n\">");
    part_count(p, sum->blocks);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_amount(p, (int64_t)sum->subsidy);
    html_raw(&p->h, "</td></tr>\n");
}

static enum db_result write_chain(struct site *p)
{
    const struct network *net = p->net;
    struct read_block_sums sums;
    struct read_totals totals;
    enum db_result r = read_block_sums(p->s->db, net->name, &sums);

    if (r == DB_OK)
        r = read_totals(p->s->db, net->name, &totals);
    if (r != DB_OK)
        return r;
    html_raw(&p->h, "<section aria-labelledby=\"chain\">\n<h2 id=\"chain\">The chain</h2>\n"
                    "<p>Anybody can look these up: the blocks that pay to the pool's address, and "
                    "the transactions of the <a href=\"");
    page_path(p, "/payments/");
    html_raw(&p->h, "\">payments</a>. The pool's address is ");
    html_raw(&p->h, "<code class=\"long\">");
    html_text(&p->h, net->pool_address);
    html_raw(&p->h, "</code>");
    if (*net->conf->address_url) {
        html_raw(&p->h, ", in the explorer ");
        part_link(p, net->conf->address_url, net->pool_address);
    }
    html_raw(&p->h, ".</p>\n" TABLE_BEGIN("Rewards of the pool's blocks") "<thead><tr>" COLUMN(
                        "Blocks") COLUMN_N("Number") COLUMN_N("Rewards") "</tr></thead><tbody>\n");
    write_sum(p, "Split up among miners", &sums.split);
    write_sum(p, "Still to be split up", &sums.pending);
    write_sum(p, "Lost: another block took the place", &sums.lost);
    html_raw(&p->h, "<tr class=\"sum\"><th scope=\"row\">Paid to miners</th><td></td>"
                    "<td class=\"n\">");
    part_amount(p, (int64_t)totals.paid);
    html_raw(&p->h, "</td></tr>\n" TABLE_END "</section>\n");
    return r;
}

/* --- audits --- */

static const struct {
    const char *outcome, *badge, *words;
} outcomes[] = {
    {"clean", "badge good", "all in order"},
    {"difference", "badge bad", "a difference was found"},
    {"incomplete", "badge", "not everything could be asked"},
};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

struct list {
    struct site *p;
    uint64_t rows;
};

static bool write_audit(void *ctx, const struct read_audit *a)
{
    struct list *list = ctx;
    struct site *p = list->p;
    size_t i = 0;

    if (list->rows++ == 0)
        html_raw(&p->h,
                 TABLE_BEGIN("The last audits") "<thead><tr>" COLUMN("Time") COLUMN("Result")
                     COLUMN_N("Owed") COLUMN_N("Held by the wallet") "</tr></thead><tbody>\n");
    while (i + 1 < OUTCOMES && strcmp(a->outcome, outcomes[i].outcome) != 0)
        i++;
    html_raw(&p->h, "<tr><td>");
    part_time(p, a->created_at);
    html_raw(&p->h, "</td><td><span class=\"");
    html_text(&p->h, outcomes[i].badge);
    html_raw(&p->h, "\">");
    html_text(&p->h, outcomes[i].words);
    html_raw(&p->h, "</span></td><td class=\"n\">");
    part_amount(p, a->owed);
    html_raw(&p->h, "</td><td class=\"n\">");
    if (a->asked)
        part_amount(p, a->held);
    else
        html_raw(&p->h, "<span class=\"none\">not asked</span>");
    html_raw(&p->h, "</td></tr>\n");
    return true;
}

static enum db_result write_audits(struct site *p)
{
    const struct page last = {.size = AUDITS};
    struct list list = {.p = p};
    struct read_freeze freeze;
    enum db_result r = read_freeze(p->s->db, p->net->name, &freeze);

    html_raw(&p->h, "<section aria-labelledby=\"audits\">\n<h2 id=\"audits\">Audits</h2>\n"
                    "<p>An audit compares the books with the chain and with the wallet, without "
                    "anybody's help. A difference stops all payments until a human has looked; "
                    "mining goes on.</p>\n");
    if (r == DB_OK && freeze.frozen) {
        html_raw(&p->h, "<p class=\"notice\"><span class=\"badge bad\">payments stopped</span> "
                        "since ");
        part_time(p, freeze.since);
        html_raw(&p->h, "</p>\n");
    }
    if (r == DB_OK)
        r = read_audits(p->s->db, p->net->name, &last, write_audit, &list);
    if (list.rows > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">There has been no audit yet.</p>\n");
    html_raw(&p->h, "</section>\n");
    return r;
}

void site_transparency(struct service *s, const struct request *rq, struct reply *reply)
{
    struct books books = {.any = false};
    struct site p;

    if (!site_begin(&p, 0, s, rq, reply))
        return;
    page_top(&p, TAB_BOOKS, "Transparency");
    enum db_result r = read_ledger(s->db, p.net->name, take_account, &books);
    if (books.any)
        write_books(&p, &books);
    else
        html_raw(&p.h, "<p class=\"empty\">The books are empty: the pool has earned nothing "
                       "yet.</p>\n");
    if (r == DB_OK)
        r = write_chain(&p);
    if (r == DB_OK)
        r = write_audits(&p);
    page_bottom(&p);
    site_end(&p, r);
}
