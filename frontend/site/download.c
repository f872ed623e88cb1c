/* /NETWORK/miner/ADDRESS/….csv: what the miner's page shows a part of, for spreadsheets. */
#include "frontend/site/format.h"
#include "frontend/site/page.h"
#include "frontend/web/answer.h"
#include "frontend/web/csv.h"

#include <stdio.h>

static const struct page all = {.offset = 0, .size = READ_MAX_ROWS};

struct file {
    struct site *p;
    struct csv csv;
};

static void write_heads(struct csv *c, const char *const *names)
{
    for (; *names; names++)
        csv_text(c, *names);
    csv_end_row(c);
}

/* False: the answer is written. NAME is what the browser saves it as, behind the network's. */
static bool begin(struct site *p, struct file *f, const char *name, const char *const *heads,
                  struct service *s, const struct request *rq, struct reply *reply)
{
    struct read_miner miner;

    if (!site_begin(p, SITE_ADDRESS, s, rq, reply))
        return false;
    enum db_result r = read_miner(s->db, p->net->name, p->address, &miner);
    if (r == DB_OK && !miner.known) {
        site_end_unknown_miner(p);
        return false;
    }
    if (r != DB_OK) {
        site_end(p, r);
        return false;
    }
    reply->content_type = "text/csv; charset=utf-8";
    snprintf(reply->file_name, sizeof reply->file_name, "%s-%s-%s.csv", p->net->name, name,
             p->address);
    *f = (struct file){.p = p, .csv = CSV_INIT(&reply->body)};
    write_heads(&f->csv, heads);
    return true;
}

static void end(struct file *f, enum db_result r)
{
    f->p->h.full = f->csv.full;
    site_end(f->p, r);
}

static unsigned decimals(const struct file *f)
{
    return (unsigned)f->p->net->conf->coin_decimals;
}

/* "2026-01-31T12:00:00Z", which a spreadsheet takes for a time; nothing when there is none. */
static void write_time(struct csv *c, const char *db_time)
{
    char iso[FORMAT_SIZE] = "";
    int64_t at_s;

    if (format_epoch(db_time, &at_s))
        format_iso(at_s, iso);
    csv_text(c, iso);
}

/* --- workers --- */

static bool write_hour(void *ctx, const struct read_worker_hour *h)
{
    struct file *f = ctx;
    char iso[FORMAT_SIZE];

    format_iso((int64_t)h->hour * 3600, iso);
    csv_text(&f->csv, iso);
    csv_text(&f->csv, h->name);
    csv_uint(&f->csv, h->shares);
    csv_uint(&f->csv, h->rejected);
    csv_uint(&f->csv, (uint64_t)(h->difficulty / 3600));
    csv_end_row(&f->csv);
    return true;
}

void site_workers_csv(struct service *s, const struct request *rq, struct reply *reply)
{
    static const char *const heads[] = {"hour", "worker", "shares", "refused", "hashes per second",
                                        NULL};
    struct site p;
    struct file f;

    if (begin(&p, &f, "workers", heads, s, rq, reply))
        end(&f, read_worker_hours(s->db, p.net->name, p.address, p.now_s, write_hour, &f));
}

/* --- credits --- */

static bool write_credit(void *ctx, const struct read_credit *c)
{
    struct file *f = ctx;

    write_time(&f->csv, c->created_at);
    csv_uint(&f->csv, c->height);
    csv_uint(&f->csv, c->shares);
    csv_amount(&f->csv, (int64_t)c->amount, decimals(f));
    csv_text(&f->csv, f->p->net->conf->coin_symbol);
    csv_end_row(&f->csv);
    return true;
}

void site_credits_csv(struct service *s, const struct request *rq, struct reply *reply)
{
    static const char *const heads[] = {"time", "block", "shares", "amount", "coin", NULL};
    struct site p;
    struct file f;

    if (begin(&p, &f, "credits", heads, s, rq, reply))
        end(&f, read_credits(s->db, p.net->name, p.address, &all, write_credit, &f));
}

/* --- payments --- */

static bool write_payment(void *ctx, const struct read_payment *pay)
{
    struct file *f = ctx;

    write_time(&f->csv, pay->sent_at ? pay->sent_at : pay->created_at);
    csv_amount(&f->csv, (int64_t)pay->amount, decimals(f));
    csv_text(&f->csv, f->p->net->conf->coin_symbol);
    csv_text(&f->csv, pay->status);
    csv_uint(&f->csv, pay->confirmations > 0 ? (uint64_t)pay->confirmations : 0);
    csv_text(&f->csv, pay->txid);
    csv_end_row(&f->csv);
    return true;
}

void site_payments_csv(struct service *s, const struct request *rq, struct reply *reply)
{
    static const char *const heads[] = {"time",          "amount",      "coin", "status",
                                        "confirmations", "transaction", NULL};
    struct site p;
    struct file f;

    if (begin(&p, &f, "payments", heads, s, rq, reply))
        end(&f, read_payments(s->db, p.net->name, p.address, &all, write_payment, &f));
}
