#include "frontend/intake/intake.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFLICT_RETRIES 3

static const char find_sql[] = "SELECT m.id, m.disabled, w.id FROM intake_miner m"
                               " LEFT JOIN intake_worker w ON w.miner_id = m.id AND w.name = ?"
                               " WHERE m.network = ? AND m.address = ?";
static const char insert_miner_sql[] =
    "INSERT IGNORE INTO miner (id, network, address) VALUES (?, ?, ?)";
static const char insert_worker_sql[] = "INSERT IGNORE INTO worker (miner_id, name) VALUES (?, ?)";
/* VALUES, not SELECT … FROM intake_miner: that costs the server half as much again. */
static const char insert_work_sql[] =
    "INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, email)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/* As for one that asks for it by the Action protocol, but in a job. */
static const char insert_piece_sql[] = "INSERT INTO work (id, network, worker_id, target, "
                                       "thread_id, ip, os, agent, job_id, extranonce)"
                                       " VALUES (?, ?, ?, ?, '', ?, '', ?, ?, ?)";

struct found {
    enum intake_outcome outcome;
    bool miner, worker;
    struct ids_entry ids;
};

static bool on_found(void *ctx, const struct db_value *columns, size_t n)
{
    struct found *found = ctx;

    (void)n;
    found->miner = true;
    snprintf(found->ids.miner_id, sizeof found->ids.miner_id, "%s", db_text(&columns[0]));
    if (db_int(&columns[1]) != 0)
        found->outcome = INTAKE_DISABLED;
    found->worker = !db_is_null(&columns[2]);
    if (found->worker)
        found->ids.worker_id = db_uint(&columns[2]);
    return false;
}

static enum db_result find(struct db *db, const struct intake *in, struct found *ret)
{
    const struct db_value key[] = {DB_TEXT(in->worker), DB_TEXT(in->network), DB_TEXT(in->address)};

    *ret = (struct found){.outcome = INTAKE_DONE};
    return db_query(db, find_sql, key, 3, on_found, ret);
}

/* Of several first requests at once one inserts; IGNORE makes the others do nothing. */
static enum db_result insert_once(struct db *db, const char *sql, const struct db_value *values,
                                  size_t n)
{
    enum db_result r = DB_CONFLICT;

    for (int i = 0; i < CONFLICT_RETRIES && r == DB_CONFLICT; i++)
        r = db_exec(db, sql, values, n, NULL);
    return r;
}

static enum db_result add_miner(struct db *db, const struct intake *in)
{
    char id[UUID_TEXT_LEN + 1];
    struct uuid uuid;

    uuid_v7(&uuid);
    uuid_format(&uuid, id);
    const struct db_value row[] = {DB_TEXT(id), DB_TEXT(in->network), DB_TEXT(in->address)};
    return insert_once(db, insert_miner_sql, row, 3);
}

static enum db_result add_worker(struct db *db, const struct intake *in, const char *miner_id)
{
    const struct db_value row[] = {DB_TEXT(miner_id), DB_TEXT(in->worker)};

    return insert_once(db, insert_worker_sql, row, 2);
}

/* Adds what is missing and looks again, so that the ids are those of whoever came first. */
static enum db_result add_missing(struct db *db, const struct intake *in, enum intake_row row,
                                  struct found *ret)
{
    if (!in->may_add(in->ctx, row)) {
        ret->outcome = INTAKE_NOT_NOW;
        return DB_OK;
    }
    enum db_result r =
        row == INTAKE_MINER ? add_miner(db, in) : add_worker(db, in, ret->ids.miner_id);
    return r == DB_OK ? find(db, in, ret) : r;
}

/* Miner and worker, created where they are missing. */
static enum db_result find_or_add(struct db *db, const struct intake *in, struct found *ret)
{
    enum db_result r = find(db, in, ret);

    if (r == DB_OK && !ret->miner)
        r = add_missing(db, in, INTAKE_MINER, ret);
    if (r == DB_OK && ret->miner && ret->outcome == INTAKE_DONE && !ret->worker)
        r = add_missing(db, in, INTAKE_WORKER, ret);
    if (r == DB_OK && ret->outcome == INTAKE_DONE && !ret->worker)
        return DB_REFUSED; /* the server ignored the row for another reason than a duplicate */
    return r;
}

static enum db_result add_work(struct db *db, const struct intake *in, const struct ids_entry *ids,
                               struct intake_result *ret)
{
    struct uuid uuid;

    uuid_v7(&uuid);
    uuid_format(&uuid, ret->work_id);
    memcpy(ret->miner_guid, ids->miner_id, sizeof ret->miner_guid);
    const struct db_value values[] = {
        DB_TEXT(ret->work_id),
        DB_TEXT(in->network),
        DB_UINT(ids->worker_id),
        DB_BYTES(in->target->be, sizeof in->target->be),
        DB_TEXT(in->thread_id),
        DB_TEXT(in->ip),
        DB_TEXT(in->os),
        DB_TEXT(in->agent),
        *in->email ? DB_TEXT(in->email) : DB_NULL,
    };
    return db_exec(db, insert_work_sql, values, sizeof values / sizeof *values, NULL);
}

/* Finds or makes the ids, and remembers them unless there is to be no work. */
static enum db_result look_up(struct db *db, struct ids *ids, const struct intake *in,
                              enum intake_outcome *ret)
{
    struct found found;
    enum db_result r = find_or_add(db, in, &found);

    if (r != DB_OK)
        return r;
    *ret = found.outcome;
    if (found.outcome != INTAKE_DONE)
        return DB_OK;
    found.ids.connection = db_connection(db);
    ids_put(ids, in->network, in->address, in->worker, &found.ids);
    return DB_OK;
}

enum db_result intake_ids(struct db *db, struct ids *ids, const struct intake *in,
                          enum intake_outcome *ret_outcome, struct ids_entry *ret)
{
    const struct ids_entry *known = ids_get(ids, in->network, in->address, in->worker);
    enum db_result r = DB_OK;

    *ret_outcome = INTAKE_DONE;
    if (!known || known->connection != db_connection(db))
        r = look_up(db, ids, in, ret_outcome);
    if (r == DB_OK && *ret_outcome == INTAKE_DONE)
        *ret = *ids_get(ids, in->network, in->address, in->worker);
    return r;
}

/* Over a new connection it may be another database, restored from before there were these ids. If
 * it was made just now, the work handed to nobody harms nothing. */
enum db_result intake_work(struct db *db, struct ids *ids, const struct intake *in,
                           struct intake_result *ret)
{
    for (int attempt = 1; attempt <= 2; attempt++) {
        const struct ids_entry *known = ids_get(ids, in->network, in->address, in->worker);
        enum db_result r = DB_OK;

        ret->outcome = INTAKE_DONE;
        if (!known || known->connection != db_connection(db))
            r = look_up(db, ids, in, &ret->outcome);
        if (r != DB_OK || ret->outcome != INTAKE_DONE)
            return r;
        known = ids_get(ids, in->network, in->address, in->worker);
        r = add_work(db, in, known, ret);
        if (r != DB_OK || known->connection == db_connection(db))
            return r;
    }
    return DB_UNAVAILABLE;
}

#define PIECE_COLUMNS 8

struct piece_texts {
    char work_id[UUID_TEXT_LEN + 1], job_id[UUID_TEXT_LEN + 1];
};

static void fill_piece(const struct intake_piece *p, struct piece_texts *text,
                       struct db_value row[PIECE_COLUMNS])
{
    uuid_format(p->work_id, text->work_id);
    uuid_format(p->job_id, text->job_id);
    const struct db_value values[PIECE_COLUMNS] = {
        DB_TEXT(text->work_id), DB_TEXT(p->network),
        DB_UINT(p->worker_id),  DB_BYTES(p->target->be, sizeof p->target->be),
        DB_TEXT(p->ip),         DB_TEXT(p->agent),
        DB_TEXT(text->job_id),  DB_BYTES(p->extranonce, p->extranonce_size),
    };
    memcpy(row, values, sizeof values);
}

enum db_result intake_add_pieces(struct db *db, const struct intake_piece *piece, size_t n)
{
    struct piece_texts *texts = mem_zalloc(n * sizeof *texts);
    struct db_value *values = mem_zalloc(n * PIECE_COLUMNS * sizeof *values);
    enum db_result r;

    for (size_t i = 0; i < n; i++)
        fill_piece(&piece[i], &texts[i], &values[i * PIECE_COLUMNS]);
    if (n == 1)
        r = db_exec(db, insert_piece_sql, values, PIECE_COLUMNS, NULL);
    else
        r = db_exec_many(db, insert_piece_sql, values, PIECE_COLUMNS, n, NULL);
    free(texts);
    free(values);
    return r;
}
