#include "backend/ctl/deep_check.h"

#include "backend/chain/verify.h"
#include "backend/share/jobs.h"
#include "backend/share/lookup.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH     64
#define ROWS      1000 /* read at once */
#define WHERE_MAX 300
#define TRIES     3 /* a wallet's tip may move on between two questions */

struct slot {
    struct intake in;
    struct share share;
    char where[WHERE_MAX];
};

struct credit {
    struct uuid message_id;
    size_t network;
};

/* What could not be verified of a network. */
struct gap {
    uint64_t n;
    char why[300];
};

struct deep_check {
    const struct backend_conf *conf;
    struct db *db;
    deep_found_fn *found;
    void *ctx;
    struct chain **chain; /* of each of conf->networks */
    struct jobs *jobs;
    struct gap *gap; /* of the same, and of those that are none of them */
    struct slot slot[BATCH];
    size_t n;

    struct uuid *seen; /* message ids of what was added; sorted once they are asked for */
    size_t seen_n;
    struct credit *row; /* of `share`, as they were before the archive was read */
    size_t rows;
    uint64_t blocks;
};

struct deep_check *deep_check_open(const struct backend_conf *conf, struct db *db,
                                   deep_found_fn *found, void *ctx, char *err, size_t err_size)
{
    struct deep_check *d = mem_zalloc(sizeof *d);

    *d = (struct deep_check){.conf = conf, .db = db, .found = found, .ctx = ctx};
    d->jobs = jobs_new();
    d->chain = mem_zalloc(conf->networks.n * sizeof(struct chain *));
    d->gap = mem_zalloc((conf->networks.n + 1) * sizeof(struct gap));
    snprintf(d->gap[conf->networks.n].why, sizeof d->gap->why, "they are not in the settings");
    for (size_t i = 0; i < conf->networks.n; i++) {
        d->chain[i] = chain_open(conf, backend_network_at(conf, i), err, err_size);
        if (d->chain[i] == NULL) {
            deep_check_close(&d);
            return NULL;
        }
    }
    return d;
}

static void clear_slots(struct deep_check *d)
{
    for (size_t i = 0; i < d->n; i++) {
        share_clear(&d->slot[i].share);
        intake_clear(&d->slot[i].in);
    }
    d->n = 0;
}

void deep_check_close(struct deep_check **d)
{
    if (*d == NULL)
        return;
    clear_slots(*d);
    for (size_t i = 0; i < (*d)->conf->networks.n; i++)
        chain_close(&(*d)->chain[i]);
    jobs_free(&(*d)->jobs);
    free((*d)->chain);
    free((*d)->gap);
    free((*d)->seen);
    free((*d)->row);
    free(*d);
    *d = NULL;
}

__attribute__((format(printf, 3, 4))) static void differ(struct deep_check *d, struct slot *s,
                                                         const char *format, ...)
{
    char id[UUID_TEXT_LEN + 1], what[400];
    va_list args;

    uuid_format(&s->in.msg.id, id);
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    d->found(d->ctx, s->in.msg.network, id, s->where, what);
}

/* --- the row of a solution --- */

struct row {
    bool found, has_work;
    struct uuid message_id, work_id, miner_id;
    uint64_t worker_id, difficulty, work_worker_id;
    int64_t received_us;
    struct u256 target; /* of the work */
    char work_network[NETWORK_MAX_NAME + 1];
};

static const char sql_row[] =
    "SELECT s.message_id, s.work_id, s.worker_id, s.difficulty,"
    " TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', s.received_at),"
    " v.miner_id, w.target, w.worker_id, w.network"
    " FROM share s LEFT JOIN worker v ON v.id = s.worker_id LEFT JOIN work w ON w.id = s.work_id"
    " WHERE s.network = ? AND s.pow_hash = ? AND s.day = ?";

/* UUID columns come as text, or as bytes that hold text. */
static bool take_uuid(const struct db_value *v, struct uuid *ret)
{
    return !db_is_null(v) && uuid_parse(v->data, v->len, ret);
}

static bool take_row(void *ctx, const struct db_value *v, size_t n)
{
    struct row *r = ctx;

    (void)n;
    r->found = take_uuid(&v[0], &r->message_id) && take_uuid(&v[1], &r->work_id);
    r->worker_id = db_uint(&v[2]);
    r->difficulty = db_uint(&v[3]);
    r->received_us = db_int(&v[4]);
    take_uuid(&v[5], &r->miner_id);
    r->has_work = !db_is_null(&v[6]) && v[6].len == sizeof r->target.be;
    if (r->has_work) {
        memcpy(r->target.be, v[6].data, sizeof r->target.be);
        r->work_worker_id = db_uint(&v[7]);
        snprintf(r->work_network, sizeof r->work_network, "%.*s", (int)v[8].len,
                 (const char *)v[8].data);
    }
    return false;
}

static bool read_row(struct deep_check *d, const struct slot *s, struct row *ret)
{
    const struct share *share = &s->share;

    *ret = (struct row){.found = false};
    if (!share->has_pow_hash || !share->has_header)
        return true;
    return db_query(d->db, sql_row,
                    (const struct db_value[]){DB_TEXT(s->in.msg.network),
                                              DB_BYTES(share->pow_hash.be, 32),
                                              DB_UINT(share->day)},
                    3, take_row, ret) == DB_OK;
}

/* What the row says about a solution must be what the solution and its work say. */
static void compare_row(struct deep_check *d, struct slot *s, const struct row *r)
{
    const struct share *share = &s->share;
    char id[UUID_TEXT_LEN + 1];
    struct u256 due;

    if (!uuid_equal(&r->message_id, &s->in.msg.id)) {
        uuid_format(&r->message_id, id);
        differ(d, s, "its hash is credited to message %s", id);
    }
    if (!share->has_work_id || !uuid_equal(&r->work_id, &share->work_id))
        differ(d, s, "its row names other work");
    if (u256_expected_hashes(&share->pow_hash) < r->difficulty)
        differ(d, s, "its hash misses the target of the row's difficulty %llu",
               (unsigned long long)r->difficulty);
    if (!r->has_work)
        return; /* pruned */
    due = share->of_job ? share_job_target(share, &r->target) : r->target;
    if (u256_cmp(&share->pow_hash, &due) >= share->of_job)
        differ(d, s, "its hash misses the target of its work");
    if (r->difficulty < u256_expected_hashes(&due))
        differ(d, s, "its row's difficulty %llu is less than its work's",
               (unsigned long long)r->difficulty);
    if (r->worker_id != r->work_worker_id)
        differ(d, s, "it is credited to worker %llu, its work is of worker %llu",
               (unsigned long long)r->worker_id, (unsigned long long)r->work_worker_id);
    if (strcmp(r->work_network, s->in.msg.network) != 0)
        differ(d, s, "its work is of network %s", r->work_network);
}

/* --- the block of a solution --- */

static size_t network_index(const struct deep_check *d, const char *name)
{
    size_t i = 0;

    while (i < d->conf->networks.n && strcmp(backend_network_at(d->conf, i)->base.label, name) != 0)
        i++;
    return i;
}

static void verify_blocks(struct deep_check *d, size_t network, const bool *wanted)
{
    enum chain_result r = CHAIN_HOLD;
    struct gap *gap = &d->gap[network];
    struct share *shares[BATCH];
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        if (wanted[i] && network_index(d, d->slot[i].in.msg.network) == network)
            shares[n++] = &d->slot[i].share;
    if (n == 0)
        return;
    /* a wallet that is away is not waited for again and again */
    for (int i = 0; i < TRIES && r != CHAIN_OK && gap->n == 0; i++)
        r = chain_verify(d->chain[network], d->db, shares, n);
    if (r == CHAIN_OK) {
        d->blocks += n;
        return;
    }
    if (gap->n == 0)
        snprintf(gap->why, sizeof gap->why, "%s", chain_error(d->chain[network]));
    gap->n += n;
}

/* Shares of jobs are hashed first, and held against their jobs as far as these are kept. False when
 * the database fails. */
static bool check_jobs(struct deep_check *d, size_t network)
{
    const struct backend_network *net = backend_network_at(d->conf, network);
    struct share *shares[BATCH];
    enum db_result r;
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        if (d->slot[i].in.of_job && network_index(d, d->slot[i].in.msg.network) == network)
            shares[n++] = &d->slot[i].share;
    chain_hash_jobs(d->chain[network], shares, n);
    r = share_lookup_work(d->db, net->base.label, shares, n);
    if (r == DB_OK)
        r = jobs_look_up(d->jobs, d->db, net->base.label, shares, n);
    for (size_t i = 0; i < n && r == DB_OK; i++) {
        shares[i]->target = shares[i]->work.target;
        if (shares[i]->job.found)
            share_check_header(shares[i], net);
    }
    return r == DB_OK;
}

/* Reads all rows first: a batch is checked as a whole, or, when the database fails, not at all. */
bool deep_check_flush(struct deep_check *d)
{
    struct row rows[BATCH];
    bool wanted[BATCH] = {false};

    for (size_t k = 0; k < d->conf->networks.n; k++)
        if (!check_jobs(d, k))
            return false;
    for (size_t i = 0; i < d->n; i++)
        if (!read_row(d, &d->slot[i], &rows[i]))
            return false;
    for (size_t i = 0; i < d->n; i++) {
        struct slot *s = &d->slot[i];
        struct share *share = &s->share;

        share->work.miner_id = rows[i].miner_id;
        share->received_us = rows[i].received_us;
        wanted[i] = rows[i].found && network_index(d, s->in.msg.network) < d->conf->networks.n;
        if (!rows[i].found)
            differ(d, s, "no share is credited for it");
        else
            compare_row(d, s, &rows[i]);
        d->gap[d->conf->networks.n].n += rows[i].found && !wanted[i];
    }
    for (size_t k = 0; k < d->conf->networks.n; k++)
        verify_blocks(d, k, wanted);
    for (size_t i = 0; i < d->n; i++)
        if (d->slot[i].share.state == SHARE_REJECTED)
            differ(d, &d->slot[i], "%s: %s", reason_name(d->slot[i].share.reason),
                   d->slot[i].share.detail);
    clear_slots(d);
    return true;
}

static void remember(struct deep_check *d, const struct uuid *id)
{
    if ((d->seen_n & (d->seen_n - 1)) == 0) /* doubled at every power of two */
        d->seen = mem_resize(d->seen, d->seen_n == 0 ? 1 : 2 * d->seen_n, sizeof *d->seen);
    d->seen[d->seen_n++] = *id;
}

bool deep_check_add(struct deep_check *d, struct intake *in, const char *where)
{
    struct slot *s = &d->slot[d->n++];

    s->in = *in;
    in->msg = (struct solution_message){.json = NULL};
    if (s->in.of_job)
        share_init_job(&s->share, &s->in.msg, s->in.header, false);
    else
        share_init(&s->share, &s->in.msg, false);
    snprintf(s->where, sizeof s->where, "%s", where);
    remember(d, &s->in.msg.id);
    return d->n < BATCH || deep_check_flush(d);
}

/* --- rows without a solution --- */

static int cmp_uuid(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

struct row_walk {
    struct deep_check *check;
    size_t network;
    struct uuid last;
    size_t n;
};

static bool take_message(void *ctx, const struct db_value *v, size_t n)
{
    struct row_walk *w = ctx;
    struct deep_check *d = w->check;

    (void)n;
    w->n++;
    take_uuid(&v[0], &w->last);
    if ((d->rows & (d->rows - 1)) == 0) /* doubled at every power of two */
        d->row = mem_resize(d->row, d->rows == 0 ? 1 : 2 * d->rows, sizeof *d->row);
    d->row[d->rows++] = (struct credit){w->last, w->network};
    return true;
}

/* By the key of `share`, as many at once as an answer may reasonably have. */
static bool walk_rows(struct deep_check *d, size_t network, int64_t since_s)
{
    struct row_walk w = {.check = d, .network = network};
    const char *name = backend_network_at(d->conf, network)->base.label;
    char after[UUID_TEXT_LEN + 1];
    enum db_result r;

    do {
        w.n = 0;
        uuid_format(&w.last, after);
        r = db_query(d->db,
                     "SELECT message_id FROM share WHERE network = ? AND message_id > ?"
                     " AND received_at >= FROM_UNIXTIME(?) ORDER BY message_id LIMIT 1000",
                     (const struct db_value[]){DB_TEXT(name), DB_TEXT(after), DB_INT(since_s)}, 3,
                     take_message, &w);
    } while (r == DB_OK && w.n == ROWS);
    return r == DB_OK;
}

bool deep_check_note_rows(struct deep_check *d, const char *network, int64_t since_s)
{
    for (size_t i = 0; i < d->conf->networks.n; i++) {
        const char *name = backend_network_at(d->conf, i)->base.label;

        if ((network == NULL || strcmp(network, name) == 0) && !walk_rows(d, i, since_s))
            return false;
    }
    return true;
}

void deep_check_rows(struct deep_check *d)
{
    if (d->seen_n > 0)
        qsort(d->seen, d->seen_n, sizeof *d->seen, cmp_uuid);
    for (size_t i = 0; i < d->rows; i++) {
        const struct credit *row = &d->row[i];
        char text[UUID_TEXT_LEN + 1];

        if (d->seen_n > 0 &&
            bsearch(&row->message_id, d->seen, d->seen_n, sizeof *d->seen, cmp_uuid) != NULL)
            continue;
        uuid_format(&row->message_id, text);
        d->found(d->ctx, backend_network_at(d->conf, row->network)->base.label, text, "share",
                 "its solution is not in the archive");
    }
}

uint64_t deep_check_blocks(const struct deep_check *d)
{
    return d->blocks;
}

uint64_t deep_check_unverified(const struct deep_check *d, size_t i, const char **ret_why)
{
    *ret_why = d->gap[i].n > 0 ? d->gap[i].why : "";
    return d->gap[i].n;
}

uint64_t deep_check_row_count(const struct deep_check *d)
{
    return d->rows;
}
