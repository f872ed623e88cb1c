/* A page under way: its frame, and the parts that several pages have. */
#ifndef PENSTOCK_FRONTEND_SITE_PAGE_H
#define PENSTOCK_FRONTEND_SITE_PAGE_H

#include "frontend/read/kept.h"
#include "frontend/read/read.h"
#include "frontend/site/site.h"
#include "frontend/web/html.h"

struct site {
    struct service *s;
    const struct request *rq;
    struct reply *reply;
    const struct network *net; /* of the first segment, which the router has seen to */
    struct html h;
    int64_t now_s;
    struct page page; /* one row more than is shown, to see whether there is a next */
    char address[ADDRESS_MAX_TEXT + 1]; /* canonical, of the second segment; "": none */
};

#define SITE_ADDRESS 1u /* the second segment is an address of the network's chain */
#define SITE_PAGE    2u /* the query may say which page of a list */

#define SITE_ROWS 25 /* of a list that has pages */

/* Checks what NEEDS says, and the sender's limit, and opens the database. False: the answer is
 * written, and says why not. Otherwise site_end() must follow. */
bool site_begin(struct site *p, unsigned needs, struct service *s, const struct request *rq,
                struct reply *reply);

/* R is what became of the last read: settles the use of the database, and answers. */
void site_end(struct site *p, enum db_result r);

/* The address is in order, and unknown to the pool. */
void site_end_unknown_miner(struct site *p);

/* Which of the pages at the top this is. */
enum site_tab { TAB_HOME, TAB_STATISTICS, TAB_BLOCKS, TAB_PAYMENTS, TAB_JOIN, TAB_BOOKS, TAB_NONE };

/* From the doctype to the heading; TITLE is data. */
void page_top(struct site *p, enum site_tab tab, const char *title);
void page_bottom(struct site *p);

/* Down to the heading of a page that needs no database; nobody keeps it. */
void page_plain_begin(struct site *p, int status, const char *title);

/* The coin's name. */
const char *page_coin(const struct network *net);

/* "/NETWORK" and what follows it, a literal. */
void page_path(struct site *p, const char *rest);

/* The form that asks for an address; WRONG is one that was none, or NULL. */
void page_address_form(struct site *p, const char *wrong);

/* --- facts of the network, at most KEPT_S old (facts.c) --- */

enum db_result fact_get(struct site *p, kept_read_fn *read, size_t size, void *ret);

enum db_result fact_terms(struct site *p, struct read_terms *ret);
enum db_result fact_pulse(struct site *p, struct read_pulse *ret);
enum db_result fact_chain(struct site *p, struct read_chain *ret);
enum db_result fact_totals(struct site *p, struct read_totals *ret);
enum db_result fact_sums(struct site *p, struct read_block_sums *ret);
enum db_result fact_subsidy(struct site *p, uint64_t *ret);
/* Of the last seven days: as read_days(), read_found(). */
enum db_result fact_week_blocks(struct site *p, struct read_days *ret);
enum db_result fact_week_found(struct site *p, struct read_block_sum *ret);
/* Hashes that all shares were expected to cost: in READ_HOURS, in seven days. */
enum db_result fact_day_work(struct site *p, double *ret);
enum db_result fact_week_work(struct site *p, double *ret);
/* As read_blocks(), the first MOST of them: at most ten. */
enum db_result fact_latest(struct site *p, uint64_t most, read_block_fn *fn, void *ctx);

/* --- parts (parts.c) --- */

void part_count(struct site *p, uint64_t n);
void part_counted(struct site *p, uint64_t n, const char *noun); /* "1 worker", "2 workers" */
void part_amount(struct site *p, int64_t units);                 /* with the coin's symbol */
/* A guess at an amount: few digits, and a sign that says so. */
void part_estimate(struct site *p, double units);
void part_rate(struct site *p, double hashes_per_second);
void part_percent(struct site *p, double part, double whole); /* a dash when WHOLE is 0 */
void part_span(struct site *p, double seconds);

/* Relative and absolute; a dash when there is none. */
void part_time(struct site *p, const char *db_time);
void part_epoch(struct site *p, int64_t at_s);

/* WHAT by its two ends, a link where TEMPLATE (block_url and its like) is set. */
void part_link(struct site *p, const char *template, const char *what);
/* An address of the pool's miners, a link to its page; NULL is a dash. */
void part_miner(struct site *p, const char *address);

/* One block of the pool as a row of a table with part_blocks_head()'s columns. */
void part_blocks_head(struct site *p);
void part_block(struct site *p, const struct read_block *b, uint64_t chain_height);

/* Amount, status and transaction of a payment: three cells. */
void part_payment(struct site *p, const struct read_payment *pay);

/* The form that asks for messages about the miner; nothing where the settings take none. */
void part_tell(struct site *p);

/* Links to the neighbours of a list's page; ROWS were there to be shown. PATH is a literal. */
void part_pages(struct site *p, const char *path, uint64_t rows);

/* --- plots: a table, drawn by the script (plots.c) --- */

/* The pool's hash rate in the last hours; by minutes where it has few enough workers. */
enum db_result plot_pool(struct site *p, uint64_t workers);
enum db_result plot_pool_week(struct site *p);
enum db_result plot_pool_days(struct site *p);
/* A miner's: the last day by the hour, and by minutes where it has few enough workers. */
enum db_result plot_miner_fine(struct site *p, uint64_t workers);
enum db_result plot_miner_day(struct site *p, bool any); /* ANY: there was a share in it */

/* Table's and tiles' markup: literals, to be joined. */
#define TABLE_BEGIN(caption)                                                                       \
    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" caption "\"><table>"      \
    "<caption>" caption "</caption>"
#define TABLE_END        "</tbody></table></div>\n"
#define COLUMN(name)     "<th scope=\"col\">" name "</th>"
#define COLUMN_N(name)   "<th scope=\"col\" class=\"n\">" name "</th>"
#define TILES_BEGIN      "<dl class=\"tiles\">\n"
#define TILES_END        "</dl>\n"
#define TILE_BEGIN(name) "<div><dt>" name "</dt><dd>"
#define TILE_END         "</dd></div>\n"

#endif
