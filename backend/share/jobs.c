#include "backend/share/jobs.h"

#include "backend/job/make.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000

struct kept {
    struct job job;
    uint64_t used;     /* 0: free; else when, counted in uses */
    uint64_t archived; /* number of the file of the archive that has it; 0: none */
};

struct jobs {
    struct kept kept[JOBS_KEPT];
    uint64_t uses;
};

struct jobs *jobs_new(void)
{
    return mem_zalloc(sizeof(struct jobs));
}

void jobs_free(struct jobs **j)
{
    free(*j);
    *j = NULL;
}

static struct kept *find(struct jobs *j, const struct uuid *id)
{
    for (size_t i = 0; i < JOBS_KEPT; i++) {
        struct kept *k = &j->kept[i];

        if (k->used == 0 || !uuid_equal(&k->job.id, id))
            continue;
        k->used = ++j->uses;
        return k;
    }
    return NULL;
}

/* In the place of the one that was not used for longest. */
static struct kept *keep(struct jobs *j, const struct job *job)
{
    struct kept *oldest = &j->kept[0];

    for (size_t i = 1; i < JOBS_KEPT; i++)
        if (j->kept[i].used < oldest->used)
            oldest = &j->kept[i];
    *oldest = (struct kept){.job = *job, .used = ++j->uses};
    return oldest;
}

/* --- reading --- */

struct reading {
    const char *network;
    struct job job;
    bool found;
};

/* The text is our own, but one that was damaged must not stop the queue. */
static bool take_job(void *ctx, const struct db_value *v, size_t n)
{
    struct reading *r = ctx;

    (void)n;
    r->found =
        job_decode(v[0].data, v[0].len, &r->job) == NULL && strcmp(r->job.network, r->network) == 0;
    return false;
}

/* *RET_FOUND is NULL when there is no such job. */
static enum db_result load(struct jobs *j, struct db *db, const char *network,
                           const struct uuid *id, struct kept **ret_found)
{
    struct reading reading = {.network = network};
    enum db_result r = DB_OK;
    char text[UUID_TEXT_LEN + 1];

    *ret_found = find(j, id);
    if (*ret_found != NULL || uuid_v7_ms(id) < 0)
        return DB_OK;
    uuid_format(id, text);
    r = db_query(
        db, "SELECT job FROM job WHERE id = ? AND day = ? AND network = ?",
        (const struct db_value[]){DB_TEXT(text), DB_INT(uuid_v7_ms(id) / DAY_MS), DB_TEXT(network)},
        3, take_job, &reading);
    FAULT_POINT("jobs.loaded");
    if (r == DB_OK && reading.found)
        *ret_found = keep(j, &reading.job);
    return r;
}

static void fill_in(struct share *s, const struct job *job)
{
    struct share_job *to = &s->job;

    to->found = s->work.extranonce_len == job->extranonce_size;
    if (!to->found)
        return;
    to->height = job->height;
    to->version = job->version;
    to->bits = job->bits;
    to->min_time = job->min_time;
    to->prev = job->prev;
    job_merkle_root(job, s->work.extranonce, to->root);
}

static bool lacks_job(const struct share *s)
{
    return s->of_job && !s->job.found && s->work.found && s->work.of_job &&
           (s->state == SHARE_OPEN || s->state == SHARE_CREDITED);
}

enum db_result jobs_look_up(struct jobs *j, struct db *db, const char *network,
                            struct share **shares, size_t n)
{
    enum db_result r = DB_OK;
    struct kept *k;

    /* Nearly all of a batch are of the same few jobs: one query for each that is new. */
    for (size_t i = 0; i < n && r == DB_OK; i++) {
        if (!lacks_job(shares[i]))
            continue;
        r = load(j, db, network, &shares[i]->work.job_id, &k);
        if (r == DB_OK && k != NULL)
            fill_in(shares[i], &k->job);
    }
    return r;
}

/* --- blocks --- */

struct assembly {
    struct share *share;
    const char *network;
    bool incomplete;
};

/* Room for the header, the count and the coinbase besides what is stored. */
#define BLOCK_REST (HEADER_SIZE + 9 + JOB_MAX_COINBASE_ALL + 36 + 1)

static bool assemble(void *ctx, const struct db_value *v, size_t n)
{
    struct assembly *a = ctx;
    struct share *s = a->share;
    const struct job_body body = {.transactions = {v[1].data, v[1].len},
                                  .mweb = {v[2].data, db_is_null(&v[2]) ? 0 : v[2].len}};
    struct buf b = BUF_INIT(body.transactions.len + body.mweb.len + BLOCK_REST);
    struct job job;

    (void)n;
    if (job_decode(v[0].data, v[0].len, &job) != NULL || strcmp(job.network, a->network) != 0)
        return false;
    a->incomplete = job.transactions > 0 && body.transactions.len == 0;
    if (!a->incomplete && job_block(&job, &body, s->header_bytes, s->work.extranonce, &b))
        share_take_block(s, (uint8_t *)b.data, b.len);
    else
        buf_free(&b);
    return false;
}

/* Bits and the previous block besides the root: with others the header is no block of this chain,
 * or of another place in it, whatever it hashes to. */
static bool is_of_job(const struct share *s)
{
    struct u256 root;

    u256_reverse(s->job.root, &root);
    return s->job.found && s->header.bits == s->job.bits &&
           u256_cmp(&s->header.prev, &s->job.prev) == 0 &&
           u256_cmp(&s->header.merkle_root, &root) == 0;
}

enum db_result jobs_block(struct db *db, const char *network, struct share *s)
{
    struct assembly a = {.share = s, .network = network};
    const struct uuid *id = &s->work.job_id;
    char text[UUID_TEXT_LEN + 1];
    enum db_result r;

    if (!is_of_job(s))
        return DB_OK;
    uuid_format(id, text);
    r = db_query(
        db, "SELECT job, transactions, mweb FROM job WHERE id = ? AND day = ? AND network = ?",
        (const struct db_value[]){DB_TEXT(text), DB_INT(uuid_v7_ms(id) / DAY_MS), DB_TEXT(network)},
        3, assemble, &a);
    FAULT_POINT("jobs.block");
    if (a.incomplete)
        log_error("block.no_transactions", LOG_STR("network", network), LOG_STR("job", text));
    return r;
}

/* --- for the archive --- */

enum db_result jobs_text(struct jobs *j, struct db *db, const char *network, const struct share *s,
                         uint64_t number, char **ret)
{
    struct buf b = BUF_INIT(JOB_MAX_TEXT);
    struct kept *k = NULL;
    enum db_result r = DB_OK;

    *ret = NULL;
    if (s->of_job && s->work.found && s->work.of_job)
        r = load(j, db, network, &s->work.job_id, &k);
    if (k == NULL || k->archived == number)
        return r;
    job_encode(&k->job, &b);
    k->archived = number;
    *ret = b.data;
    return r;
}

void jobs_forget_archived(struct jobs *j)
{
    for (size_t i = 0; i < JOBS_KEPT; i++)
        j->kept[i].archived = 0;
}
