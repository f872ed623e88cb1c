#include "backend/share/record.h"

#include "backend/share/lookup.h"
#include "backend/share/rollup.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MICROSECONDS "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND"

enum { SHARE_COLUMNS = 8, REJECTED_COLUMNS = 9, CANDIDATE_COLUMNS = 7 };

static const char sql_share[] =
    "INSERT INTO share (day, network, pow_hash, worker_id, work_id, message_id, received_at,"
    " difficulty) VALUES (?, ?, ?, ?, ?, ?, " MICROSECONDS ", ?)";
static const char sql_rejected[] =
    "INSERT INTO rejected (message_id, day, network, reason, detail, worker_id, work_id, pow_hash,"
    " received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, " MICROSECONDS ")";
static const char sql_candidate[] =
    "INSERT INTO block_candidate (network, hash, height, message_id, worker_id, outcome, answer)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)";
/* The same block comes again with another miner's copy; what is on the chain stays so. */
static const char sql_candidate_again[] =
    "UPDATE block_candidate SET outcome = ?, answer = ?"
    " WHERE network = ? AND hash = ? AND outcome <> 'on_chain'";

/* One share with the texts that its rows point to. */
struct row {
    struct share *s;
    enum share_state judged; /* as the caller gave it, restored at each attempt */
    enum reason reason;
    char message_id[UUID_TEXT_LEN + 1], work_id[UUID_TEXT_LEN + 1];
};

struct record {
    const char *network;
    struct row *row; /* sorted by key: two workers with the same shares meet in the same order */
    struct share **share; /* the same, in the same order */
    size_t n;
    struct db_value *values; /* room for N rows of any kind */
    bool crossed;            /* share_cross_check() found something */
};

static void share_values(const struct record *rec, const struct row *row, struct db_value *v)
{
    const struct share *s = row->s;

    v[0] = DB_UINT(s->day);
    v[1] = DB_TEXT(rec->network);
    v[2] = DB_BYTES(s->pow_hash.be, sizeof(s->pow_hash.be));
    v[3] = DB_UINT(s->work.worker_id);
    v[4] = DB_TEXT(row->work_id);
    v[5] = DB_TEXT(row->message_id);
    v[6] = DB_INT(s->received_us);
    v[7] = DB_UINT(u256_expected_hashes(&s->target));
}

static void rejected_values(const struct record *rec, const struct row *row, struct db_value *v)
{
    const struct share *s = row->s;

    v[0] = DB_TEXT(row->message_id);
    v[1] = DB_INT(s->msg->received_us / 86400000000);
    v[2] = DB_TEXT(rec->network);
    v[3] = DB_TEXT(reason_name(s->reason));
    v[4] = DB_TEXT(s->detail);
    v[5] = s->work.found ? DB_UINT(s->work.worker_id) : DB_NULL;
    v[6] = s->has_work_id && uuid_is_storable(&s->work_id) ? DB_TEXT(row->work_id) : DB_NULL;
    v[7] = s->has_pow_hash ? DB_BYTES(s->pow_hash.be, sizeof(s->pow_hash.be)) : DB_NULL;
    v[8] = DB_INT(s->received_us);
}

/* Columns of `rejected` may be NULL in one row and not in the next. */
typedef void values_fn(const struct record *rec, const struct row *row, struct db_value *v);

static enum db_result insert_all(struct db *db, struct record *rec, enum share_state state,
                                 const char *sql, size_t columns, values_fn *fill)
{
    size_t n = 0;

    for (size_t i = 0; i < rec->n; i++)
        if (rec->row[i].s->state == state)
            fill(rec, &rec->row[i], rec->values + columns * n++);
    return db_exec_many(db, sql, rec->values, columns, n, NULL);
}

static enum db_result insert_rejected(struct db *db, struct record *rec, struct row *row)
{
    enum db_result r;

    rejected_values(rec, row, rec->values);
    r = db_exec(db, sql_rejected, rec->values, REJECTED_COLUMNS, NULL);
    FAULT_POINT("record.one_rejected");
    if (r != DB_DUPLICATE)
        return r;
    row->s->state = SHARE_REFUSED;
    return DB_OK;
}

static enum db_result insert_share(struct db *db, struct record *rec, struct row *row)
{
    enum share_owner owner = OWNER_NOBODY;
    enum db_result r;

    share_values(rec, row, rec->values);
    r = db_exec(db, sql_share, rec->values, SHARE_COLUMNS, NULL);
    FAULT_POINT("record.one_share");
    if (r != DB_DUPLICATE)
        return r;
    r = share_find_owner(db, rec->network, row->s, &owner);
    if (r != DB_OK)
        return r;
    switch (owner) {
    case OWNER_SELF:
        row->s->state = SHARE_CREDITED;
        return DB_OK;
    case OWNER_OTHER:
        share_reject(row->s, REASON_KNOWN, "this hash was credited at the same moment");
        return insert_rejected(db, rec, row);
    case OWNER_NOBODY:
        break;
    }
    /* Then it was the message's id: somebody queued two different solutions under one. */
    row->s->state = SHARE_REFUSED;
    return DB_OK;
}

static const char *const outcome_names[] = {
    [CANDIDATE_ORPHAN] = "refused",
    [CANDIDATE_ON_CHAIN] = "on_chain",
    [CANDIDATE_SIDE_CHAIN] = "side_chain",
    [CANDIDATE_REFUSED] = "refused",
};

static bool is_recorded(const struct share *s)
{
    return s->state == SHARE_ACCEPTED || s->state == SHARE_REJECTED;
}

static void candidate_values(const struct record *rec, const struct row *row, struct db_value *v)
{
    const struct share *s = row->s;
    int64_t height = share_height(s);

    v[0] = DB_TEXT(rec->network);
    v[1] = DB_BYTES(s->block.hash.be, sizeof(s->block.hash.be));
    v[2] = DB_INT(height >= 0 && height <= UINT32_MAX ? height : 0);
    v[3] = DB_TEXT(row->message_id);
    v[4] = s->work.found ? DB_UINT(s->work.worker_id) : DB_NULL;
    v[5] = DB_TEXT(outcome_names[s->candidate]);
    v[6] = DB_TEXT(s->answer);
}

static enum db_result insert_candidates(struct db *db, struct record *rec)
{
    struct db_value *v = rec->values;
    enum db_result r = DB_OK;

    for (size_t i = 0; r == DB_OK && i < rec->n; i++) {
        if (!is_recorded(rec->row[i].s) || rec->row[i].s->candidate < CANDIDATE_ORPHAN)
            continue;
        candidate_values(rec, &rec->row[i], v);
        r = db_exec(db, sql_candidate, v, CANDIDATE_COLUMNS, NULL);
        FAULT_POINT("record.candidate");
        if (r == DB_DUPLICATE) {
            r = db_exec(db, sql_candidate_again, (struct db_value[]){v[5], v[6], v[0], v[1]}, 4,
                        NULL);
            FAULT_POINT("record.candidate_again");
        }
    }
    return r;
}

/* What follows the rows themselves in both bodies. */
static enum db_result finish(struct db *db, struct record *rec)
{
    enum db_result r = share_cross_check(db, rec->network, rec->share, rec->n, &rec->crossed);

    if (r == DB_OK && rec->crossed)
        return DB_DUPLICATE; /* roll back */
    if (r == DB_OK)
        r = insert_candidates(db, rec);
    return r == DB_OK ? rollup_add(db, rec->network, rec->share, rec->n) : r;
}

/* A body may run several times: each run starts from what was judged. */
static void restart(struct record *rec)
{
    for (size_t i = 0; i < rec->n; i++) {
        rec->row[i].s->state = rec->row[i].judged;
        rec->row[i].s->reason = rec->row[i].reason;
    }
    rec->crossed = false;
}

/* The usual case: nothing is there yet, two statements write all rows. */
static enum db_result body_bulk(struct db *db, void *ctx)
{
    struct record *rec = ctx;
    enum db_result r;

    restart(rec);
    FAULT_POINT("record.begun");
    r = insert_all(db, rec, SHARE_ACCEPTED, sql_share, SHARE_COLUMNS, share_values);
    FAULT_POINT("record.shares");
    if (r == DB_OK)
        r = insert_all(db, rec, SHARE_REJECTED, sql_rejected, REJECTED_COLUMNS, rejected_values);
    FAULT_POINT("record.rejected");
    return r == DB_OK ? finish(db, rec) : r;
}

/* Another worker was faster with at least one of them: row by row, to learn with which. */
static enum db_result body_single(struct db *db, void *ctx)
{
    struct record *rec = ctx;
    enum db_result r = DB_OK;

    restart(rec);
    FAULT_POINT("record.begun_again");
    for (size_t i = 0; r == DB_OK && i < rec->n; i++) {
        if (rec->row[i].judged == SHARE_ACCEPTED)
            r = insert_share(db, rec, &rec->row[i]);
        else if (rec->row[i].judged == SHARE_REJECTED)
            r = insert_rejected(db, rec, &rec->row[i]);
    }
    return r == DB_OK ? finish(db, rec) : r;
}

static int cmp_row(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;
    int c = share_cmp_key(a->s, b->s);

    return c != 0 ? c : memcmp(a->s->msg->id.b, b->s->msg->id.b, sizeof(a->s->msg->id.b));
}

static void record_init(struct record *rec, const char *network, struct share **shares, size_t n)
{
    *rec = (struct record){.network = network};
    rec->row = mem_zalloc(n * sizeof(*rec->row));
    rec->share = mem_zalloc(n * sizeof(struct share *));
    rec->values = mem_zalloc(n * REJECTED_COLUMNS * sizeof(*rec->values));
    for (size_t i = 0; i < n; i++) {
        struct row *row = &rec->row[rec->n];

        if (!is_recorded(shares[i]))
            continue;
        *row = (struct row){shares[i], shares[i]->state, shares[i]->reason, "", ""};
        uuid_format(&shares[i]->msg->id, row->message_id);
        uuid_format(&shares[i]->work_id, row->work_id);
        rec->n++;
    }
    qsort(rec->row, rec->n, sizeof(*rec->row), cmp_row);
    for (size_t i = 0; i < rec->n; i++)
        rec->share[i] = rec->row[i].s;
}

enum db_result share_record(struct db *db, const char *network, struct share **shares, size_t n)
{
    struct record rec;
    enum db_result r = DB_DUPLICATE;

    record_init(&rec, network, shares, n);
    while (r == DB_DUPLICATE && rec.n > 0) {
        r = db_transact(db, body_bulk, &rec);
        FAULT_POINT("record.ended");
        if (r == DB_DUPLICATE && !rec.crossed) {
            r = db_transact(db, body_single, &rec);
            FAULT_POINT("record.ended_again");
        }
        /* Each round settles at least one share, so there is an end to it. */
        for (size_t i = 0; r == DB_DUPLICATE && rec.crossed && i < rec.n; i++)
            if (!is_recorded(rec.row[i].s))
                rec.row[i].judged = rec.row[i].s->state;
    }
    free(rec.row);
    free(rec.share);
    free(rec.values);
    return rec.n > 0 ? r : DB_OK;
}
