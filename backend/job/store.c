#include "backend/job/store.h"

#include "common/base/fault.h"

#include <string.h>

#define DAY_MS 86400000

static struct db_value bytes_of(const struct span *s)
{
    return DB_BYTES(s->p != NULL ? s->p : (const uint8_t *)"", s->len);
}

enum db_result job_store(struct db *db, const struct job *job, const struct job_body *body)
{
    static const char sql[] =
        "INSERT IGNORE INTO job (id, day, network, height, job, transactions, "
        "txids, mweb) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    char id[UUID_TEXT_LEN + 1];
    struct buf text = BUF_INIT(JOB_MAX_TEXT);

    job_encode(job, &text);
    uuid_format(&job->id, id);
    const struct db_value row[] = {
        DB_TEXT(id),
        DB_INT(uuid_v7_ms(&job->id) / DAY_MS),
        DB_TEXT(job->network),
        DB_UINT(job->height),
        DB_TEXT(text.data),
        bytes_of(&body->transactions),
        bytes_of(&body->txids),
        body->mweb.len > 0 ? DB_BYTES(body->mweb.p, body->mweb.len) : DB_NULL,
    };
    const enum db_result r = db_exec(db, sql, row, sizeof(row) / sizeof(row[0]), NULL);

    FAULT_POINT("job.stored");
    buf_free(&text);
    return r;
}

struct newest {
    bool found;
    struct job *job;
};

static bool take_newest(void *ctx, const struct db_value *v, size_t n)
{
    struct newest *newest = ctx;

    (void)n;
    newest->found = job_decode(v[0].data, v[0].len, newest->job) == NULL;
    return false;
}

enum db_result job_newest(struct db *db, const char *network, bool *ret_found, struct job *ret)
{
    struct newest newest = {false, ret};
    const enum db_result r =
        db_query(db, "SELECT job FROM job WHERE network = ? ORDER BY made_at DESC LIMIT 1",
                 (const struct db_value[]){DB_TEXT(network)}, 1, take_newest, &newest);

    FAULT_POINT("job.newest");
    *ret_found = newest.found;
    return r;
}

enum db_result job_tell_health(struct db *db, const char *network, const char *problem)
{
    static const char sql[] =
        "INSERT INTO job_health (network, problem, seen_at, version) "
        "VALUES (?, ?, UTC_TIMESTAMP(6), LEFT(?, 32)) ON DUPLICATE KEY UPDATE "
        "problem = VALUES(problem), seen_at = VALUES(seen_at), version = VALUES(version)";
    const struct db_value row[] = {DB_TEXT(network), DB_TEXT(problem), DB_TEXT(PENSTOCK_VERSION)};
    const enum db_result r = db_exec(db, sql, row, 3, NULL);

    FAULT_POINT("job.health_told");
    return r;
}
