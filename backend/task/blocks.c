#include "backend/task/blocks.h"

#include "backend/ledger/posting.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_COLUMNS                                                                              \
    "id, height, hash, status, pool_block, finished_at IS NOT NULL, epoch, subsidy"
#define SHARES_AT_ONCE 10000 /* rows that one statement changes: it stays far below a second */

/* --- reading --- */

struct reading {
    struct stored_block *block;
    size_t n, room;
};

static bool take_block(void *ctx, const struct db_value *v, size_t n)
{
    struct reading *r = ctx;
    struct stored_block *b = &r->block[r->n++];

    (void)n;
    assert(v[2].len == sizeof(b->hash.be));
    *b = (struct stored_block){.id = db_uint(&v[0]),
                               .height = db_int(&v[1]),
                               .pool_block = db_int(&v[4]) != 0,
                               .paid = db_int(&v[5]) != 0,
                               .epoch = db_uint(&v[6]),
                               .subsidy = db_uint(&v[7])};
    memcpy(b->hash.be, v[2].data, sizeof(b->hash.be));
    snprintf(b->status, sizeof(b->status), "%s", db_text(&v[3]));
    return r->n < r->room;
}

enum db_result blocks_top(struct db *db, const char *network, int64_t most,
                          struct stored_block *ret, size_t n, size_t *ret_n)
{
    struct reading reading = {.block = ret, .room = n};
    enum db_result r =
        db_query(db,
                 "SELECT " BLOCK_COLUMNS " FROM block WHERE network = ? AND active_height <= ? "
                 "ORDER BY active_height DESC LIMIT ?",
                 (const struct db_value[]){DB_TEXT(network), DB_INT(most), DB_UINT(n)}, 3,
                 take_block, &reading);

    FAULT_POINT("blocks.top");
    *ret_n = reading.n;
    return r;
}

enum db_result blocks_stale(struct db *db, const char *network, struct stored_block *ret, size_t n,
                            size_t *ret_n)
{
    struct reading reading = {.block = ret, .room = n};
    enum db_result r =
        db_query(db,
                 "SELECT " BLOCK_COLUMNS " FROM block WHERE network = ? AND pool_block "
                 "AND status = 'stale' ORDER BY height LIMIT ?",
                 (const struct db_value[]){DB_TEXT(network), DB_UINT(n)}, 2, take_block, &reading);

    FAULT_POINT("blocks.stale");
    *ret_n = reading.n;
    return r;
}

/* --- storing ---
 *
 * Dying inside a transaction leaves nothing of it. Dying behind its commit leaves a row that the
 * next run finds: it resumes above it. */

struct store {
    const char *network;
    const struct chain_block *b;
    bool mark_processed;
    enum block_store result;
    struct stored_block former;
    bool has_former;
    uint64_t id;
    char finder[UUID_TEXT_LEN + 1];
};

static bool take_text(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    snprintf(ctx, UUID_TEXT_LEN + 1, "%s", db_text(&v[0]));
    return false;
}

static bool take_id(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(uint64_t *)ctx = db_uint(&v[0]);
    return false;
}

/* Of a pool block: the miner whose solution it was, or whom the coinbase names, if the pool knows
 * it. */
static enum db_result find_finder(struct db *db, struct store *s)
{
    char guid[UUID_TEXT_LEN + 1];
    enum db_result r;

    s->finder[0] = '\0';
    if (!s->b->pool_block)
        return DB_OK;
    r = db_query(db,
                 "SELECT w.miner_id FROM block_candidate c JOIN worker w ON w.id = c.worker_id "
                 "WHERE c.network = ? AND c.hash = ?",
                 (const struct db_value[]){DB_TEXT(s->network),
                                           DB_BYTES(s->b->hash.be, sizeof(s->b->hash.be))},
                 2, take_text, s->finder);
    FAULT_POINT("blocks.candidate");
    if (r != DB_OK || s->finder[0] != '\0' || !s->b->has_finder)
        return r;
    uuid_format(&s->b->finder, guid);
    r = db_query(db, "SELECT id FROM miner WHERE id = ? AND network = ?",
                 (const struct db_value[]){DB_TEXT(guid), DB_TEXT(s->network)}, 2, take_text,
                 s->finder);
    FAULT_POINT("blocks.finder");
    return r;
}

static enum db_result insert_block(struct db *db, struct store *s)
{
    static const char sql[] =
        "INSERT INTO block (network, height, hash, subsidy, recipient, pool_block, version, "
        "version_text, chain_time, difficulty, finder_id, status, finished_at, note) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? SECOND, ?, ?, ?, "
        "IF(?, UTC_TIMESTAMP(6), NULL), ?)";
    const struct chain_block *b = s->b;
    bool processed = s->mark_processed && b->pool_block;
    const struct db_value v[] = {
        DB_TEXT(s->network),
        DB_INT(b->height),
        DB_BYTES(b->hash.be, sizeof(b->hash.be)),
        DB_UINT(b->subsidy),
        DB_TEXT(b->recipient),
        DB_INT(b->pool_block),
        DB_INT(b->version),
        DB_TEXT(b->version_text),
        DB_INT(b->time),
        DB_UINT(b->difficulty),
        s->finder[0] != '\0' ? DB_TEXT(s->finder) : DB_NULL,
        DB_TEXT(processed ? "finished" : "open"),
        DB_INT(processed),
        DB_TEXT(processed ? "another installation pays it" : ""),
    };
    enum db_result r = db_exec(db, sql, v, sizeof(v) / sizeof(v[0]), NULL);

    FAULT_POINT("blocks.inserted");
    if (r == DB_OK)
        r = db_query(db, "SELECT LAST_INSERT_ID()", NULL, 0, take_id, &s->id);
    FAULT_POINT("blocks.insert_id");
    return r;
}

/* One that was paid is finished again; the ledger has nothing to add. */
static enum db_result reopen(struct db *db, const char *network, const struct stored_block *b,
                             bool *ret_done)
{
    uint64_t changed = 0, epoch = b->epoch + !b->paid;
    enum db_result r =
        db_exec(db,
                "UPDATE block SET status = ?, epoch = ?, cut_at = NULL, assigned_at = NULL, "
                "note = 'was off the chain for a while' "
                "WHERE id = ? AND status = ? AND epoch = ?",
                (const struct db_value[]){DB_TEXT(b->paid ? "finished" : "open"), DB_UINT(epoch),
                                          DB_UINT(b->id), DB_TEXT(b->status), DB_UINT(b->epoch)},
                5, &changed);

    FAULT_POINT("blocks.reopened");
    *ret_done = changed == 1;
    if (r == DB_OK && *ret_done && b->pool_block && !b->paid) {
        r = posting_block_found(db, network, b->id, epoch, (uint64_t)b->height, b->subsidy);
        FAULT_POINT("blocks.found_again");
        if (r == DB_DUPLICATE) /* the ledger knows of a return that the row does not */
            r = DB_REFUSED;
    }
    return r;
}

static enum db_result find_former(struct db *db, struct store *s)
{
    struct reading reading = {.block = &s->former, .room = 1};
    enum db_result r = db_query(
        db, "SELECT " BLOCK_COLUMNS " FROM block WHERE network = ? AND hash = ? FOR UPDATE",
        (const struct db_value[]){DB_TEXT(s->network),
                                  DB_BYTES(s->b->hash.be, sizeof(s->b->hash.be))},
        2, take_block, &reading);

    FAULT_POINT("blocks.former");
    s->has_former = reading.n == 1;
    return r;
}

static enum db_result store_former(struct db *db, struct store *s)
{
    bool done;

    s->result = BLOCK_THERE;
    if (strcmp(s->former.status, "orphaned") != 0)
        return DB_OK;
    s->result = BLOCK_BACK;
    return reopen(db, s->network, &s->former, &done); /* its row is locked: it is done */
}

static enum db_result store_body(struct db *db, void *ctx)
{
    struct store *s = ctx;
    enum db_result r = find_former(db, s);

    if (r != DB_OK)
        return r;
    if (s->has_former)
        return store_former(db, s);
    s->result = BLOCK_NEW;
    r = find_finder(db, s);
    if (r == DB_OK)
        r = insert_block(db, s);
    if (r == DB_OK && s->b->pool_block && !s->mark_processed) {
        r = posting_block_found(db, s->network, s->id, 0, (uint64_t)s->b->height, s->b->subsidy);
        FAULT_POINT("blocks.found");
        if (r == DB_DUPLICATE) /* the ledger knows a block that is not there */
            r = DB_REFUSED;
    }
    return r;
}

enum db_result block_store(struct db *db, const char *network, const struct chain_block *b,
                           bool mark_processed, enum block_store *ret)
{
    struct store s = {.network = network, .b = b, .mark_processed = mark_processed};
    enum db_result r =
        FAULT_CALL("blocks.stored", db_transact(db, store_body, &s), DB_UNCERTAIN, DB_UNAVAILABLE);

    if (r ==
        DB_DUPLICATE) { /* of the keys it can only be that of the height, or another run's row */
        s.result = BLOCK_TAKEN;
        r = DB_OK;
    }
    *ret = s.result;
    return r;
}

/* --- losing and coming back --- */

struct change {
    const char *network;
    const struct stored_block *b;
    bool done, frozen;
    uint64_t shared_out;
};

/* The ledger has its share-out: there is money of it with the miners. */
static enum db_result look_for_share_out(struct db *db, struct change *c)
{
    char ref[BLOCK_REF_MAX + 1];
    enum db_result r;

    c->shared_out = 0;
    posting_block_ref(c->b->id, c->b->epoch, ref);
    r = db_query(db, "SELECT id FROM journal WHERE kind = 'share-out' AND ref = ?",
                 (const struct db_value[]){DB_TEXT(ref)}, 1, take_id, &c->shared_out);
    FAULT_POINT("blocks.share_out");
    return r;
}

static enum db_result freeze(struct db *db, struct change *c)
{
    char *reason =
        mem_sprintf("block %lld was paid, and is no longer on the chain", (long long)c->b->height);
    enum db_result r =
        db_exec(db, "INSERT INTO payout_freeze (network, frozen, reason) VALUES (?, TRUE, ?)",
                (const struct db_value[]){DB_TEXT(c->network), DB_TEXT(reason)}, 2, NULL);

    FAULT_POINT("blocks.frozen");
    free(reason);
    c->frozen = r == DB_OK;
    return r;
}

static enum db_result orphan_body(struct db *db, void *ctx)
{
    struct change *c = ctx;
    const struct stored_block *b = c->b;
    uint64_t changed = 0;
    enum db_result r;

    c->done = c->frozen = false;
    r = db_exec(db,
                "UPDATE block SET status = 'orphaned', note = 'lost against another block' "
                "WHERE id = ? AND status = ? AND epoch = ?",
                (const struct db_value[]){DB_UINT(b->id), DB_TEXT(b->status), DB_UINT(b->epoch)}, 3,
                &changed);
    FAULT_POINT("blocks.orphaned");
    if (r != DB_OK || changed != 1)
        return r;
    c->done = true;
    if (!b->pool_block)
        return DB_OK;
    if (!b->paid) {
        r = posting_block_orphaned(db, c->network, b->id, b->epoch, (uint64_t)b->height,
                                   b->subsidy);
        FAULT_POINT("blocks.reversed");
        return r == DB_DUPLICATE ? DB_OK : r; /* share-out did, when it called it stale */
    }
    r = look_for_share_out(db, c);
    return r == DB_OK && c->shared_out != 0 ? freeze(db, c) : r;
}

enum db_result block_orphan(struct db *db, const char *network, const struct stored_block *b,
                            bool *ret_done, bool *ret_frozen)
{
    struct change c = {.network = network, .b = b};
    enum db_result r = FAULT_CALL("blocks.orphan_ended", db_transact(db, orphan_body, &c),
                                  DB_UNCERTAIN, DB_UNAVAILABLE);

    *ret_done = c.done;
    *ret_frozen = c.frozen;
    return r;
}

static enum db_result reopen_body(struct db *db, void *ctx)
{
    struct change *c = ctx;

    return reopen(db, c->network, c->b, &c->done);
}

enum db_result block_reopen(struct db *db, const char *network, const struct stored_block *b,
                            bool *ret_done)
{
    struct change c = {.network = network, .b = b};
    enum db_result r = FAULT_CALL("blocks.reopen_ended", db_transact(db, reopen_body, &c),
                                  DB_UNCERTAIN, DB_UNAVAILABLE);

    *ret_done = c.done;
    return r;
}

/* --- shares of those that lost --- */

struct ids {
    uint64_t *id;
    size_t n;
};

static bool add_id(void *ctx, const struct db_value *v, size_t n)
{
    struct ids *ids = ctx;

    (void)n;
    ids->id = mem_resize(ids->id, ids->n + 1, sizeof(*ids->id));
    ids->id[ids->n++] = db_uint(&v[0]);
    return true;
}

static enum db_result release(struct db *db, const char *network, uint64_t id, uint64_t *ret_shares)
{
    static const char sql[] =
        "UPDATE share SET block_id = NULL WHERE network = ? AND block_id = ? LIMIT ?";
    const struct db_value v[] = {DB_TEXT(network), DB_UINT(id), DB_UINT(SHARES_AT_ONCE)};
    uint64_t released = SHARES_AT_ONCE;
    enum db_result r = DB_OK;

    while (r == DB_OK && released == SHARES_AT_ONCE) {
        r = FAULT_CALL("blocks.released", db_exec(db, sql, v, 3, &released), DB_UNCERTAIN,
                       DB_UNAVAILABLE);
        *ret_shares += r == DB_OK ? released : 0;
    }
    return r;
}

/* Every run does it for all of them, not only for those that it orphaned itself: a run before may
 * have died on the way, or assign-shares may have been at work on the block as it lost. */
enum db_result blocks_release_shares(struct db *db, const char *network, uint64_t *ret_shares)
{
    struct ids ids = {mem_zalloc(0), 0};
    enum db_result r = db_query(db,
                                "SELECT id FROM block WHERE network = ? AND pool_block "
                                "AND status IN ('orphaned', 'stale') AND finished_at IS NULL",
                                (const struct db_value[]){DB_TEXT(network)}, 1, add_id, &ids);

    FAULT_POINT("blocks.orphans");
    *ret_shares = 0;
    for (size_t i = 0; r == DB_OK && i < ids.n; i++)
        r = release(db, network, ids.id[i], ret_shares);
    free(ids.id);
    return r;
}
