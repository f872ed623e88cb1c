#include "backend/share/rollup.h"

#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char sql_share_stats[] =
    "INSERT INTO share_stats (worker_id, minute, network, shares, rejected, difficulty, hash_rate)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE shares = shares + VALUES(shares),"
    " rejected = rejected + VALUES(rejected), difficulty = difficulty + VALUES(difficulty),"
    " hash_rate = hash_rate + VALUES(hash_rate)";
static const char sql_worker_reasons[] =
    "INSERT INTO rejected_worker_stats (network, hour, worker_id, reason, rejected)"
    " VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE rejected = rejected + VALUES(rejected)";
static const char sql_rejected_stats[] =
    "INSERT INTO rejected_stats (network, minute, reason, rejected) VALUES (?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE rejected = rejected + VALUES(rejected)";

static uint64_t add_capped(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint32_t minute_of(const struct share *s)
{
    return (uint32_t)(s->received_us / 60000000);
}

static int cmp_rows(const void *pa, const void *pb)
{
    const struct rollup_row *a = pa, *b = pb;

    if (a->worker_id != b->worker_id)
        return a->worker_id < b->worker_id ? -1 : 1;
    return (a->minute > b->minute) - (a->minute < b->minute);
}

static struct rollup_row row_of(const struct share *s)
{
    bool accepted = s->state == SHARE_ACCEPTED;

    return (struct rollup_row){
        .worker_id = s->work.worker_id,
        .minute = minute_of(s),
        .shares = accepted,
        .rejected = !accepted,
        .difficulty = accepted ? u256_expected_hashes(&s->target) : 0,
        .hash_rate = accepted ? solution_hash_rate(s->msg) : 0,
    };
}

size_t rollup_rows(struct share **shares, size_t n, struct rollup_row *rows)
{
    size_t all = 0, merged = 0;

    for (size_t i = 0; i < n; i++)
        if ((shares[i]->state == SHARE_ACCEPTED || shares[i]->state == SHARE_REJECTED) &&
            shares[i]->work.found)
            rows[all++] = row_of(shares[i]);
    if (all == 0)
        return 0;
    qsort(rows, all, sizeof(*rows), cmp_rows);
    for (size_t i = 1; i < all; i++) {
        struct rollup_row *last = &rows[merged];

        if (cmp_rows(last, &rows[i]) != 0) {
            rows[++merged] = rows[i];
            continue;
        }
        last->shares += rows[i].shares;
        last->rejected += rows[i].rejected;
        last->difficulty = add_capped(last->difficulty, rows[i].difficulty);
        last->hash_rate = add_capped(last->hash_rate, rows[i].hash_rate);
    }
    return merged + 1;
}

static enum db_result add_workers(struct db *db, const char *network, struct share **shares,
                                  size_t n)
{
    struct rollup_row *rows = mem_zalloc(n * sizeof(*rows));
    size_t rows_n = rollup_rows(shares, n, rows);
    struct db_value(*v)[7] = mem_zalloc(rows_n * sizeof(*v));
    enum db_result r;

    for (size_t i = 0; i < rows_n; i++) {
        struct db_value row[7] = {DB_UINT(rows[i].worker_id), DB_UINT(rows[i].minute),
                                  DB_TEXT(network),           DB_UINT(rows[i].shares),
                                  DB_UINT(rows[i].rejected),  DB_UINT(rows[i].difficulty),
                                  DB_UINT(rows[i].hash_rate)};
        memcpy(v[i], row, sizeof(row));
    }
    r = db_exec_many(db, sql_share_stats, *v, 7, rows_n, NULL);
    FAULT_POINT("rollup.workers");
    free(v);
    free(rows);
    return r;
}

struct reason_row {
    uint32_t minute;
    const char *reason;
    uint64_t rejected;
};

static int cmp_reasons(const void *pa, const void *pb)
{
    const struct reason_row *a = pa, *b = pb;

    if (a->minute != b->minute)
        return a->minute < b->minute ? -1 : 1;
    return strcmp(a->reason, b->reason);
}

static size_t reason_rows(struct share **shares, size_t n, struct reason_row *rows)
{
    size_t all = 0, merged = 0;

    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_REJECTED)
            rows[all++] =
                (struct reason_row){minute_of(shares[i]), reason_name(shares[i]->reason), 1};
    if (all == 0)
        return 0;
    qsort(rows, all, sizeof(*rows), cmp_reasons);
    for (size_t i = 1; i < all; i++) {
        if (cmp_reasons(&rows[merged], &rows[i]) == 0)
            rows[merged].rejected++;
        else
            rows[++merged] = rows[i];
    }
    return merged + 1;
}

static enum db_result add_reasons(struct db *db, const char *network, struct share **shares,
                                  size_t n)
{
    struct reason_row *rows = mem_zalloc(n * sizeof(*rows));
    size_t rows_n = reason_rows(shares, n, rows);
    struct db_value(*v)[4] = mem_zalloc(rows_n * sizeof(*v));
    enum db_result r;

    for (size_t i = 0; i < rows_n; i++) {
        struct db_value row[4] = {DB_TEXT(network), DB_UINT(rows[i].minute),
                                  DB_TEXT(rows[i].reason), DB_UINT(rows[i].rejected)};
        memcpy(v[i], row, sizeof(row));
    }
    r = db_exec_many(db, sql_rejected_stats, *v, 4, rows_n, NULL);
    FAULT_POINT("rollup.reasons");
    free(v);
    free(rows);
    return r;
}

/* --- reasons, by the worker and hour --- */

static int cmp_worker_reasons(const void *pa, const void *pb)
{
    const struct rollup_reason *a = pa, *b = pb;

    if (a->hour != b->hour)
        return a->hour < b->hour ? -1 : 1;
    if (a->worker_id != b->worker_id)
        return a->worker_id < b->worker_id ? -1 : 1;
    return strcmp(a->reason, b->reason);
}

size_t rollup_reasons(struct share **shares, size_t n, struct rollup_reason *rows)
{
    size_t all = 0, merged = 0;

    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_REJECTED && shares[i]->work.found)
            rows[all++] =
                (struct rollup_reason){minute_of(shares[i]) / 60, shares[i]->work.worker_id,
                                       reason_name(shares[i]->reason), 1};
    if (all == 0)
        return 0;
    qsort(rows, all, sizeof(*rows), cmp_worker_reasons);
    for (size_t i = 1; i < all; i++) {
        if (cmp_worker_reasons(&rows[merged], &rows[i]) == 0)
            rows[merged].rejected++;
        else
            rows[++merged] = rows[i];
    }
    return merged + 1;
}

static enum db_result add_worker_reasons(struct db *db, const char *network, struct share **shares,
                                         size_t n)
{
    struct rollup_reason *rows = mem_zalloc(n * sizeof(*rows));
    size_t rows_n = rollup_reasons(shares, n, rows);
    struct db_value(*v)[5] = mem_zalloc(rows_n * sizeof(*v));
    enum db_result r;

    for (size_t i = 0; i < rows_n; i++) {
        struct db_value row[5] = {DB_TEXT(network), DB_UINT(rows[i].hour),
                                  DB_UINT(rows[i].worker_id), DB_TEXT(rows[i].reason),
                                  DB_UINT(rows[i].rejected)};
        memcpy(v[i], row, sizeof(row));
    }
    r = db_exec_many(db, sql_worker_reasons, *v, 5, rows_n, NULL);
    FAULT_POINT("rollup.worker_reasons");
    free(v);
    free(rows);
    return r;
}

enum db_result rollup_add(struct db *db, const char *network, struct share **shares, size_t n)
{
    enum db_result r = add_workers(db, network, shares, n);

    if (r == DB_OK)
        r = add_worker_reasons(db, network, shares, n);
    return r == DB_OK ? add_reasons(db, network, shares, n) : r;
}
