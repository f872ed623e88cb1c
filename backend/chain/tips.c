#include "backend/chain/tips.h"

#include "common/base/fault.h"

#include <assert.h>
#include <string.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

#define TIP_COLUMNS                                                                                \
    "hash, height, bits, TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', seen_at)"

static const char sql_latest[] =
    "SELECT " TIP_COLUMNS " FROM tip WHERE network = ? ORDER BY seen_at DESC"
    " LIMIT " STRING(TIPS_KEPT);
static const char sql_find[] = "SELECT " TIP_COLUMNS " FROM tip WHERE network = ? AND hash = ?";
static const char sql_insert[] = "INSERT INTO tip (network, hash, height, bits, seen_at) VALUES"
                                 " (?, ?, ?, ?, TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ?"
                                 " MICROSECOND)";
/* Heights only grow but for reorganisations, so the latest few rows hold the greatest. */
static const char sql_before[] =
    "SELECT MAX(height) FROM (SELECT height FROM tip WHERE network = ?"
    " AND seen_at < TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND"
    " ORDER BY seen_at DESC LIMIT " STRING(TIPS_KEPT) ") latest";

static void tip_from_row(const struct db_value *v, struct tip *ret)
{
    assert(v[0].len == sizeof(ret->hash.be));
    memcpy(ret->hash.be, v[0].data, sizeof(ret->hash.be));
    ret->height = db_int(&v[1]);
    ret->has_bits = !db_is_null(&v[2]);
    ret->bits = ret->has_bits ? (uint32_t)db_uint(&v[2]) : 0;
    ret->seen_us = db_int(&v[3]);
}

static bool row_latest(void *ctx, const struct db_value *v, size_t n)
{
    struct tips *t = ctx;

    (void)n;
    tip_from_row(v, &t->row[t->n++]);
    return t->n < TIPS_KEPT;
}

enum db_result tips_load(struct tips *t, struct db *db, const char *network)
{
    struct tips fresh = {.loaded = true, .current = t->current};
    enum db_result r =
        db_query(db, sql_latest, (struct db_value[]){DB_TEXT(network)}, 1, row_latest, &fresh);

    FAULT_POINT("tips.loaded");
    if (r != DB_OK)
        return r;
    fresh.complete = fresh.n < TIPS_KEPT;
    *t = fresh;
    return DB_OK;
}

enum db_result tips_record(struct tips *t, struct db *db, const char *network,
                           const struct tip *tip)
{
    struct db_value v[] = {
        DB_TEXT(network),     DB_BYTES(tip->hash.be, sizeof(tip->hash.be)),
        DB_INT(tip->height),  tip->has_bits ? DB_UINT(tip->bits) : DB_NULL,
        DB_INT(tip->seen_us),
    };
    enum db_result r = db_exec(db, sql_insert, v, 5, NULL);

    FAULT_POINT("tips.recorded");
    return r == DB_OK || r == DB_DUPLICATE ? tips_load(t, db, network) : r;
}

const struct tip *tips_find(const struct tips *t, const struct u256 *hash)
{
    for (size_t i = 0; i < t->n; i++)
        if (u256_cmp(&t->row[i].hash, hash) == 0)
            return &t->row[i];
    return NULL;
}

int64_t tips_greatest(const struct tips *t)
{
    int64_t height = -1;

    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].height > height)
            height = t->row[i].height;
    return height;
}

bool tips_height_before(const struct tips *t, int64_t time_us, int64_t *ret)
{
    int64_t height = -1;

    if (!t->complete && t->row[t->n - 1].seen_us >= time_us)
        return false;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].seen_us < time_us && t->row[i].height > height)
            height = t->row[i].height;
    *ret = height;
    return true;
}

struct found {
    bool any;
    struct tip tip;
};

static bool row_find(void *ctx, const struct db_value *v, size_t n)
{
    struct found *f = ctx;

    (void)n;
    tip_from_row(v, &f->tip);
    f->any = true;
    return true;
}

enum db_result tips_find_db(const struct tips *t, struct db *db, const char *network,
                            const struct u256 *hash, bool *ret_found, struct tip *ret)
{
    const struct tip *tip = tips_find(t, hash);
    struct found f = {0};
    enum db_result r = DB_OK;

    if (tip != NULL) {
        f.any = true;
        f.tip = *tip;
    } else if (!t->complete) {
        struct db_value v[] = {DB_TEXT(network), DB_BYTES(hash->be, sizeof(hash->be))};
        r = db_query(db, sql_find, v, 2, row_find, &f);
        FAULT_POINT("tips.found");
    }
    *ret_found = f.any;
    *ret = f.tip;
    return r;
}

static bool row_before(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_is_null(&v[0]) ? -1 : db_int(&v[0]);
    return true;
}

enum db_result tips_height_before_db(const struct tips *t, struct db *db, const char *network,
                                     int64_t time_us, int64_t *ret)
{
    struct db_value v[] = {DB_TEXT(network), DB_INT(time_us)};
    enum db_result r;

    *ret = -1;
    if (tips_height_before(t, time_us, ret))
        return DB_OK;
    r = db_query(db, sql_before, v, 2, row_before, ret);
    FAULT_POINT("tips.height_before");
    return r;
}
