#include "backend/ledger/scheme.h"

#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

#define TIME_TEXT_MAX 40
#define END_OF_TIME   "9999-12-31 23:59:59"
#define START_OF_TIME "1000-01-01 00:00:00"

/* A block's shares are read in slices [from, until) of their time, the newest first, so that
 * neither the server's statement nor our memory grows with their number. The index brings them in
 * order. */
#define SLICE                                                                                      \
    " FROM share FORCE INDEX (share_open) WHERE network = ? AND block_id = ?"                      \
    " AND received_at >= ? AND received_at < ?"
/* The nil id is the ledger's way to say nobody. */
#define SOMEBODY " AND m.id <> '00000000-0000-0000-0000-000000000000'"
#define MINER                                                                                      \
    " JOIN worker w ON w.id = s.worker_id JOIN miner m ON m.id = w.miner_id AND m.network = "      \
    "?" SOMEBODY
static const char sql_from[] = "SELECT received_at FROM share FORCE INDEX (share_open)"
                               " WHERE network = ? AND block_id = ? AND received_at < ?"
                               " ORDER BY received_at DESC LIMIT 1 OFFSET " STRING(SCHEME_SLICE);
static const char sql_slice[] =
    "SELECT m.id, SUM(s.shares), SUM(s.weight) FROM (SELECT worker_id, COUNT(*) AS shares,"
    " SUM(difficulty) AS weight" SLICE " GROUP BY worker_id) s" MINER " GROUP BY m.id";
static const char sql_shares[] =
    "SELECT STRAIGHT_JOIN m.id, 1, s.difficulty FROM (SELECT worker_id, difficulty, received_at,"
    " message_id" SLICE ") s" MINER " ORDER BY s.received_at DESC, s.message_id DESC";
static const char sql_block_before[] =
    "SELECT id, height FROM block WHERE network = ? AND pool_block"
    " AND (height < ? OR (height = ? AND id < ?)) ORDER BY height DESC, id DESC LIMIT 1";
static const char sql_miner[] = "SELECT 1 FROM miner m WHERE m.id = ? AND m.network = ?" SOMEBODY;

weight_t scheme_window(uint64_t difficulty, int64_t percent)
{
    assert(percent >= 0);
    return (weight_t)difficulty * (uint64_t)percent / 100;
}

/* --- summing up --- */

void weights_add(struct weights *w, const struct uuid *miner, uint64_t shares, weight_t weight)
{
    if ((w->n & (w->n - 1)) == 0) /* grows to powers of two */
        w->credit = mem_resize(w->credit, w->n == 0 ? 1 : 2 * w->n, sizeof *w->credit);
    w->credit[w->n++] = (struct credit){.miner = *miner, .shares = shares, .weight = weight};
    w->shares += shares;
    w->weight += weight;
}

static int by_miner(const void *pa, const void *pb)
{
    const struct credit *a = pa, *b = pb;

    return memcmp(a->miner.b, b->miner.b, sizeof a->miner.b);
}

void weights_merge(struct weights *w)
{
    size_t merged = 0;

    if (w->n == 0)
        return;
    qsort(w->credit, w->n, sizeof *w->credit, by_miner);
    for (size_t i = 1; i < w->n; i++) {
        struct credit *last = &w->credit[merged];

        if (by_miner(last, &w->credit[i]) == 0) {
            last->shares += w->credit[i].shares;
            last->weight += w->credit[i].weight;
        } else {
            w->credit[++merged] = w->credit[i];
        }
    }
    /* to the size that weights_add() takes the number to mean */
    size_t room = 1;
    while (room < merged + 1)
        room *= 2;
    w->n = merged + 1;
    w->credit = mem_resize(w->credit, room, sizeof *w->credit);
}

void weights_free(struct weights *w)
{
    free(w->credit);
    w->credit = NULL;
    w->n = 0;
}

/* --- reading --- */

/* Where a window is being filled. */
struct window {
    struct db *db;
    const char *network;
    weight_t wanted; /* 0: all there is */
    struct weights *sum;
    size_t merged; /* credits after the last merge */
};

static bool is_full(const struct window *w)
{
    return w->wanted > 0 && w->sum->weight >= w->wanted;
}

/* Rows of miner, number of shares, weight. */
static bool read_row(const struct db_value *row, struct uuid *miner, uint64_t *shares,
                     weight_t *weight)
{
    const char *id = db_text(&row[0]);

    if (row[1].type == DB_TEXT_T) { /* a sum is a DECIMAL */
        *shares = strtoull(row[1].data, NULL, 10);
    } else {
        *shares = db_uint(&row[1]);
    }
    if (row[2].type != DB_TEXT_T) {
        *weight = db_uint(&row[2]);
        return uuid_parse(id, strlen(id), miner);
    }
    return uuid_parse(id, strlen(id), miner) && weight_parse(row[2].data, weight);
}

static bool take_sum(void *ctx, const struct db_value *row, size_t n)
{
    struct weights *part = ctx;
    struct uuid miner;
    uint64_t shares;
    weight_t weight;

    (void)n;
    bool sound = read_row(row, &miner, &shares, &weight);
    assert(sound); /* of these columns the server sends nothing else */
    if (sound)
        weights_add(part, &miner, shares, weight);
    return true;
}

/* The share that fills the window counts with what was still missing. */
static bool take_share(void *ctx, const struct db_value *row, size_t n)
{
    struct window *w = ctx;
    weight_t missing = w->wanted - w->sum->weight;
    struct uuid miner;
    uint64_t shares;
    weight_t weight;

    (void)n;
    bool sound = read_row(row, &miner, &shares, &weight);
    assert(sound);
    if (sound)
        weights_add(w->sum, &miner, shares, weight < missing ? weight : missing);
    return !is_full(w);
}

struct slice {
    char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
};

static bool take_time(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    snprintf(ctx, TIME_TEXT_MAX, "%s", db_text(&row[0]));
    return false;
}

static void add_all(struct window *w, const struct weights *part)
{
    for (size_t i = 0; i < part->n; i++)
        weights_add(w->sum, &part->credit[i].miner, part->credit[i].shares, part->credit[i].weight);
    if (w->sum->n >= 2 * w->merged + SCHEME_SLICE) {
        weights_merge(w->sum);
        w->merged = w->sum->n;
    }
}

static enum db_result read_slice(struct window *w, uint64_t block_id, const struct slice *slice)
{
    const struct db_value params[] = {DB_TEXT(w->network), DB_UINT(block_id), DB_TEXT(slice->from),
                                      DB_TEXT(slice->until), DB_TEXT(w->network)};
    struct weights part = {.credit = NULL};
    enum db_result r = db_query(w->db, sql_slice, params, 5, take_sum, &part);

    FAULT_POINT("scheme.slice");
    if (r == DB_OK && w->wanted > 0 && w->sum->weight + part.weight > w->wanted) {
        r = db_query(w->db, sql_shares, params, 5, take_share, w);
        FAULT_POINT("scheme.shares");
    } else if (r == DB_OK) {
        add_all(w, &part);
    }
    weights_free(&part);
    return r;
}

static enum db_result read_block(struct window *w, uint64_t block_id)
{
    struct slice slice = {.until = END_OF_TIME};
    enum db_result r = DB_OK;

    while (r == DB_OK && slice.until[0] != '\0' && !is_full(w)) {
        slice.from[0] = '\0';
        r = db_query(
            w->db, sql_from,
            (const struct db_value[]){DB_TEXT(w->network), DB_UINT(block_id), DB_TEXT(slice.until)},
            3, take_time, slice.from);
        FAULT_POINT("scheme.slice_from");
        bool last = slice.from[0] == '\0';
        if (last)
            snprintf(slice.from, sizeof slice.from, START_OF_TIME);
        if (r == DB_OK)
            r = read_slice(w, block_id, &slice);
        snprintf(slice.until, sizeof slice.until, "%s", last ? "" : slice.from);
    }
    return r;
}

struct position {
    bool found;
    uint64_t id, height;
};

static bool take_position(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(struct position *)ctx = (struct position){true, db_uint(&row[0]), db_uint(&row[1])};
    return false;
}

static enum db_result read_window(struct window *w, const struct scheme_block *block)
{
    struct position at = {true, block->id, block->height};
    enum db_result r = read_block(w, at.id);

    while (r == DB_OK && at.found && !is_full(w)) {
        const struct db_value params[] = {DB_TEXT(w->network), DB_UINT(at.height),
                                          DB_UINT(at.height), DB_UINT(at.id)};
        at.found = false;
        r = db_query(w->db, sql_block_before, params, 4, take_position, &at);
        FAULT_POINT("scheme.block_before");
        if (r == DB_OK && at.found)
            r = read_block(w, at.id);
    }
    return r;
}

/* --- the schemes --- */

static bool take_presence(void *ctx, const struct db_value *row, size_t n)
{
    (void)row;
    (void)n;
    *(bool *)ctx = true;
    return false;
}

static enum db_result is_miner(struct window *w, const struct uuid *id, bool *ret)
{
    char text[UUID_TEXT_LEN + 1];
    enum db_result r;

    uuid_format(id, text);
    *ret = false;
    r = db_query(w->db, sql_miner, (const struct db_value[]){DB_TEXT(text), DB_TEXT(w->network)}, 2,
                 take_presence, ret);
    FAULT_POINT("scheme.miner");
    return r;
}

/* One credit: the finder's, also when none of his shares arrived in time. */
static void keep_only(struct weights *w, const struct uuid *finder)
{
    struct credit found = {.miner = *finder, .weight = 1};

    for (size_t i = 0; i < w->n; i++)
        if (uuid_equal(&w->credit[i].miner, finder) && w->credit[i].weight > 0)
            found = w->credit[i];
    weights_free(w);
    w->shares = 0;
    w->weight = 0;
    weights_add(w, &found.miner, found.shares, found.weight);
}

enum db_result scheme_weights(struct db *db, const struct scheme_block *block,
                              enum payout_scheme scheme, weight_t wanted, struct weights *ret)
{
    struct window w = {.db = db, .network = block->network, .sum = ret};
    bool known = false;
    enum db_result r = DB_OK;

    *ret = (struct weights){.scheme = scheme};
    if (scheme == SCHEME_SOLO && block->has_finder)
        r = is_miner(&w, &block->finder, &known);
    if ((scheme == SCHEME_SOLO && !known) || (scheme == SCHEME_PPLNS && wanted == 0))
        ret->scheme = SCHEME_PROP;
    if (ret->scheme == SCHEME_PPLNS)
        w.wanted = ret->wanted = wanted;
    if (r == DB_OK)
        r = ret->scheme == SCHEME_PPLNS ? read_window(&w, block) : read_block(&w, block->id);
    weights_merge(ret);
    if (ret->scheme == SCHEME_SOLO)
        keep_only(ret, &block->finder);
    return r;
}
