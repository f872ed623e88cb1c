#include "frontend/getwork/newest.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct newest {
    size_t n;
    struct known {
        bool is;
        char id[UUID_TEXT_LEN + 1]; /* "": none */
        struct job job;
    } known[];
};

struct newest *newest_new(size_t networks)
{
    struct newest *n = mem_zalloc(sizeof *n + networks * sizeof *n->known);

    n->n = networks;
    return n;
}

void newest_free(struct newest **n)
{
    free(*n);
    *n = NULL;
}

const struct job *newest_known(const struct newest *n, size_t i)
{
    assert(i < n->n);
    return n->known[i].is ? &n->known[i].job : NULL;
}

struct reading {
    struct known *known;
    bool found;
};

/* Id, and the text unless the id is the one that is known. */
static bool take(void *ctx, const struct db_value *v, size_t n)
{
    struct reading *r = ctx;
    struct job *job;

    (void)n;
    if (db_is_null(&v[1])) {
        r->found = r->known->is;
        return false;
    }
    job = mem_zalloc(sizeof *job);
    r->found = job_decode(v[1].data, v[1].len, job) == NULL;
    if (r->found) {
        r->known->job = *job;
        r->known->is = true;
        uuid_format(&job->id, r->known->id);
    }
    free(job);
    return false;
}

enum db_result newest_read(struct newest *n, size_t i, struct db *db, const char *network,
                           const struct job **ret)
{
    static const char sql[] = "SELECT id, IF(id = ?, NULL, job) FROM intake_job WHERE network = ?"
                              " ORDER BY made_at DESC LIMIT 1";
    struct reading r = {&n->known[i], false};

    assert(i < n->n);
    const struct db_value params[] = {*r.known->id ? DB_TEXT(r.known->id) : DB_NULL,
                                      DB_TEXT(network)};
    enum db_result result = db_query(db, sql, params, 2, take, &r);
    *ret = r.found ? &r.known->job : NULL;
    return result;
}
