/* /NETWORK/miner/ADDRESS/: what a miner wants to know of itself. */
#include "frontend/read/reason.h"
#include "frontend/site/format.h"
#include "frontend/site/page.h"
#include "frontend/web/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREDITS = 20, PAYMENTS = 20, LIST_WORKERS = 1000, DAY_S = 86400 };

/* --- what is known --- */

struct facts {
    struct read_miner miner;
    struct read_paid paid;
    struct read_chain chain;
    struct read_terms terms;
    struct read_block_sums sums;
    uint64_t subsidy;
    struct read_worker_sums day; /* the last one; filled in by read_workers() */
    uint64_t last_minute;        /* of any worker's last share; read_workers(), too */
    double pool_work;            /* of the whole pool in the same day */
};

static enum db_result read_facts(struct site *p, struct facts *ret)
{
    enum db_result r = fact_chain(p, &ret->chain);

    if (r == DB_OK)
        r = fact_terms(p, &ret->terms);
    if (r == DB_OK)
        r = fact_sums(p, &ret->sums);
    if (r == DB_OK)
        r = fact_subsidy(p, &ret->subsidy);
    if (r == DB_OK)
        r = fact_day_work(p, &ret->pool_work);
    return r;
}

/* Some sections stand below sums that come of the same reading: they are written first, into OUT.
 * What begin_aside() returns is for end_aside(). */
static struct html begin_aside(struct site *p, struct buf *out)
{
    struct html page = p->h;

    p->h = HTML_INIT(out);
    return page;
}

static void end_aside(struct site *p, struct html page)
{
    page.full = page.full || p->h.full;
    p->h = page;
}

/* --- tiles --- */

static double after_fee(const struct facts *f, double units)
{
    return units * (double)(10000 - f->terms.fee_bp) / 10000;
}

static void write_minimum(struct site *p, int64_t balance, int64_t minimum)
{
    int64_t percent = balance >= minimum ? 100
                      : balance <= 0     ? 0
                                         : (int64_t)(100.0 * (double)balance / (double)minimum);

    html_raw(&p->h, "<small><progress max=\"100\" value=\"");
    html_uint(&p->h, (uint64_t)percent);
    html_raw(&p->h, "\">");
    html_uint(&p->h, (uint64_t)percent);
    html_raw(&p->h, " %</progress> paid from ");
    part_amount(p, minimum);
    html_raw(&p->h, " on</small>");
}

static void write_balance(struct site *p, const struct facts *f)
{
    int64_t minimum =
        f->miner.minimum_payout ? (int64_t)f->miner.minimum_payout : f->terms.minimum_payout;

    html_raw(&p->h, TILE_BEGIN("Balance"));
    part_amount(p, f->miner.balance);
    if (minimum > 0) /* else nobody has told it yet */
        write_minimum(p, f->miner.balance, minimum);
    html_raw(&p->h, TILE_END);
}

static void write_money(struct site *p, const struct facts *f)
{
    double part = f->pool_work > 0 ? f->day.difficulty / f->pool_work : 0;

    html_raw(&p->h,
             "<section aria-labelledby=\"money\">\n<h2 id=\"money\">Earnings</h2>\n" TILES_BEGIN);
    write_balance(p, f);
    html_raw(&p->h, TILE_BEGIN("Pending"));
    part_estimate(p, after_fee(f, (part < 1 ? part : 1) * (double)f->sums.pending.subsidy));
    html_raw(&p->h, "<small>your part of ");
    part_counted(p, f->sums.pending.blocks, "block");
    html_raw(&p->h, " not mature yet, at your speed of the last day</small>" TILE_END TILE_BEGIN(
                        "Paid so far"));
    part_amount(p, (int64_t)f->paid.total);
    html_raw(&p->h, "<small>today ");
    part_amount(p, (int64_t)f->paid.today);
    html_raw(&p->h, "</small>" TILE_END TILE_BEGIN("Last payment"));
    part_time(p, f->paid.last);
    html_raw(&p->h, TILE_END TILE_BEGIN("Expected per day"));
    part_estimate(
        p, after_fee(f, f->chain.difficulty > 0
                            ? f->day.hash_rate * 86400 / f->chain.difficulty * (double)f->subsidy
                            : 0));
    html_raw(&p->h, "<small>at your hash rate of now</small>" TILE_END TILES_END "</section>\n");
}

static void write_work(struct site *p, const struct facts *f)
{
    html_raw(
        &p->h,
        "<section aria-labelledby=\"work\">\n<h2 id=\"work\">Work</h2>\n" TILES_BEGIN TILE_BEGIN(
            "Your hash rate"));
    part_rate(p, f->day.hash_rate);
    html_raw(&p->h, TILE_END TILE_BEGIN("Shares, last day"));
    part_count(p, f->day.shares);
    html_raw(&p->h, TILE_END TILE_BEGIN("Refused, last day"));
    part_count(p, f->day.rejected);
    html_raw(&p->h, "<small>");
    part_percent(p, (double)f->day.rejected, (double)(f->day.rejected + f->day.shares));
    html_raw(&p->h, " of all</small>" TILE_END TILE_BEGIN("Workers"));
    part_count(p, f->day.active);
    html_raw(&p->h, "<small>at work in the last day, of ");
    part_count(p, f->day.workers);
    html_raw(&p->h, "</small>" TILE_END TILES_END);
}

/* --- workers --- */

struct workers {
    struct site *p;
    struct read_worker_sums *day;
    uint64_t last_minute;
};

static void add_worker(struct read_worker_sums *day, const struct read_worker_day *w)
{
    day->workers++;
    day->active += w->shares > 0;
    day->shares += w->shares;
    day->rejected += w->rejected;
    day->difficulty += w->difficulty;
    day->hash_rate += w->hash_rate;
}

static bool write_worker(void *ctx, const struct read_worker_day *w)
{
    struct workers *list = ctx;
    struct site *p = list->p;

    add_worker(list->day, w);
    if (w->last_minute > list->last_minute)
        list->last_minute = w->last_minute;
    if (list->day->workers == 1)
        html_raw(&p->h, TABLE_BEGIN("Workers, last day") "<thead><tr>" COLUMN("Worker")
                            COLUMN("Last share") COLUMN_N("Hash rate") COLUMN_N("Shares")
                                COLUMN_N("Refused") "</tr></thead><tbody>\n");
    if (list->day->workers > LIST_WORKERS)
        return true;
    html_raw(&p->h, "<tr><th scope=\"row\" class=\"name\">");
    html_text(&p->h, w->name);
    html_raw(&p->h, "</th><td>");
    if (w->last_minute > 0)
        part_epoch(p, (int64_t)w->last_minute * 60);
    else
        html_raw(&p->h, "<span class=\"none\">never</span>");
    html_raw(&p->h, "</td><td class=\"n\">");
    part_rate(p, w->hash_rate);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_count(p, w->shares);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_count(p, w->rejected);
    html_raw(&p->h, "</td></tr>\n");
    return true;
}

static enum db_result write_workers(struct site *p, struct facts *f)
{
    struct read_worker_sums *day = &f->day;
    struct workers list = {.p = p, .day = day};

    html_raw(&p->h, "<section aria-labelledby=\"workers\">\n<h2 id=\"workers\">Workers</h2>\n");
    enum db_result r = read_worker_days(p->s->db, p->net->name, p->address, write_worker, &list);
    f->last_minute = list.last_minute;
    if (day->workers > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">No worker has sent anything yet.</p>\n");
    if (day->workers > LIST_WORKERS)
        html_raw(&p->h, "<p>These are the first of more; the download has them all.</p>\n");
    html_raw(&p->h, "</section>\n");
    return r;
}

static enum db_result read_workers(struct site *p, struct buf *out, struct facts *f)
{
    struct html page = begin_aside(p, out);
    enum db_result r = write_workers(p, f);

    end_aside(p, page);
    if (r == DB_OK && f->day.workers >= READ_MAX_ROWS) /* there may be more */
        r = read_worker_sums(p->s->db, p->net->name, p->address, &f->day);
    return r;
}

/* --- what was refused --- */

struct list {
    struct site *p;
    uint64_t rows;
};

static bool write_reject(void *ctx, const struct read_reject *reject)
{
    struct list *list = ctx;
    struct site *p = list->p;
    const struct reason_words *words = reason_words(reject->reason);

    if (list->rows++ == 0)
        html_raw(
            &p->h,
            "<section aria-labelledby=\"refused\">\n<h2 id=\"refused\">Refused</h2>\n" TABLE_BEGIN(
                "Refused solutions of the last day, and what to do") "<thead><tr>" COLUMN("Worker")
                COLUMN_N("Number") COLUMN("Why") "</tr></thead><tbody>\n");
    html_raw(&p->h, "<tr><th scope=\"row\" class=\"name\">");
    html_text(&p->h, reject->worker);
    html_raw(&p->h, "</th><td class=\"n\">");
    part_count(p, reject->rejected);
    html_raw(&p->h, "</td><td class=\"words\"><strong>");
    html_text(&p->h, words->title);
    html_raw(&p->h, "</strong> <span class=\"utc\">");
    html_text(&p->h, reject->reason);
    html_raw(&p->h, "</span><br>");
    html_text(&p->h, words->text);
    html_raw(&p->h, "</td></tr>\n");
    return true;
}

static enum db_result write_rejects(struct site *p)
{
    struct list list = {.p = p};
    enum db_result r = read_rejects(p->s->db, p->net->name, p->address, write_reject, &list);

    if (list.rows > 0)
        html_raw(&p->h, TABLE_END "</section>\n");
    return r;
}

/* --- credits and payments --- */

static bool write_credit(void *ctx, const struct read_credit *c)
{
    struct list *list = ctx;
    struct site *p = list->p;

    if (list->rows++ == 0)
        html_raw(&p->h,
                 TABLE_BEGIN("Credits: your part of the pool's blocks") "<thead><tr>" COLUMN("Time")
                     COLUMN_N("Block") COLUMN_N("Your shares")
                         COLUMN_N("Amount") "</tr></thead><tbody>\n");
    html_raw(&p->h, "<tr><td>");
    part_time(p, c->created_at);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_count(p, c->height);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_count(p, c->shares);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_amount(p, (int64_t)c->amount);
    html_raw(&p->h, "</td></tr>\n");
    return true;
}

struct payments {
    struct site *p;
    struct read_paid *paid; /* of the rows so far */
    uint64_t rows;
};

/* As read_paid() sums up. */
static void add_paid(struct read_paid *paid, const struct read_payment *pay, int64_t now_s)
{
    int64_t sent_s;

    if ((strcmp(pay->status, "sent") != 0 && strcmp(pay->status, "confirmed") != 0) ||
        !format_epoch(pay->sent_at, &sent_s))
        return;
    paid->total += pay->amount;
    if (sent_s >= now_s / DAY_S * DAY_S)
        paid->today += pay->amount;
    if (strcmp(pay->sent_at, paid->last) > 0)
        snprintf(paid->last, sizeof paid->last, "%s", pay->sent_at);
}

static bool write_payment(void *ctx, const struct read_payment *pay)
{
    struct payments *list = ctx;
    struct site *p = list->p;

    if (list->rows++ == PAYMENTS) /* there are more */
        return false;
    add_paid(list->paid, pay, p->now_s);
    if (list->rows == 1)
        html_raw(&p->h,
                 TABLE_BEGIN("Payments to you") "<thead><tr>" COLUMN("Time") COLUMN_N("Amount")
                     COLUMN("Status") COLUMN("Transaction") "</tr></thead><tbody>\n");
    html_raw(&p->h, "<tr><td>");
    part_time(p, pay->sent_at ? pay->sent_at : pay->created_at);
    html_raw(&p->h, "</td>");
    part_payment(p, pay);
    html_raw(&p->h, "</tr>\n");
    return true;
}

/* Whoever has had few payments is spared a statement: what is listed is all. */
static enum db_result write_payments(struct site *p, struct facts *f)
{
    const struct page page = {.size = PAYMENTS + 1};
    struct payments list = {.p = p, .paid = &f->paid};
    enum db_result r = DB_OK;

    html_raw(&p->h, "<section aria-labelledby=\"payments\">\n<h2 id=\"payments\">Payments</h2>\n");
    if (f->miner.earned)
        r = read_payments(p->s->db, p->net->name, p->address, &page, write_payment, &list);
    if (list.rows > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">Nothing has been paid yet.</p>\n");
    html_raw(&p->h, "</section>\n");
    if (r == DB_OK && list.rows > PAYMENTS)
        r = read_paid(p->s->db, p->net->name, p->address, &f->paid);
    return r;
}

static enum db_result read_history(struct site *p, struct buf *out, struct facts *f)
{
    struct html page = begin_aside(p, out);
    enum db_result r = write_payments(p, f);

    end_aside(p, page);
    return r;
}

static enum db_result write_credits(struct site *p, const struct facts *f)
{
    const struct page page = {.size = CREDITS};
    struct list list = {.p = p};
    enum db_result r = DB_OK;

    html_raw(&p->h, "<section aria-labelledby=\"credits\">\n<h2 id=\"credits\">Credits</h2>\n");
    if (f->miner.earned)
        r = read_credits(p->s->db, p->net->name, p->address, &page, write_credit, &list);
    if (list.rows > 0)
        html_raw(&p->h, TABLE_END);
    else
        html_raw(&p->h, "<p class=\"empty\">No block has been split up with a part for you "
                        "yet.</p>\n");
    html_raw(&p->h, "</section>\n");
    return r;
}

static void write_download(struct site *p, const char *file, const char *text)
{
    html_raw(&p->h, "<li><a href=\"");
    page_path(p, "/miner/");
    html_text(&p->h, p->address);
    html_raw(&p->h, "/");
    html_text(&p->h, file);
    html_raw(&p->h, "\" download>");
    html_text(&p->h, text);
    html_raw(&p->h, "</a></li>\n");
}

static void write_downloads(struct site *p)
{
    html_raw(&p->h, "<section aria-labelledby=\"files\">\n<h2 id=\"files\">As a spreadsheet (CSV)"
                    "</h2>\n<ul class=\"files\">\n");
    write_download(p, "payments.csv", "All payments");
    write_download(p, "credits.csv", "All credits");
    write_download(p, "workers.csv", "Workers by the hour, last day");
    html_raw(&p->h, "</ul>\n</section>\n");
}

/* --- the page --- */

static void write_top(struct site *p, const struct facts *f)
{
    page_top(p, TAB_NONE, p->address);
    html_raw(&p->h, "<p class=\"lead\">Mining here since ");
    part_time(p, f->miner.created_at);
    if (*p->net->conf->address_url) {
        html_raw(&p->h, " · in the explorer: ");
        part_link(p, p->net->conf->address_url, p->address);
    }
    html_raw(&p->h, "</p>\n");
    if (f->miner.disabled)
        html_raw(&p->h, "<p class=\"notice\"><span class=\"badge bad\">disabled</span> The "
                        "operator takes no work from this address. What it has earned stays "
                        "its own.</p>\n");
}

static enum db_result write_plots(struct site *p, const struct facts *f)
{
    uint64_t now = (uint64_t)p->now_s / 60;
    bool lately = f->last_minute + READ_FINE_MINUTES + READ_FINE_STEP > now;
    enum db_result r = lately ? plot_miner_fine(p, f->day.workers) : DB_OK;

    if (r == DB_OK)
        r = plot_miner_day(p, f->day.shares > 0);
    html_raw(&p->h, "</section>\n");
    return r;
}

void site_miner(struct service *s, const struct request *rq, struct reply *reply)
{
    struct buf workers = BUF_INIT(ANSWER_MAX_BODY), payments = BUF_INIT(ANSWER_MAX_BODY);
    struct facts facts = {0};
    struct site p;

    if (!site_begin(&p, SITE_ADDRESS, s, rq, reply))
        return;
    enum db_result r = read_miner(s->db, p.net->name, p.address, &facts.miner);
    if (r == DB_OK && !facts.miner.known) {
        site_end_unknown_miner(&p);
        return;
    }
    if (r == DB_OK)
        r = read_facts(&p, &facts);
    if (r == DB_OK)
        r = read_workers(&p, &workers, &facts);
    if (r == DB_OK)
        r = read_history(&p, &payments, &facts);
    write_top(&p, &facts);
    write_money(&p, &facts);
    write_work(&p, &facts);
    if (r == DB_OK)
        r = write_plots(&p, &facts);
    html_markup(&p.h, workers.data, workers.len);
    buf_free(&workers);
    if (r == DB_OK && facts.day.rejected > 0)
        r = write_rejects(&p);
    html_markup(&p.h, payments.data, payments.len);
    buf_free(&payments);
    if (r == DB_OK)
        r = write_credits(&p, &facts);
    write_downloads(&p);
    part_tell(&p);
    page_bottom(&p);
    site_end(&p, r);
}
