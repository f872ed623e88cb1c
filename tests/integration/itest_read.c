/*
 * What the readers of frontend/read make the database do: each is called for network and miner of
 * the command line, and a line of JSON says how many rows the server touched for it (its own
 * counters of the session, which are exact), how many statements ran, how many rows it gave, and
 * the shortest of its times in microseconds.
 *
 * itest_read FRONTEND.CONF NETWORK ADDRESS [TIMES]
 */
#include "common/base/clock.h"
#include "common/conf/conf.h"
#include "frontend/conf/settings.h"
#include "frontend/read/column.h"
#include "frontend/read/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct probe {
    struct db *db;
    const char *network, *address;
    int64_t now_s;
    uint64_t rows;
};

static const struct page first_page = {0, 15};

#define COUNT_ROWS(name)                                                                           \
    static bool count_##name(void *ctx, const struct name *row)                                    \
    {                                                                                              \
        (void)row;                                                                                 \
        ((struct probe *)ctx)->rows++;                                                             \
        return true;                                                                               \
    }

COUNT_ROWS(read_block)
COUNT_ROWS(read_hour)
COUNT_ROWS(read_miner_rate)
COUNT_ROWS(read_worker_hour)
COUNT_ROWS(read_worker_day)
COUNT_ROWS(read_reject)
COUNT_ROWS(read_miner_hour)
COUNT_ROWS(read_earning)
COUNT_ROWS(read_change)
COUNT_ROWS(read_payment)
COUNT_ROWS(read_fine)
COUNT_ROWS(read_credit)
COUNT_ROWS(read_account)
COUNT_ROWS(read_audit)

/* --- the readers: PROBE is a statement with P, the probe --- */

#define READER(name, CALL)                                                                         \
    static enum db_result probe_##name(struct probe *p)                                            \
    {                                                                                              \
        return CALL;                                                                               \
    }
#define ONE(name, TYPE, ...)                                                                       \
    static enum db_result probe_##name(struct probe *p)                                            \
    {                                                                                              \
        struct TYPE ret;                                                                           \
        return name(p->db, p->network, __VA_ARGS__ & ret);                                         \
    }
#define NOTHING_MORE

ONE(read_terms, read_terms, NOTHING_MORE)
ONE(read_pulse, read_pulse, p->now_s, )
ONE(read_chain, read_chain, NOTHING_MORE)
ONE(read_totals, read_totals, NOTHING_MORE)
ONE(read_days, read_days, 30, )
ONE(read_block_sums, read_block_sums, NOTHING_MORE)
ONE(read_found, read_block_sum, 30, )
ONE(read_freeze, read_freeze, NOTHING_MORE)
ONE(read_miner, read_miner, p->address, )
ONE(read_paid, read_paid, p->address, )
ONE(read_worker_sums, read_worker_sums, p->address, )
READER(read_blocks, read_blocks(p->db, p->network, &first_page, count_read_block, p))
READER(read_fine, read_fine(p->db, p->network, p->now_s, count_read_fine, p))
READER(read_miner_fine,
       read_miner_fine(p->db, p->network, p->address, p->now_s, count_read_fine, p))
READER(read_credits, read_credits(p->db, p->network, p->address, &first_page, count_read_credit, p))
READER(read_ledger, read_ledger(p->db, p->network, count_read_account, p))
READER(read_audits, read_audits(p->db, p->network, &first_page, count_read_audit, p))
READER(read_hours,
       read_hours(p->db, p->network, (uint64_t)p->now_s / 3600 - 24, count_read_hour, p))
READER(read_miner_rates,
       read_miner_rates(p->db, p->network, p->now_s, &first_page, count_read_miner_rate, p))
READER(read_worker_hours,
       read_worker_hours(p->db, p->network, p->address, p->now_s, count_read_worker_hour, p))
READER(read_busiest_hours,
       read_busiest_hours(p->db, p->network, p->address, p->now_s, count_read_worker_hour, p))
READER(read_worker_days, read_worker_days(p->db, p->network, p->address, count_read_worker_day, p))
READER(read_rejects, read_rejects(p->db, p->network, p->address, count_read_reject, p))
READER(read_miner_hours, read_miner_hours(p->db, p->network, p->address,
                                          (uint64_t)p->now_s / 3600 - 24, count_read_miner_hour, p))
READER(read_earnings,
       read_earnings(p->db, p->network, p->address, &first_page, count_read_earning, p))
READER(read_changes, read_changes(p->db, p->network, p->address, &first_page, count_read_change, p))
READER(read_payments,
       read_payments(p->db, p->network, p->address, &first_page, count_read_payment, p))

static enum db_result probe_read_subsidy(struct probe *p)
{
    uint64_t subsidy;

    return read_subsidy(p->db, p->network, &subsidy);
}

#define ROW(name)                                                                                  \
    {                                                                                              \
#name, probe_##name                                                                        \
    }
static const struct {
    const char *name;
    enum db_result (*probe)(struct probe *p);
} readers[] = {
    ROW(read_pulse),       ROW(read_chain),        ROW(read_totals),      ROW(read_days),
    ROW(read_blocks),      ROW(read_hours),        ROW(read_miner_rates), ROW(read_miner),
    ROW(read_worker_days), ROW(read_worker_hours), ROW(read_rejects),     ROW(read_earnings),
    ROW(read_block_sums),  ROW(read_found),        ROW(read_subsidy),     ROW(read_freeze),
    ROW(read_fine),        ROW(read_miner_fine),   ROW(read_credits),     ROW(read_ledger),
    ROW(read_audits),      ROW(read_miner_hours),  ROW(read_changes),     ROW(read_payments),
    ROW(read_paid),        ROW(read_worker_sums),  ROW(read_terms),       ROW(read_busiest_hours),
};

/* --- the server's counters --- */

struct counters {
    uint64_t rows, statements;
};

static bool add_counter(void *ctx, const struct db_value *v, size_t n)
{
    struct counters *c = ctx;

    (void)n;
    if (strcmp(db_text(&v[0]), "Com_stmt_execute") == 0)
        c->statements = column_uint(&v[1]);
    else
        c->rows += column_uint(&v[1]);
    return true;
}

static struct counters read_counters(struct db *db)
{
    static const char sql[] = "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%' "
                              "OR Variable_name = 'Com_stmt_execute'";
    struct counters c = {0};

    if (db_query(db, sql, NULL, 0, add_counter, &c) != DB_OK) {
        fprintf(stderr, "itest_read: %s\n", db_error(db));
        exit(1);
    }
    return c;
}

/* SHOW itself reads rows: what two of them in turn differ by. */
static struct counters cost_of_asking(struct db *db)
{
    struct counters a = read_counters(db), b = read_counters(db);

    return (struct counters){b.rows - a.rows, b.statements - a.statements};
}

static void measure(struct probe *p, size_t reader, int times)
{
    struct counters asking = cost_of_asking(p->db), before = read_counters(p->db);
    int64_t best_us = INT64_MAX;

    for (int i = 0; i < times; i++) {
        int64_t us = clock_real_us();

        p->rows = 0;
        if (readers[reader].probe(p) != DB_OK) {
            fprintf(stderr, "itest_read: %s: %s\n", readers[reader].name, db_error(p->db));
            exit(1);
        }
        us = clock_real_us() - us;
        best_us = us < best_us ? us : best_us;
    }
    struct counters after = read_counters(p->db);

    printf("{\"reader\": \"%s\", \"touched\": %" PRIu64 ", \"statements\": %" PRIu64
           ", \"rows\": %" PRIu64 ", \"us\": %" PRId64 "}\n",
           readers[reader].name, (after.rows - before.rows - asking.rows) / (uint64_t)times,
           (after.statements - before.statements - asking.statements) / (uint64_t)times, p->rows,
           best_us);
}

int main(int argc, char **argv)
{
    char err[1024];

    if (argc < 4) {
        fprintf(stderr, "usage: itest_read FRONTEND.CONF NETWORK ADDRESS [TIMES]\n");
        return 64;
    }
    struct frontend_conf *conf = conf_load(&frontend_schema, argv[1], err, sizeof err);
    struct db *db = conf ? db_open(&conf->database, err, sizeof err) : NULL;

    if (!db) {
        fprintf(stderr, "itest_read: %s\n", err);
        return 78;
    }
    struct probe p = {db, argv[2], argv[3], clock_real_us() / 1000000, 0};
    int times = argc > 4 ? atoi(argv[4]) : 1;

    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        measure(&p, i, times > 0 ? times : 1);
    db_close(&db);
    conf_free(&frontend_schema, conf);
    return 0;
}
