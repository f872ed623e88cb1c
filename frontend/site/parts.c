/* What several pages have in common: numbers, times, links, rows. */
#include "frontend/site/format.h"
#include "frontend/site/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DASH "<span class=\"none\">–</span>"

/* --- numbers --- */

void part_count(struct site *p, uint64_t n)
{
    char text[FORMAT_SIZE];

    format_count(n, text);
    html_text(&p->h, text);
}

void part_counted(struct site *p, uint64_t n, const char *noun)
{
    part_count(p, n);
    html_raw(&p->h, " ");
    html_text(&p->h, noun);
    if (n != 1)
        html_raw(&p->h, "s");
}

static void write_unit(struct site *p, const char *unit)
{
    if (*unit) {
        html_raw(&p->h, " <span class=\"unit\">");
        html_text(&p->h, unit);
        html_raw(&p->h, "</span>");
    }
}

static unsigned decimals(const struct site *p)
{
    return (unsigned)p->net->conf->coin_decimals;
}

void part_amount(struct site *p, int64_t units)
{
    char text[FORMAT_SIZE];

    format_amount(units, decimals(p), text);
    html_text(&p->h, text);
    write_unit(p, p->net->conf->coin_symbol);
}

void part_estimate(struct site *p, double units)
{
    enum { SHOWN = 10000 }; /* four digits */
    char text[FORMAT_SIZE];
    int64_t step = 1;

    if (!isfinite(units) || units < 1 || units > 9e18) {
        html_raw(&p->h, DASH);
        return;
    }
    while ((int64_t)units / step >= SHOWN)
        step *= 10;
    format_amount((int64_t)units / step * step, decimals(p), text);
    html_raw(&p->h, "≈\u00a0");
    html_text(&p->h, text);
    write_unit(p, p->net->conf->coin_symbol);
}

void part_rate(struct site *p, double hashes_per_second)
{
    char text[FORMAT_SIZE];

    format_si(hashes_per_second, "H/s", text);
    char *unit = strrchr(text, ' ');
    *unit++ = '\0';
    html_text(&p->h, text);
    write_unit(p, unit);
}

void part_percent(struct site *p, double part, double whole)
{
    char text[FORMAT_SIZE];

    if (!(whole > 0)) {
        html_raw(&p->h, DASH);
        return;
    }
    format_percent(100 * part / whole, text);
    html_text(&p->h, text);
}

void part_span(struct site *p, double seconds)
{
    char text[FORMAT_SIZE];

    format_length(seconds, text);
    html_text(&p->h, text);
}

/* --- times --- */

void part_epoch(struct site *p, int64_t at_s)
{
    char iso[FORMAT_SIZE], utc[FORMAT_SIZE], ago[FORMAT_SIZE];

    format_iso(at_s, iso);
    format_utc(at_s, utc);
    format_ago(at_s, p->now_s, ago);
    html_raw(&p->h, "<time datetime=\"");
    html_text(&p->h, iso);
    html_raw(&p->h, "\"><span class=\"ago\">");
    html_text(&p->h, ago);
    html_raw(&p->h, "</span> <span class=\"utc\">");
    html_text(&p->h, utc);
    html_raw(&p->h, "</span></time>");
}

void part_time(struct site *p, const char *db_time)
{
    int64_t at_s;

    if (format_epoch(db_time, &at_s))
        part_epoch(p, at_s);
    else
        html_raw(&p->h, DASH);
}

/* --- links --- */

static void write_short(struct site *p, const char *what)
{
    char text[FORMAT_SIZE];

    format_short(what, text);
    html_text(&p->h, text);
}

void part_link(struct site *p, const char *template, const char *what)
{
    const char *star = strchr(template, '*');
    char start[256];

    if (!what) {
        html_raw(&p->h, DASH);
        return;
    }
    if (!star) {
        html_raw(&p->h, "<span class=\"hash\" title=\"");
        html_text(&p->h, what);
        html_raw(&p->h, "\">");
        write_short(p, what);
        html_raw(&p->h, "</span>");
        return;
    }
    snprintf(start, sizeof start, "%.*s", (int)(star - template), template);
    html_raw(&p->h, "<a class=\"hash\" rel=\"noopener noreferrer nofollow\" href=\"");
    html_text(&p->h, start);
    html_text(&p->h, what);
    html_text(&p->h, star + 1);
    html_raw(&p->h, "\" title=\"");
    html_text(&p->h, what);
    html_raw(&p->h, "\">");
    write_short(p, what);
    html_raw(&p->h, "</a>");
}

void part_miner(struct site *p, const char *address)
{
    if (!address) {
        html_raw(&p->h, DASH);
        return;
    }
    html_raw(&p->h, "<a class=\"hash\" href=\"");
    page_path(p, "/miner/");
    html_text(&p->h, address);
    html_raw(&p->h, "/\" title=\"");
    html_text(&p->h, address);
    html_raw(&p->h, "\">");
    write_short(p, address);
    html_raw(&p->h, "</a>");
}

/* --- blocks --- */

void part_blocks_head(struct site *p)
{
    html_raw(&p->h, TABLE_BEGIN("Blocks the pool found") "<thead><tr>" COLUMN_N("Height")
                        COLUMN("Found") COLUMN("Status") COLUMN_N("Reward") COLUMN("Found by")
                            COLUMN("Block") "</tr></thead><tbody>\n");
}

static void write_status(struct site *p, const struct read_block *b, uint64_t chain_height)
{
    uint64_t wanted = (uint64_t)p->net->conf->maturity_blocks;
    uint64_t done = chain_height >= b->height ? chain_height - b->height + 1 : 0;

    if (strcmp(b->status, "stale") == 0 || strcmp(b->status, "orphaned") == 0) {
        html_raw(&p->h, "<span class=\"badge bad\">lost</span> "
                        "<span class=\"utc\">another block took its place</span>");
    } else if (strcmp(b->status, "finished") == 0) {
        html_raw(&p->h, "<span class=\"badge good\">confirmed</span> <span class=\"utc\">");
        part_count(p, done);
        html_raw(&p->h, " confirmations</span>");
    } else {
        html_raw(&p->h, "<span class=\"badge\">maturing</span> <span class=\"utc\">");
        part_count(p, done);
        html_raw(&p->h, " of ");
        part_count(p, wanted);
        html_raw(&p->h, " confirmations</span>");
    }
}

void part_block(struct site *p, const struct read_block *b, uint64_t chain_height)
{
    html_raw(&p->h, "<tr><th scope=\"row\" class=\"n\">");
    part_count(p, b->height);
    html_raw(&p->h, "</th><td>");
    part_time(p, b->chain_time ? b->chain_time : b->created_at);
    html_raw(&p->h, "</td><td>");
    write_status(p, b, chain_height);
    html_raw(&p->h, "</td><td class=\"n\">");
    part_amount(p, (int64_t)b->subsidy);
    html_raw(&p->h, "</td><td>");
    part_miner(p, b->finder);
    html_raw(&p->h, "</td><td>");
    part_link(p, p->net->conf->block_url, b->hash);
    html_raw(&p->h, "</td></tr>\n");
}

/* --- payments --- */

static const struct {
    const char *status, *badge, *word;
} payment_words[] = {{"intent", "badge", "being sent"},
                     {"stored", "badge", "being sent"},
                     {"sent", "badge", "sent"},
                     {"confirmed", "badge good", "confirmed"},
                     {"conflicted", "badge bad", "held up"}};

static void write_payment_status(struct site *p, const struct read_payment *pay)
{
    size_t i = 0, n = sizeof payment_words / sizeof *payment_words;

    while (i + 1 < n && strcmp(pay->status, payment_words[i].status) != 0)
        i++;
    html_raw(&p->h, "<span class=\"");
    html_text(&p->h, payment_words[i].badge);
    html_raw(&p->h, "\">");
    html_text(&p->h, payment_words[i].word);
    html_raw(&p->h, "</span>");
    if (pay->confirmations > 0) {
        html_raw(&p->h, " <span class=\"utc\">");
        part_count(p, (uint64_t)pay->confirmations);
        html_text(&p->h, pay->confirmations == 1 ? " confirmation" : " confirmations");
        html_raw(&p->h, "</span>");
    }
}

void part_payment(struct site *p, const struct read_payment *pay)
{
    html_raw(&p->h, "<td class=\"n\">");
    part_amount(p, (int64_t)pay->amount);
    html_raw(&p->h, "</td><td>");
    write_payment_status(p, pay);
    html_raw(&p->h, "</td><td>");
    part_link(p, p->net->conf->transaction_url, pay->txid);
    html_raw(&p->h, "</td>");
}

/* --- lists in pages --- */

static void write_page_link(struct site *p, const char *path, uint64_t number, const char *rel,
                            const char *text)
{
    html_raw(&p->h, "<li><a rel=\"");
    html_text(&p->h, rel);
    html_raw(&p->h, "\" href=\"");
    page_path(p, path);
    if (number > 0) {
        html_raw(&p->h, "?page=");
        html_uint(&p->h, number);
    }
    html_raw(&p->h, "\">");
    html_text(&p->h, text);
    html_raw(&p->h, "</a></li>\n");
}

void part_pages(struct site *p, const char *path, uint64_t rows)
{
    uint64_t number = p->page.offset / SITE_ROWS;

    if (number == 0 && rows <= SITE_ROWS)
        return;
    html_raw(&p->h, "<nav class=\"pages\" aria-label=\"Pages of this list\"><ul>\n");
    if (number > 0)
        write_page_link(p, path, number - 1, "prev", "← Newer");
    html_raw(&p->h, "<li>Page ");
    part_count(p, number + 1);
    html_raw(&p->h, "</li>\n");
    if (rows > SITE_ROWS)
        write_page_link(p, path, number + 1, "next", "Older →");
    html_raw(&p->h, "</ul></nav>\n");
}
