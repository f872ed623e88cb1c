#include "common/base/clock.h"
#include "common/base/prom.h"
#include "frontend/live/live-private.h"

#include <stdio.h>
#include <string.h>

#define MAX_BYTES 65536

static void one(struct prom *p, const char *name, const char *type, const char *help, double value)
{
    prom_family(p, name, type, help);
    prom_value(p, "", PROM_NO_LABELS, value);
}

static double age_s(const struct net *net)
{
    return (double)(clock_real_us() - net->tip->job.made_us) / 1e6;
}

static void write_networks(struct prom *p, const struct live *l)
{
    prom_family(p, "penstock_live_held", "gauge", "Miners that wait for new work.");
    for (size_t i = 0; i < l->nets_n; i++)
        prom_value(p, "", PROM_LABELS("network", l->nets[i].name), (double)l->nets[i].held_n);
    one(p, "penstock_live_held_max", "gauge", "Miners that may wait at once.",
        (double)l->conf->live.held_max);
    prom_family(p, "penstock_live_job_age_seconds", "gauge", "Age of the newest job.");
    for (size_t i = 0; i < l->nets_n; i++)
        if (l->nets[i].tip)
            prom_value(p, "", PROM_LABELS("network", l->nets[i].name), age_s(&l->nets[i]));
}

static void write_answers(struct prom *p, const struct live *l)
{
    static const char *const why[WHYS] = {
        [WHY_TIP] = "tip", [WHY_AT_ONCE] = "at_once", [WHY_TIME] = "time", [WHY_END] = "end"};

    prom_family(p, "penstock_live_answers_total", "counter", "Work given, by what made it due.");
    for (size_t i = 0; i < WHYS; i++)
        prom_value(p, "", PROM_LABELS("why", why[i]), (double)l->answered[i]);
    prom_family(p, "penstock_live_refused_total", "counter", "Requests refused, by reason.");
    for (size_t i = 0; i < LIVE_REASONS && l->refused[i].name; i++)
        prom_value(p, "", PROM_LABELS("reason", l->refused[i].name), (double)l->refused[i].n);
    prom_family(p, "penstock_live_wake_seconds", "histogram",
                "From the news of a tip to the last byte of a miner's new work.");
    prom_histogram(p, PROM_NO_LABELS, &l->wake_us, &histogram_time_us);
}

static void write_servers(struct prom *p, const struct live *l)
{
    struct follow_state f = follow_look(l->follow);

    one(p, "penstock_live_broker_up", "gauge", "1 while jobs are heard of from the broker.",
        f.broker);
    one(p, "penstock_live_database_up", "gauge", "1 while the database answers.", f.database);
    prom_family(p, "penstock_live_jobs_total", "counter", "New jobs, by who told of them first.");
    prom_value(p, "", PROM_LABELS("from", "broker"), (double)f.told);
    prom_value(p, "", PROM_LABELS("from", "database"), (double)f.read);
    one(p, "penstock_live_tips_total", "counter", "Jobs on another tip than the one before.",
        (double)l->tips);
    one(p, "penstock_live_connections", "gauge", "Connections.", (double)server_clients(l->server));
    one(p, "penstock_live_unsent_bytes", "gauge", "Of answers that are on their way.",
        (double)server_unsent(l->server));
}

static int write_metrics(struct live *l, struct buf *out)
{
    struct prom p = {.out = out};

    write_networks(&p, l);
    write_answers(&p, l);
    write_servers(&p, l);
    return p.full ? 503 : 200;
}

/* Well: the database answers, and there is a job of each network. */
static int write_alive(struct live *l, struct buf *out)
{
    struct follow_state f = follow_look(l->follow);
    bool well = f.database && l->end_ms == 0;

    buf_addf(out, "{\"database\":%s,\"broker\":%s,\"networks\":{", f.database ? "true" : "false",
             f.broker ? "true" : "false");
    for (size_t i = 0; i < l->nets_n; i++) {
        well = well && l->nets[i].tip;
        buf_addf(out, "%s\"%s\":{\"held\":%zu,\"job\":%s}", i > 0 ? "," : "", l->nets[i].name,
                 l->nets[i].held_n, l->nets[i].tip ? "true" : "false");
    }
    buf_addf(out, "},\"well\":%s}\n", well ? "true" : "false");
    return well ? 200 : 503;
}

bool live_answer_vital(struct live *l, struct client *c, const char *path)
{
    const bool metrics = strcmp(path, "/metrics") == 0;
    struct buf out = BUF_INIT(MAX_BYTES);

    if (!metrics && strcmp(path, "/isalive") != 0)
        return false;
    int status = metrics ? write_metrics(l, &out) : write_alive(l, &out);
    client_answer(c, &(struct answer){.status = status,
                                      .type = metrics ? "text/plain; version=0.0.4; charset=utf-8"
                                                      : "application/json",
                                      .headers = "",
                                      .body = &out});
    return true;
}
