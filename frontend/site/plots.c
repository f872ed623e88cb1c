/* Plots: tables of numbers, which the script of the pages draws. Without it they are tables. */
#include "frontend/site/format.h"
#include "frontend/site/page.h"

#include <stdio.h>

/* Beyond so many, sums by the minute would cost more than a page is worth. */
enum { POOL_FINE_WORKERS = 2000, MINER_FINE_WORKERS = 40 };

enum { WEEK_HOURS = 168, DAY_HOURS = 24, DAYS = 30 };
enum { FINE_STEPS = READ_FINE_MINUTES / READ_FINE_STEP };
/* A plot of a pool that is young begins where its work does: but it shows this much. */
enum { FINE_LEAST = FINE_STEPS / 2, HOURS_LEAST = 12 };

/* --- markup --- */

/* A drawing takes column COL of the table; KIND is line or bar. It has its place from the start. */
#define CANVAS(col, kind, unit, heading, name)                                                     \
    "<div class=\"canvas\" data-column=\"" col "\" data-kind=\"" kind "\" data-unit=\"" unit       \
    "\" data-name=\"" heading "\" role=\"img\" aria-label=\"" name                                 \
    ": a plot of the numbers in the table below\"></div>\n"
#define PLOT_BEGIN(caption) "<figure class=\"plot\">\n<figcaption>" caption "</figcaption>\n"
#define PLOT_TABLE(caption)                                                                        \
    "<details><summary>These numbers as a table</summary>\n" TABLE_BEGIN(caption) "<thead><tr>"
#define PLOT_END TABLE_END "</details>\n</figure>\n"

#define RATE_PLOT(caption)                                                                         \
    PLOT_BEGIN(caption)                                                                            \
    CANVAS("1", "line", "H/s", "", caption)                                                        \
    PLOT_TABLE(caption)                                                                            \
    COLUMN("Time (UTC)") COLUMN_N("Hash rate") COLUMN_N("Shares") "</tr></thead><tbody>\n"

static void write_at(struct site *p, int64_t at_s, bool whole_day)
{
    char iso[FORMAT_SIZE], utc[FORMAT_SIZE];

    format_iso(at_s, iso);
    format_utc(at_s, utc);
    html_raw(&p->h, "<tr><th scope=\"row\"><time datetime=\"");
    html_text(&p->h, iso);
    html_raw(&p->h, "\">");
    utc[whole_day ? 10 : 16] = '\0';
    html_text(&p->h, utc);
    html_raw(&p->h, "</time></th>");
}

/* A cell with the number that the script reads in front of the one that people do. */
static void write_value(struct site *p, double value)
{
    char text[48];

    snprintf(text, sizeof text, "%.9g", value);
    html_raw(&p->h, "<td class=\"n\" data-value=\"");
    html_text(&p->h, text);
    html_raw(&p->h, "\">");
}

static void write_rate(struct site *p, double rate)
{
    write_value(p, rate);
    part_rate(p, rate);
    html_raw(&p->h, "</td>");
}

static void write_count(struct site *p, uint64_t n)
{
    write_value(p, (double)n);
    part_count(p, n);
    html_raw(&p->h, "</td>");
}

static void write_empty(struct site *p)
{
    html_raw(&p->h, "<p class=\"empty\">The plot by the hour begins with the first full hour of "
                    "work.</p>\n");
}

/* --- steps of a plot --- */

struct step {
    uint64_t shares, rejected, blocks, pool_blocks, miners;
    double difficulty;
};

/* STEPS periods, the first of which has the number FIRST. */
struct steps {
    uint64_t first, steps;
    bool any;
    struct step at[WEEK_HOURS];
};

static struct step *step_of(struct steps *t, uint64_t number)
{
    return number >= t->first && number < t->first + t->steps ? &t->at[number - t->first] : NULL;
}

static bool take_fine(void *ctx, const struct read_fine *f)
{
    struct steps *t = ctx;
    struct step *at = step_of(t, f->minute / READ_FINE_STEP);

    if (at) {
        at->shares += f->shares;
        at->difficulty += f->difficulty;
        t->any = true;
    }
    return true;
}

static bool take(struct steps *t, uint64_t hour, uint64_t shares, double difficulty)
{
    struct step *at = step_of(t, hour);

    if (at) {
        at->shares += shares;
        at->difficulty += difficulty;
        t->any = t->any || shares > 0;
    }
    return true;
}

static bool take_hour(void *ctx, const struct read_hour *h)
{
    return take(ctx, h->hour, h->shares, h->difficulty);
}

static bool take_miner_hour(void *ctx, const struct read_miner_hour *h)
{
    return take(ctx, h->hour, h->shares, h->difficulty);
}

/* From where on something came; LEAST steps are shown all the same. */
static uint64_t start_of(const struct steps *t, uint64_t least)
{
    uint64_t i = 0;

    while (i + least < t->steps && t->at[i].shares == 0)
        i++;
    return i;
}

/* Rows of RATE_PLOT, LEAST of them or more; a step lasts STEP_S seconds. */
static void write_rates(struct site *p, const struct steps *t, int64_t step_s, uint64_t least)
{
    for (uint64_t i = start_of(t, least); i < t->steps; i++) {
        write_at(p, (int64_t)(t->first + i) * step_s, false);
        write_rate(p, t->at[i].difficulty / (double)step_s);
        write_count(p, t->at[i].shares);
        html_raw(&p->h, "</tr>\n");
    }
    html_raw(&p->h, PLOT_END);
}

static void fine_steps(struct steps *t, int64_t now_s)
{
    *t = (struct steps){.steps = FINE_STEPS,
                        .first = (uint64_t)now_s / 60 / READ_FINE_STEP - FINE_STEPS};
}

/* Whole hours, which have passed. */
static void hour_steps(struct steps *t, int64_t now_s, uint64_t hours)
{
    *t = (struct steps){.steps = hours, .first = (uint64_t)now_s / 3600 - hours};
}

/* --- the pool --- */

static enum db_result get_fine(struct db *db, const char *network, int64_t now_s, void *ret)
{
    fine_steps(ret, now_s);
    return read_fine(db, network, now_s, take_fine, ret);
}

enum db_result plot_pool(struct site *p, uint64_t workers)
{
    struct steps t;

    if (workers > POOL_FINE_WORKERS)
        return DB_OK;
    enum db_result r = fact_get(p, get_fine, sizeof t, &t);
    if (r == DB_OK && t.any) {
        html_raw(&p->h, RATE_PLOT("Pool hash rate, last two hours"));
        write_rates(p, &t, READ_FINE_STEP * 60, FINE_LEAST);
    }
    return r;
}

static enum db_result get_week(struct db *db, const char *network, int64_t now_s, void *ret)
{
    struct steps *t = ret;

    hour_steps(t, now_s, WEEK_HOURS);
    return read_hours(db, network, t->first, take_hour, t);
}

enum db_result plot_pool_week(struct site *p)
{
    struct steps t;
    enum db_result r = fact_get(p, get_week, sizeof t, &t);

    if (r == DB_OK && t.any) {
        html_raw(&p->h, RATE_PLOT("Pool hash rate by the hour, last seven days"));
        write_rates(p, &t, 3600, HOURS_LEAST);
    } else {
        write_empty(p);
    }
    return r;
}

static bool take_day(void *ctx, const struct read_hour *h)
{
    struct steps *t = ctx;
    struct step *at = step_of(t, h->hour / 24);

    if (at) {
        at->shares += h->shares;
        at->rejected += h->rejected;
        at->blocks += h->blocks;
        at->pool_blocks += h->pool_blocks;
        at->difficulty += h->difficulty;
        if (h->miners > at->miners)
            at->miners = h->miners;
        t->any = true;
    }
    return true;
}

static void write_days(struct site *p, const struct steps *t)
{
    for (uint64_t i = 0; i < t->steps; i++) {
        const struct step *at = &t->at[i];
        int64_t begin = (int64_t)(t->first + i) * 86400;
        int64_t lasted = p->now_s - begin < 86400 ? p->now_s - begin : 86400;

        write_at(p, begin, true);
        write_count(p, at->shares);
        write_count(p, at->pool_blocks);
        write_count(p, at->blocks);
        write_count(p, at->rejected);
        write_count(p, at->miners);
        write_rate(p, at->difficulty / (double)(lasted > 0 ? lasted : 1));
        html_raw(&p->h, "</tr>\n");
    }
    html_raw(&p->h, PLOT_END);
}

static enum db_result get_days(struct db *db, const char *network, int64_t now_s, void *ret)
{
    struct steps *t = ret;

    *t = (struct steps){.steps = DAYS, .first = (uint64_t)now_s / 86400 - DAYS + 1};
    return read_hours(db, network, t->first * 24, take_day, t);
}

enum db_result plot_pool_days(struct site *p)
{
    struct steps t;
    enum db_result r = fact_get(p, get_days, sizeof t, &t);

    if (r == DB_OK && t.any) {
        html_raw(&p->h,
                 PLOT_BEGIN("Shares and blocks per day")
                     CANVAS("1", "bar", "", "Shares", "Shares per day")
                         CANVAS("2", "bar", "", "Blocks of the pool", "Blocks of the pool per day")
                             PLOT_TABLE("Shares and blocks per day"));
        html_raw(&p->h, COLUMN("Day (UTC)") COLUMN_N("Shares") COLUMN_N("Blocks of the pool")
                            COLUMN_N("Blocks of the network") COLUMN_N("Refused")
                                COLUMN_N("Miners, at most")
                                    COLUMN_N("Hash rate") "</tr></thead><tbody>\n");
        write_days(p, &t);
    } else {
        html_raw(&p->h, "<p class=\"empty\">No day has had any work yet.</p>\n");
    }
    return r;
}

/* --- a miner --- */

enum db_result plot_miner_fine(struct site *p, uint64_t workers)
{
    struct steps t;

    if (workers > MINER_FINE_WORKERS)
        return DB_OK;
    fine_steps(&t, p->now_s);
    enum db_result r = read_miner_fine(p->s->db, p->net->name, p->address, p->now_s, take_fine, &t);
    if (r == DB_OK && t.any) {
        html_raw(&p->h, RATE_PLOT("Your hash rate, last two hours"));
        write_rates(p, &t, READ_FINE_STEP * 60, FINE_LEAST);
    }
    return r;
}

enum db_result plot_miner_day(struct site *p, bool any)
{
    struct steps t;
    enum db_result r = DB_OK;

    hour_steps(&t, p->now_s, DAY_HOURS);
    if (any)
        r = read_miner_hours(p->s->db, p->net->name, p->address, t.first, take_miner_hour, &t);
    if (r == DB_OK && t.any) {
        html_raw(&p->h, RATE_PLOT("Your hash rate by the hour, last 24 hours"));
        write_rates(p, &t, 3600, HOURS_LEAST);
    } else {
        write_empty(p);
    }
    return r;
}
