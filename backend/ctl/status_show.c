/* Showing the state of the pool: as a picture, as plain lines, as JSON. */
#include "backend/ctl/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LABEL_WIDTH  26
#define NUMBER_WIDTH 13 /* 999,999,999 */
#define RATE_WIDTH   11 /* 12,345/min */

enum colour { PLAIN, BOLD, DIM, GREEN, YELLOW, RED };

static const char *const escapes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m"};

/* The networks that fit side by side. */
struct page {
    const struct status *s;
    const struct status_look *look;
    size_t first, end;
    struct buf *out;
    bool ok;
};

__attribute__((format(printf, 3, 4))) static void put(struct page *p, enum colour c,
                                                      const char *format, ...)
{
    char text[JOBS_TROUBLE_SIZE + 64];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool coloured = p->look->colour && c != PLAIN;
    p->ok = p->ok &&
            buf_addf(p->out, "%s%s%s", coloured ? escapes[c] : "", text, coloured ? "\033[0m" : "");
}

/* 1234567 -> 1,234,567 */
static void group_digits(uint64_t n, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);

    for (int i = 0; i < len; i++) {
        *out++ = digits[i];
        if (i + 1 < len && (len - i - 1) % 3 == 0)
            *out++ = ',';
    }
    *out = '\0';
}

static void put_number(struct page *p, enum colour c, bool known, uint64_t n)
{
    char text[32] = "?";

    if (known)
        group_digits(n, text);
    put(p, known && n == 0 ? DIM : c, "%*s", NUMBER_WIDTH, text);
}

static void put_rate(struct page *p, double rate)
{
    char number[32], text[40] = "";

    if (!p->look->rates)
        return;
    if (rate >= 0) {
        group_digits((uint64_t)(rate + 0.5), number);
        snprintf(text, sizeof text, "%s/min", number);
    }
    put(p, DIM, "%*s", RATE_WIDTH, text);
}

static void put_label(struct page *p, int indent, const char *label)
{
    put(p, PLAIN, "%*s%-*s", indent, "", LABEL_WIDTH - indent, label);
}

static void put_networks(struct page *p)
{
    put_label(p, 2, "");
    for (size_t i = p->first; i < p->end; i++)
        put(p, BOLD, "%*s%*s", NUMBER_WIDTH, p->s->network[i].name,
            p->look->rates && i + 1 < p->end ? RATE_WIDTH : 0, "");
    put(p, PLAIN, "\n");
}

/* --- the rows --- */

struct row {
    const char *label;
    enum colour colour;
    uint64_t (*number)(const struct network_status *s);
    bool (*known)(const struct network_status *s);  /* NULL: always */
    double (*rate)(const struct network_status *s); /* NULL: none */
    /* Detail lines under it, or NULL. */
    const struct status_counts *(*details)(const struct network_status *s);
};

static uint64_t work(const struct network_status *s)
{
    return s->work;
}

static double work_rate(const struct network_status *s)
{
    return s->work_rate;
}

static uint64_t shares(const struct network_status *s)
{
    return s->shares;
}

static double share_rate(const struct network_status *s)
{
    return s->share_rate;
}

static uint64_t rejected(const struct network_status *s)
{
    return s->rejected;
}

static double rejection_rate(const struct network_status *s)
{
    return s->rejection_rate;
}

static const struct status_counts *reasons(const struct network_status *s)
{
    return &s->reasons;
}

static uint64_t blocks(const struct network_status *s)
{
    return status_counted(&s->outcomes, "on_chain");
}

static uint64_t side_blocks(const struct network_status *s)
{
    return status_counted(&s->outcomes, "side_chain");
}

static uint64_t refused_blocks(const struct network_status *s)
{
    return status_counted(&s->outcomes, "refused");
}

static uint64_t height(const struct network_status *s)
{
    return s->tip_height;
}

static bool height_known(const struct network_status *s)
{
    return s->tip_known;
}

static uint64_t waiting(const struct network_status *s)
{
    return s->waiting;
}

static uint64_t waiting_large(const struct network_status *s)
{
    return s->waiting_large;
}

static uint64_t waiting_jobs(const struct network_status *s)
{
    return s->waiting_jobs;
}

static bool waiting_known(const struct network_status *s)
{
    return s->waiting_known;
}

static uint64_t split(const struct network_status *s)
{
    return s->money.split;
}

static uint64_t paid(const struct network_status *s)
{
    return s->money.sent;
}

static uint64_t confirmed(const struct network_status *s)
{
    return s->money.confirmed;
}

static bool money_known(const struct network_status *s)
{
    return s->money.known;
}

static uint64_t job_height(const struct network_status *s)
{
    return s->jobs.height;
}

static uint64_t job_age(const struct network_status *s)
{
    return (uint64_t)s->jobs.made_age_s;
}

static bool job_known(const struct network_status *s)
{
    return s->jobs.made;
}

static const struct row rows[] = {
    {"Work handed out", PLAIN, work, NULL, work_rate, NULL},
    {"Shares accepted", GREEN, shares, NULL, share_rate, NULL},
    {"Shares rejected", YELLOW, rejected, NULL, rejection_rate, reasons},
    {"Blocks found", GREEN, blocks, NULL, NULL, NULL},
    {"Blocks on a side chain", YELLOW, side_blocks, NULL, NULL, NULL},
    {"Blocks refused by wallet", RED, refused_blocks, NULL, NULL, NULL},
    {"Blocks split", GREEN, split, money_known, NULL, NULL},
    {"Payouts sent", GREEN, paid, money_known, NULL, NULL},
    {"  of them confirmed", GREEN, confirmed, money_known, NULL, NULL},
    {"Chain height", PLAIN, height, height_known, NULL, NULL},
    {"Solutions waiting", PLAIN, waiting, waiting_known, NULL, NULL},
    {"  of them large", PLAIN, waiting_large, waiting_known, NULL, NULL},
    {"  of them of jobs", PLAIN, waiting_jobs, waiting_known, NULL, NULL},
};

/* Of the networks whose jobs are made of block templates. */
static const struct row job_rows[] = {
    {"Newest job's height", PLAIN, job_height, job_known, NULL, NULL},
    {"  made, seconds ago", PLAIN, job_age, job_known, NULL, NULL},
};

static void put_row(struct page *p, const struct row *row)
{
    put_label(p, 2, row->label);
    for (size_t i = p->first; i < p->end; i++) {
        const struct network_status *s = &p->s->network[i];
        put_number(p, row->colour, row->known == NULL || row->known(s), row->number(s));
        if (row->rate != NULL)
            put_rate(p, row->rate(s));
        else if (p->look->rates && i + 1 < p->end)
            put(p, PLAIN, "%*s", RATE_WIDTH, "");
    }
    put(p, PLAIN, "\n");
}

/* One line per name that any network of the page has. */
static void put_details(struct page *p, const struct row *row)
{
    struct status_counts all = {.n = 0};

    for (size_t i = p->first; i < p->end; i++) {
        const struct status_counts *c = row->details(&p->s->network[i]);
        for (size_t k = 0; k < c->n; k++)
            status_count(&all, c->item[k].name, c->item[k].n);
    }
    for (size_t k = 0; k < all.n; k++) {
        put_label(p, 4, all.item[k].name);
        for (size_t i = p->first; i < p->end; i++) {
            const struct status_counts *c = row->details(&p->s->network[i]);
            put_number(p, DIM, true, status_counted(c, all.item[k].name));
            if (p->look->rates && i + 1 < p->end)
                put(p, PLAIN, "%*s", RATE_WIDTH, "");
        }
        put(p, PLAIN, "\n");
    }
}

static bool any_jobs(const struct page *p)
{
    bool any = false;

    for (size_t i = p->first; i < p->end; i++)
        any |= job_known(&p->s->network[i]);
    return any;
}

static void put_page(struct page *p)
{
    put_networks(p);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_row(p, &rows[i]);
        if (rows[i].details != NULL)
            put_details(p, &rows[i]);
    }
    for (size_t i = 0; any_jobs(p) && i < sizeof job_rows / sizeof job_rows[0]; i++)
        put_row(p, &job_rows[i]);
}

static void format_time(int64_t s, char out[32])
{
    struct tm tm;
    time_t t = (time_t)s;

    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

static void put_tasks(struct page *p, const struct status_tasks *t)
{
    put_label(p, 2, "Tasks in trouble");
    if (t->known && !t->ever)
        put(p, YELLOW, "%*s", NUMBER_WIDTH, "none has run");
    else
        put_number(p, RED, t->known, t->n);
    put(p, PLAIN, "\n");
    for (size_t i = 0; i < t->n; i++)
        put(p, RED, "    %s\n", t->line[i]);
}

static void put_notes(struct page *p)
{
    const struct status *s = p->s;
    char trouble[JOBS_TROUBLE_SIZE];

    for (size_t i = 0; i < s->n; i++)
        if (jobs_seen_trouble(&s->network[i].jobs, trouble, sizeof trouble))
            put(p, RED, "  %s: %s\n", s->network[i].name, trouble);
    for (size_t i = 0; i < s->n; i++)
        if (s->network[i].money.frozen)
            put(p, RED, "  payouts of %s are frozen: penstockctl payouts list\n",
                s->network[i].name);
    for (size_t i = 0; i < s->n; i++)
        if (s->network[i].unpaid)
            put(p, PLAIN, "  %s: miners are credited, nobody is paid (payouts = no)\n",
                s->network[i].name);
    for (int i = 0; i < 2; i++)
        if (s->problem[i][0] != '\0')
            put(p, RED, "  %s\n", s->problem[i]);
}

bool status_paint(const struct status *s, const struct status_look *look, struct buf *out)
{
    struct page p = {.s = s, .look = look, .out = out, .ok = true};
    size_t width = NUMBER_WIDTH + (look->rates ? RATE_WIDTH : 0);
    size_t fit = look->columns > LABEL_WIDTH + width ? (look->columns - LABEL_WIDTH) / width : 1;
    char now[32], since[32];

    format_time(s->now_s, now);
    format_time(s->since_s, since);
    put(&p, BOLD, "Penstock");
    put(&p, PLAIN, "  %s UTC", now);
    put(&p, DIM, "   since %.16s", since);
    put(&p, PLAIN, "\n\n");
    for (p.first = 0; p.first < s->n; p.first = p.end) {
        p.end = p.first + fit < s->n ? p.first + fit : s->n;
        put_page(&p);
        put(&p, PLAIN, "\n");
    }
    put_label(&p, 2, "Dead letters");
    put_number(&p, RED, s->dead_known, s->dead);
    put(&p, PLAIN, "\n");
    put_tasks(&p, &s->tasks);
    put_notes(&p);
    return p.ok;
}

static void line_number(FILE *out, const char *name, bool known, uint64_t n)
{
    if (known)
        fprintf(out, " %s=%" PRIu64, name, n);
    else
        fprintf(out, " %s=?", name);
}

void status_line(const struct status *s, size_t network, FILE *out)
{
    const struct network_status *n = &s->network[network];
    char now[32];

    format_time(s->now_s, now);
    fprintf(out, "%s %s", now, n->name);
    line_number(out, "work", true, n->work);
    line_number(out, "shares", true, n->shares);
    line_number(out, "rejected", true, n->rejected);
    line_number(out, "blocks", true, blocks(n));
    line_number(out, "split", n->money.known, n->money.split);
    line_number(out, "paid", n->money.known, n->money.sent);
    line_number(out, "confirmed", n->money.known, n->money.confirmed);
    line_number(out, "height", n->tip_known, n->tip_height);
    line_number(out, "waiting", n->waiting_known, n->waiting);
    line_number(out, "dead", s->dead_known, s->dead);
    fputc('\n', out);
}

/* --- JSON --- */

static json_t *counts_json(const struct status_counts *c)
{
    json_t *object = json_object();

    for (size_t i = 0; i < c->n; i++)
        json_object_set_new(object, c->item[i].name, json_integer((json_int_t)c->item[i].n));
    return object;
}

static json_t *number_json(bool known, uint64_t n)
{
    return known ? json_integer((json_int_t)n) : json_null();
}

/* null: nobody has ever made jobs of it. */
static json_t *jobs_json(const struct jobs_seen *s)
{
    char trouble[JOBS_TROUBLE_SIZE] = "";

    if (!s->told && !s->made)
        return json_null();
    jobs_seen_trouble(s, trouble, sizeof trouble);
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "trouble", trouble, "problem", s->problem,
                     "seen_age_s", number_json(s->told, (uint64_t)s->told_age_s), "height",
                     number_json(s->made, s->height), "age_s",
                     number_json(s->made, (uint64_t)s->made_age_s));
}

static json_t *network_json(const struct network_status *n)
{
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "network", n->name, "work",
                  (json_int_t)n->work, "shares", (json_int_t)n->shares, "rejected",
                  (json_int_t)n->rejected, "reasons", counts_json(&n->reasons), "blocks",
                  counts_json(&n->outcomes), "height", number_json(n->tip_known, n->tip_height),
                  "waiting", number_json(n->waiting_known, n->waiting), "waiting_large",
                  number_json(n->waiting_known, n->waiting_large), "waiting_jobs",
                  number_json(n->waiting_known, n->waiting_jobs));
    const struct status_money *m = &n->money;

    json_object_set_new(json, "blocks_split", number_json(m->known, m->split));
    json_object_set_new(json, "payouts_sent", number_json(m->known, m->sent));
    json_object_set_new(json, "payouts_confirmed", number_json(m->known, m->confirmed));
    json_object_set_new(json, "jobs", jobs_json(&n->jobs));
    json_object_set_new(json, "payouts_off", json_boolean(n->unpaid));
    json_object_set_new(json, "payouts_frozen", m->known ? json_boolean(m->frozen) : json_null());
    return json;
}

json_t *status_json(const struct status *s)
{
    json_t *networks = json_array(), *problems = json_array(), *tasks = json_array();

    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(networks, network_json(&s->network[i]));
    for (int i = 0; i < 2; i++)
        if (s->problem[i][0] != '\0')
            json_array_append_new(problems, json_string(s->problem[i]));
    for (size_t i = 0; i < s->tasks.n; i++)
        json_array_append_new(tasks, json_string(s->tasks.line[i]));
    return json_pack("{s:I, s:I, s:o, s:o, s:b, s:o, s:o}", "now", (json_int_t)s->now_s, "since",
                     (json_int_t)s->since_s, "networks", networks, "dead",
                     number_json(s->dead_known, s->dead), "tasks_ran", s->tasks.ever, "tasks",
                     tasks, "problems", problems);
}
