#include "backend/share/lookup.h"

#include "common/base/buf.h"
#include "common/base/fault.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 160 /* one key of a batch as JSON */

/* Keys travel as one JSON parameter, so that one prepared statement serves every batch size; the
 * server joins it to the table by primary or unique key, partition by partition. */
#define MESSAGE_KEYS                                                                               \
    "JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY,"                                              \
    " m CHAR(36) CHARACTER SET ascii PATH '$.m', d INT UNSIGNED PATH '$.d')) k"
#define HASH_KEYS                                                                                  \
    "JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY,"                                              \
    " h CHAR(64) CHARACTER SET ascii PATH '$.h', d INT UNSIGNED PATH '$.d')) k"

static const char sql_rejected[] =
    "SELECT k.n FROM " MESSAGE_KEYS
    " STRAIGHT_JOIN rejected r ON r.message_id = CAST(k.m AS UUID) AND r.day = k.d";
static const char sql_rejected_locked[] =
    "SELECT k.n FROM " MESSAGE_KEYS
    " STRAIGHT_JOIN rejected r ON r.message_id = CAST(k.m AS UUID) AND r.day = k.d"
    " LOCK IN SHARE MODE";
static const char sql_share[] =
    "SELECT k.n, s.message_id FROM " HASH_KEYS
    " STRAIGHT_JOIN share s ON s.network = ? AND s.pow_hash = UNHEX(k.h) AND s.day = k.d";
static const char sql_share_locked[] =
    "SELECT k.n, s.message_id FROM " HASH_KEYS
    " STRAIGHT_JOIN share s ON s.network = ? AND s.pow_hash = UNHEX(k.h) AND s.day = k.d"
    " LOCK IN SHARE MODE";
static const char sql_work[] =
    "SELECT k.n, w.worker_id, v.miner_id, m.disabled, w.target,"
    " TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', w.created_at),"
    " m.address, v.name, w.job_id, w.extranonce FROM"
    " JSON_TABLE(?, '$[*]' COLUMNS (n FOR ORDINALITY,"
    " w CHAR(36) CHARACTER SET ascii PATH '$.w')) k"
    " STRAIGHT_JOIN work w ON w.id = CAST(k.w AS UUID)"
    " STRAIGHT_JOIN worker v ON v.id = w.worker_id"
    " STRAIGHT_JOIN miner m ON m.id = v.miner_id"
    " WHERE w.network = ? AND m.network = w.network";

/* The shares that a statement is about, in the order of its keys. */
struct keys {
    struct share **share;
    size_t n;
    struct buf json;
    bool found; /* a row that matters came back */
};

static void keys_start(struct keys *k, struct share **room, size_t n)
{
    *k = (struct keys){.share = room, .json = BUF_INIT(n * KEY_MAX + 2)};
    buf_add(&k->json, "[", 1);
}

static void keys_add(struct keys *k, struct share *s, const char *json)
{
    bool ok = buf_addf(&k->json, "%s%s", k->n > 0 ? "," : "", json);

    assert(ok); /* KEY_MAX holds every key */
    k->share[k->n++] = s;
}

static struct share *keys_at(const struct keys *k, const struct db_value *ordinality)
{
    uint64_t i = db_uint(ordinality);

    assert(i >= 1 && i <= k->n);
    return k->share[i - 1];
}

/* Runs SQL with the keys, and with NETWORK when it is not NULL, and frees the keys. */
static enum db_result keys_query(struct db *db, struct keys *k, const char *sql,
                                 const char *network, db_row_fn *fn)
{
    enum db_result r = DB_OK;

    if (k->n > 0) {
        buf_add(&k->json, "]", 1);
        struct db_value params[] = {DB_BYTES(k->json.data, k->json.len),
                                    DB_TEXT(network != NULL ? network : "")};
        params[0].type = DB_TEXT_T;
        r = db_query(db, sql, params, network != NULL ? 2 : 1, fn, k);
    }
    buf_free(&k->json);
    return r;
}

static void add_message(struct keys *k, struct share *s)
{
    char id[UUID_TEXT_LEN + 1], json[KEY_MAX];

    uuid_format(&s->msg->id, id);
    snprintf(json, sizeof(json), "{\"m\":\"%s\",\"d\":%lld}", id,
             (long long)(s->msg->received_us / 86400000000));
    keys_add(k, s, json);
}

static void add_hash(struct keys *k, struct share *s)
{
    char hash[65], json[KEY_MAX];

    u256_to_hex(&s->pow_hash, hash);
    snprintf(json, sizeof(json), "{\"h\":\"%s\",\"d\":%u}", hash, s->day);
    keys_add(k, s, json);
}

static void add_work(struct keys *k, struct share *s)
{
    char id[UUID_TEXT_LEN + 1], json[KEY_MAX];

    uuid_format(&s->work_id, id);
    snprintf(json, sizeof(json), "{\"w\":\"%s\"}", id);
    keys_add(k, s, json);
}

static bool has_key(const struct share *s)
{
    return s->has_pow_hash && s->has_header;
}

/* UUID columns arrive as text or as bytes that hold text, depending on the client library. */
static bool is_message(const struct db_value *v, const struct uuid *id)
{
    struct uuid found;

    return uuid_parse(v->data, v->len, &found) && uuid_equal(&found, id);
}

static bool row_rejected(void *ctx, const struct db_value *v, size_t n)
{
    struct keys *k = ctx;

    (void)n;
    keys_at(k, &v[0])->state = SHARE_REFUSED;
    k->found = true;
    return true;
}

static bool row_share(void *ctx, const struct db_value *v, size_t n)
{
    struct keys *k = ctx;
    struct share *s = keys_at(k, &v[0]);

    (void)n;
    if (is_message(&v[1], &s->msg->id)) {
        s->state = SHARE_CREDITED;
        k->found = true;
    } else {
        s->known = true;
    }
    return true;
}

static bool row_work(void *ctx, const struct db_value *v, size_t n)
{
    struct share *s = keys_at(ctx, &v[0]);
    struct work *w = &s->work;

    (void)n;
    w->worker_id = db_uint(&v[1]);
    w->miner_disabled = db_int(&v[3]) != 0;
    w->created_us = db_int(&v[5]);
    assert(v[4].len == sizeof(w->target.be));
    memcpy(w->target.be, v[4].data, sizeof(w->target.be));
    snprintf(w->address, sizeof(w->address), "%s", db_text(&v[6]));
    snprintf(w->worker, sizeof(w->worker), "%s", db_text(&v[7]));
    w->of_job = uuid_parse(v[8].data, db_is_null(&v[8]) ? 0 : v[8].len, &w->job_id) &&
                !db_is_null(&v[9]) && v[9].len <= sizeof(w->extranonce);
    w->extranonce_len = w->of_job ? v[9].len : 0;
    memcpy(w->extranonce, w->of_job ? v[9].data : "", w->extranonce_len);
    w->found = uuid_parse(v[2].data, v[2].len, &w->miner_id);
    return true;
}

static int cmp_work(const void *pa, const void *pb)
{
    const struct share *const *a = pa, *const *b = pb;

    return memcmp((*a)->work_id.b, (*b)->work_id.b, sizeof((*a)->work_id.b));
}

/* Fast miners find many shares of one work: it is looked up once. */
enum db_result share_lookup_work(struct db *db, const char *network, struct share **shares,
                                 size_t n)
{
    struct share *sorted[n + 1], *room[n + 1];
    size_t found = 0;
    struct keys k;

    for (size_t i = 0; i < n; i++)
        if ((shares[i]->state == SHARE_OPEN || shares[i]->state == SHARE_CREDITED) &&
            shares[i]->has_work_id) /* what is credited already may have to be archived yet */
            sorted[found++] = shares[i];
    qsort(sorted, found, sizeof(struct share *), cmp_work);
    keys_start(&k, room, n);
    for (size_t i = 0; i < found; i++)
        if (i == 0 || cmp_work(&sorted[i - 1], &sorted[i]) != 0)
            add_work(&k, sorted[i]);
    enum db_result r = keys_query(db, &k, sql_work, network, row_work);
    for (size_t i = 1; i < found && r == DB_OK; i++)
        if (cmp_work(&sorted[i - 1], &sorted[i]) == 0)
            sorted[i]->work = sorted[i - 1]->work;
    FAULT_POINT("lookup.work");
    return r;
}

enum db_result share_lookup(struct db *db, const char *network, struct share **shares, size_t n)
{
    struct share *room[n + 1];
    enum db_result r;
    struct keys k;

    /* A message that comes for the first time is hardly refused already. If it is all the same,
     * because somebody queued it twice, its insertion or share_cross_check() finds out. */
    keys_start(&k, room, n);
    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_OPEN && shares[i]->redelivered)
            add_message(&k, shares[i]);
    r = keys_query(db, &k, sql_rejected, NULL, row_rejected);
    if (r != DB_OK)
        return r;
    FAULT_POINT("lookup.rejected");

    keys_start(&k, room, n);
    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_OPEN && has_key(shares[i]))
            add_hash(&k, shares[i]);
    r = keys_query(db, &k, sql_share, network, row_share);
    if (r != DB_OK)
        return r;
    FAULT_POINT("lookup.shares");

    return share_lookup_work(db, network, shares, n);
}

enum db_result share_cross_check(struct db *db, const char *network, struct share **shares,
                                 size_t n, bool *ret_found)
{
    struct share *room[n + 1];
    enum db_result r;
    struct keys k;

    keys_start(&k, room, n);
    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_ACCEPTED)
            add_message(&k, shares[i]);
    r = keys_query(db, &k, sql_rejected_locked, NULL, row_rejected);
    FAULT_POINT("lookup.rejected_locked");
    *ret_found = k.found;
    if (r != DB_OK)
        return r;

    keys_start(&k, room, n);
    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_REJECTED && has_key(shares[i]))
            add_hash(&k, shares[i]);
    r = keys_query(db, &k, sql_share_locked, network, row_share);
    FAULT_POINT("lookup.shares_locked");
    *ret_found |= k.found;
    return r;
}

enum db_result share_find_owner(struct db *db, const char *network, const struct share *s,
                                enum share_owner *ret)
{
    struct share copy = *s, *room;
    enum db_result r;
    struct keys k;

    copy.known = false;
    keys_start(&k, &room, 1);
    add_hash(&k, &copy);
    r = keys_query(db, &k, sql_share, network, row_share);
    FAULT_POINT("lookup.owner");
    *ret = k.found ? OWNER_SELF : copy.known ? OWNER_OTHER : OWNER_NOBODY;
    return r;
}
