#include "backend/metrics/stored.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/db/db.h"

#include <stdlib.h>

#define FRESH_MS   5000 /* a program that scrapes all the time costs the database nothing */
#define PAUSE_MS   10000
#define CONNECT_MS 1000
#define ANSWER_MS  2000
#define MOST_BYTES (512 << 10)

struct stored {
    const struct backend_conf *conf;
    struct db_conf db_conf;
    struct db *db;
    struct buf text; /* what was read last */
    bool up;
    int64_t next_ms;
};

/* Seconds since the epoch of a time that the database has, or between two of them. */
#define SINCE(FROM, TO) "TIMESTAMPDIFF(MICROSECOND, " FROM ", " TO ") / 1000000"
#define EPOCH           "'1970-01-01'"

/* Each is asked once for every network, and by_all for the tasks that are of none too: its only
 * parameter. The columns are the labels' values, and the number as text. */
static const struct family {
    const char *name, *help;
    const char *labels[2];
    bool by_all;
    const char *sql;
} families[] = {
    {"penstock_task_last_success_timestamp_seconds",
     "When the last run of a scheduled task ended that did what there was to do.",
     {"task"},
     true,
     "SELECT l.task, CAST((SELECT " SINCE(
         EPOCH,
         "r.ended_at") " FROM task_run r WHERE r.task = l.task AND r.network = l.network AND "
                       "r.outcome = 'done' "
                       "ORDER BY r.id DESC LIMIT 1) AS CHAR) FROM task_lock l WHERE l.network = ?"},
    {"penstock_task_last_duration_seconds",
     "How long the last run of a scheduled task took that has ended.",
     {"task"},
     true,
     "SELECT l.task, CAST((SELECT " SINCE(
         "r.started_at",
         "r.ended_at") " FROM task_run r WHERE r.task = l.task AND r.network = l.network AND "
                       "r.ended_at IS NOT NULL "
                       "ORDER BY r.id DESC LIMIT 1) AS CHAR) FROM task_lock l WHERE l.network = ?"},
    {"penstock_task_runs_last_hour",
     "Runs of scheduled tasks that began in the last hour, by how they ended; one that was killed "
     "stays running.",
     {"task", "outcome"},
     true,
     "SELECT task, outcome, CAST(COUNT(*) AS CHAR) FROM task_run "
     "WHERE network = ? AND started_at > UTC_TIMESTAMP(6) - INTERVAL 1 HOUR "
     "GROUP BY task, outcome"},
    {"penstock_ledger_imbalance",
     "Sum over all accounts, in base units; anything but 0 is wrong.",
     {NULL},
     false,
     "SELECT CAST(COALESCE(SUM(balance), 0) AS CHAR) FROM account WHERE network = ?"},
    {"penstock_payouts_in_flight_amount",
     "Base units taken from miners in payments that the chain has not confirmed yet.",
     {NULL},
     false,
     "SELECT CAST(COALESCE(SUM(balance), 0) AS CHAR) FROM account "
     "WHERE network = ? AND kind = 'in_flight'"},
    {"penstock_payouts_open",
     "Payouts that are not settled yet, by status.",
     {"status"},
     false,
     "SELECT status, CAST(COUNT(*) AS CHAR) FROM payout WHERE network = ? "
     "AND status IN ('intent', 'stored', 'sent', 'conflicted') GROUP BY status"},
    {"penstock_payouts_oldest_open_seconds",
     "Age of the oldest payout that is not settled yet.",
     {NULL},
     false,
     "SELECT CAST(" SINCE("MIN(created_at)", "UTC_TIMESTAMP(6)") " AS CHAR) FROM payout "
                                                                 "WHERE network = ? AND status IN "
                                                                 "('intent', 'stored', 'sent', "
                                                                 "'conflicted')"},
    {"penstock_audit_last_clean_timestamp_seconds",
     "When books, wallet and chain last agreed.",
     {NULL},
     false,
     "SELECT CAST(" SINCE(EPOCH, "created_at") " AS CHAR) FROM audit_run WHERE network = ? "
                                               "AND outcome = 'clean' ORDER BY id DESC LIMIT 1"},
    {"penstock_audit_difference",
     "1: the last audit found a difference.",
     {NULL},
     false,
     "SELECT IF(outcome = 'difference', '1', '0') FROM audit_run WHERE network = ? "
     "ORDER BY id DESC LIMIT 1"},
    {"penstock_notifications_queued",
     "Messages to miners and to the operator that are not sent yet.",
     {NULL},
     false,
     "SELECT CAST(COUNT(*) AS CHAR) FROM notify_queue WHERE status = 'queued' AND network = ?"},
    {"penstock_unsettled_age_seconds",
     "How long ago the oldest solution was received that a worker may not have settled.",
     {NULL},
     false,
     "SELECT CAST(" SINCE("MIN(settled_until)", "UTC_TIMESTAMP(6)") " AS CHAR) FROM lane_progress "
                                                                    "WHERE network = ? AND seen_at "
                                                                    "> UTC_TIMESTAMP(6) - "
                                                                    "INTERVAL 60 SECOND"},
};

#define FAMILIES (sizeof families / sizeof families[0])

struct writing {
    struct prom *p;
    const struct family *family;
    const char *network;
};

/* What there is nothing of (an aggregate of no rows) has no value. */
static bool write_row(void *ctx, const struct db_value *v, size_t n)
{
    const struct writing *w = ctx;
    const char *labels[7] = {"network", w->network};

    for (size_t i = 0; i + 1 < n; i++) {
        labels[2 + 2 * i] = w->family->labels[i];
        labels[3 + 2 * i] = db_text(&v[i]);
    }
    if (!db_is_null(&v[n - 1]))
        prom_value(w->p, "", labels, strtod(db_text(&v[n - 1]), NULL));
    return true;
}

static enum db_result write_family(struct stored *s, struct prom *p, const struct family *f)
{
    size_t networks = s->conf->networks.n;
    enum db_result r = DB_OK;

    prom_family(p, f->name, "gauge", f->help);
    for (size_t i = 0; r == DB_OK && i < networks + f->by_all; i++) {
        struct writing w = {p, f, i < networks ? backend_network_at(s->conf, i)->base.label : ""};
        const struct db_value v = DB_TEXT(w.network);

        r = db_query(s->db, f->sql, &v, 1, write_row, &w);
    }
    return r;
}

static void read_again(struct stored *s)
{
    struct prom p = {.out = &s->text};
    enum db_result r = DB_OK;

    buf_clear(&s->text);
    for (size_t i = 0; r == DB_OK && i < FAMILIES; i++)
        r = write_family(s, &p, &families[i]);
    s->up = r == DB_OK && !p.full;
    if (!s->up)
        buf_clear(&s->text);
    s->next_ms = clock_mono_ms() + (s->up ? FRESH_MS : PAUSE_MS);
}

struct stored *stored_open(const struct backend_conf *conf, char *err, size_t err_size)
{
    struct stored *s = mem_zalloc(sizeof *s);

    *s = (struct stored){.conf = conf, .db_conf = conf->database, .text = BUF_INIT(MOST_BYTES)};
    if (s->db_conf.connect_timeout_ms > CONNECT_MS)
        s->db_conf.connect_timeout_ms = CONNECT_MS;
    if (s->db_conf.query_timeout_ms > ANSWER_MS)
        s->db_conf.query_timeout_ms = ANSWER_MS;
    s->next_ms = clock_mono_ms();
    s->db = db_open(&s->db_conf, err, err_size);
    if (s->db == NULL)
        stored_close(&s);
    return s;
}

void stored_close(struct stored **s)
{
    if (*s == NULL)
        return;
    db_close(&(*s)->db);
    buf_free(&(*s)->text);
    free(*s);
    *s = NULL;
}

void stored_write(struct stored *s, struct prom *p)
{
    if (clock_left_ms(s->next_ms) <= 0)
        read_again(s);
    prom_family(p, "penstock_metrics_database_up", "gauge",
                "1: the database answers the worker's metrics; else what it tells is missing.");
    prom_value(p, "", PROM_NO_LABELS, s->up);
    if (s->text.len > 0 && !p->full)
        p->full = !buf_add(p->out, s->text.data, s->text.len);
}
