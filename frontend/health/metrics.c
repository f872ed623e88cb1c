#include "common/base/clock.h"
#include "common/base/prom.h"
#include "frontend/health/health.h"
#include "frontend/health/vital.h"
#include "frontend/limit/bans.h"
#include "frontend/read/column.h"
#include "frontend/read/read.h"
#include "frontend/web/answer.h"

#include <stdio.h>
#include <string.h>

/* --- what the frontends of this machine count together --- */

static void write_refused(void *ctx, const char *name, uint64_t count)
{
    prom_value(ctx, "", PROM_LABELS("reason", name), (double)count);
}

/* The name is "2 /path": the class of the status, and the route. */
static void write_requests(void *ctx, const char *name, uint64_t count)
{
    const char class[] = {name[0], 'x', 'x', '\0'};

    prom_value(ctx, "", PROM_LABELS("route", name + 2, "status", class), (double)count);
}

static void write_histogram(struct prom *p, const struct counters *c, enum histogram_kind kind)
{
    struct histogram h;
    char bound[32];

    counters_histogram(c, kind, &h);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        snprintf(bound, sizeof bound, "%g", (double)histogram_bounds_us[i] / 1e6);
        prom_value(p, "_bucket", PROM_LABELS("le", bound), (double)h.upto[i]);
    }
    prom_value(p, "_bucket", PROM_LABELS("le", "+Inf"), (double)h.upto[HISTOGRAM_BOUNDS]);
    prom_value(p, "_sum", PROM_NO_LABELS, (double)h.sum_us / 1e6);
    prom_value(p, "_count", PROM_NO_LABELS, (double)h.upto[HISTOGRAM_BOUNDS]);
}

static void write_counters(struct prom *p, const struct counters *c)
{
    if (!c)
        return;
    prom_family(p, "penstock_frontend_requests_total", "counter",
                "Requests answered by the programs, by route and class of status.");
    counters_each(c, COUNTER_REQUESTS, write_requests, p);
    prom_family(p, "penstock_frontend_refused_total", "counter", "Requests refused, by reason.");
    counters_each(c, COUNTER_REFUSED, write_refused, p);
    prom_family(p, "penstock_frontend_request_seconds", "histogram", "Time to an answer.");
    write_histogram(p, c, HISTOGRAM_REQUEST);
    prom_family(p, "penstock_frontend_confirm_seconds", "histogram",
                "Time until the broker confirmed a solution.");
    write_histogram(p, c, HISTOGRAM_CONFIRM);
}

/* --- vital signs --- */

static void write_up(struct prom *p, const struct vital *v)
{
    prom_family(p, "penstock_server_up", "gauge", "1: the server answers this frontend.");
    prom_value(p, "", PROM_LABELS("server", "database"), v->database);
    prom_value(p, "", PROM_LABELS("server", "broker"), v->broker);
    prom_family(p, "penstock_queue_messages", "gauge", "Messages ready in a queue.");
    for (size_t i = 0; i < v->queues; i++)
        if (v->queue[i].known)
            prom_value(p, "", PROM_LABELS("queue", v->queue[i].name), (double)v->queue[i].messages);
}

static void write_age(struct prom *p, const char *network, int64_t age_s)
{
    if (age_s != VITAL_NEVER)
        prom_value(p, "", PROM_LABELS("network", network), (double)age_s);
}

static void write_networks(struct prom *p, const struct service *s, const struct vital *v)
{
    prom_family(p, "penstock_tip_height", "gauge", "Height of the newest block that was seen.");
    for (size_t i = 0; i < s->networks_n; i++)
        prom_value(p, "", PROM_LABELS("network", s->networks[i].name),
                   (double)v->network[i].tip_height);
    prom_family(p, "penstock_tip_age_seconds", "gauge", "Since the newest block was seen.");
    for (size_t i = 0; i < s->networks_n; i++)
        write_age(p, s->networks[i].name, v->network[i].tip_age_s);
    prom_family(p, "penstock_worker_age_seconds", "gauge",
                "Since a worker of the network last said that it is alive.");
    for (size_t i = 0; i < s->networks_n; i++)
        write_age(p, s->networks[i].name, v->network[i].worker_age_s);
    prom_family(p, "penstock_job_age_seconds", "gauge",
                "Since the newest job was made of a block template; absent when none was lately.");
    for (size_t i = 0; i < s->networks_n; i++)
        write_age(p, s->networks[i].name, v->network[i].job_age_s);
    prom_family(p, "penstock_payouts_frozen", "gauge", "1: the network pays nobody.");
    for (size_t i = 0; i < s->networks_n; i++)
        prom_value(p, "", PROM_LABELS("network", s->networks[i].name), v->network[i].frozen);
}

static void write_tasks(struct prom *p, const struct service *s, const struct vital *v)
{
    prom_family(p, "penstock_task_age_seconds", "gauge",
                "Since a run of the task ended well; absent when none did lately.");
    for (size_t i = 0; i < s->networks_n * VITAL_TASKS; i++) {
        const struct vital_network *net = &v->network[i / VITAL_TASKS];
        const struct vital_run *run = &net->run[i % VITAL_TASKS];

        if (run->age_s != VITAL_NEVER)
            prom_value(
                p, "",
                PROM_LABELS("network", net->net->name, "task", vital_tasks[i % VITAL_TASKS].name),
                (double)run->age_s);
    }
    if (v->notify.age_s != VITAL_NEVER)
        prom_value(p, "", PROM_LABELS("network", "", "task", VITAL_NOTIFY),
                   (double)v->notify.age_s);
    prom_family(p, "penstock_task_late", "gauge", "1: the task did not end well in time.");
    for (size_t i = 0; i < s->networks_n * VITAL_TASKS; i++) {
        const struct vital_network *net = &v->network[i / VITAL_TASKS];

        prom_value(
            p, "",
            PROM_LABELS("network", net->net->name, "task", vital_tasks[i % VITAL_TASKS].name),
            net->run[i % VITAL_TASKS].late);
    }
    if (v->notifies)
        prom_value(p, "", PROM_LABELS("network", "", "task", VITAL_NOTIFY), v->notify.late);
}

/* --- what the database sums up, by network --- */

struct rows {
    struct prom *p;
    const char *network, *label;
};

/* What, number. */
static bool write_row(void *ctx, const struct db_value *v, size_t n)
{
    const struct rows *rows = ctx;

    (void)n;
    prom_value(rows->p, "", PROM_LABELS("network", rows->network, rows->label, db_text(&v[0])),
               column_real(&v[1]));
    return true;
}

static const struct {
    const char *name, *help, *label, *sql;
} families[] = {
    {"penstock_ledger_balance", "The books by kind of account, in base units; all sum to zero.",
     "kind", "SELECT kind, balance FROM site_ledger WHERE network = ?"},
    {"penstock_ledger_imbalance", "Sum over all accounts, in base units; anything but 0 is wrong.",
     "of", "SELECT 'all', COALESCE(SUM(balance), 0) FROM site_ledger WHERE network = ?"},
    {"penstock_payouts", "Payouts that are not yet settled, by status.", "status",
     "SELECT status, COUNT(*) FROM site_payout WHERE network = ? "
     "AND status IN ('intent', 'stored', 'sent', 'conflicted') GROUP BY status"},
    {"penstock_rejected_last_hour", "Solutions refused in the last hour, by reason.", "reason",
     "SELECT reason, SUM(rejected) FROM site_rejected_minute "
     "WHERE network = ? AND minute >= UNIX_TIMESTAMP() DIV 60 - 60 GROUP BY reason"},
};

static void write_sums(struct service *s, struct prom *p)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        prom_family(p, families[i].name, "gauge", families[i].help);
        for (size_t j = 0; j < s->networks_n; j++) {
            struct rows rows = {p, s->networks[j].name, families[i].label};

            if (service_begin_db(s))
                service_settle_db(s, db_query(s->db, families[i].sql, PARAMS(DB_TEXT(rows.network)),
                                              write_row, &rows));
        }
    }
}

static void write_pulse(struct service *s, struct prom *p)
{
    struct read_pulse pulse;

    prom_family(p, "penstock_hash_rate", "gauge", "Hashes per second over the last ten minutes.");
    for (size_t i = 0; i < s->networks_n; i++)
        if (service_begin_db(s) &&
            service_settle_db(
                s, read_pulse(s->db, s->networks[i].name, clock_real_us() / 1000000, &pulse)))
            prom_value(p, "", PROM_LABELS("network", s->networks[i].name), pulse.hash_rate);
}

static bool may_read(const struct service *s, const struct request *rq)
{
    struct ip ip;

    return ip_parse(request_ip(rq), &ip) &&
           ipnet_any_has(s->metrics_from, s->conf->frontend.metrics_from.n, &ip);
}

void health_metrics(struct service *s, const struct request *rq, struct reply *reply)
{
    struct prom p = {.out = &reply->body};
    struct vital v;

    if (!may_read(s, rq)) {
        service_count(s, "not_found");
        reply_error(reply, 404, "Not Found");
        return;
    }
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    vital_read(s, &v);
    write_counters(&p, s->counters);
    write_up(&p, &v);
    if (v.database) {
        write_networks(&p, s, &v);
        write_tasks(&p, s, &v);
        write_sums(s, &p);
        write_pulse(s, &p);
    }
    vital_free(&v);
    if (p.full)
        answer_error(s, reply, 500, "answer_too_long", "The answer is too long");
}
