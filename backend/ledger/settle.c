#include "backend/ledger/settle.h"

#include "backend/ledger/posting.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDITS_AT_ONCE 1000
#define STATUS_MAX      16
#define NOTE_MAX        160

bool settlement_split(struct settlement *s)
{
    struct weights *w = &s->weights;

    if (s->subsidy > AMOUNT_MAX)
        return false;
    s->fee = split_fee(s->subsidy, s->fee_bp);
    switch (split_amount(s->subsidy - s->fee, w->credit, w->n)) {
    case SPLIT_OK:
        return true;
    case SPLIT_NOTHING:
        s->fee = s->subsidy;
        w->n = 0;
        w->shares = 0;
        return true;
    case SPLIT_BEYOND:
        break;
    }
    return false;
}

/* --- the transaction --- */

struct work {
    const struct settlement *s;
    const char *note; /* of what is stale */
    enum settled result;
    char status[STATUS_MAX];
    uint64_t epoch;
    bool found;
};

static bool take_state(void *ctx, const struct db_value *row, size_t n)
{
    struct work *w = ctx;

    (void)n;
    snprintf(w->status, sizeof w->status, "%s", db_text(&row[0]));
    w->epoch = db_uint(&row[1]);
    w->found = true;
    return false;
}

/* Whoever has the row's lock is alone with the block until the end of his transaction. DONE: the
 * status that says it is settled already. */
static enum db_result lock_block(struct db *db, struct work *w, const char *done)
{
    enum db_result r;

    w->found = false;
    r = db_query(db, "SELECT status, epoch FROM block WHERE id = ? AND network = ? FOR UPDATE",
                 (const struct db_value[]){DB_UINT(w->s->block.id), DB_TEXT(w->s->block.network)},
                 2, take_state, w);
    FAULT_POINT("settle.locked");
    if (r != DB_OK)
        return r;
    w->result = SETTLED_NOT;
    if (!w->found || w->epoch != w->s->epoch)
        return DB_OK;
    if (strcmp(w->status, done) == 0)
        w->result = SETTLED_ALREADY;
    else if (strcmp(w->status, "assigned") == 0 || strcmp(w->status, "processing") == 0)
        w->result = SETTLED_NOW;
    return DB_OK;
}

static enum db_result store_split(struct db *db, const struct settlement *s)
{
    const struct weights *w = &s->weights;
    char weight[WEIGHT_TEXT_MAX + 1], wanted[WEIGHT_TEXT_MAX + 1];

    weight_format(w->n > 0 ? w->weight : 0, weight);
    weight_format(w->wanted, wanted);
    const struct db_value row[] = {
        DB_UINT(s->block.id),
        DB_TEXT(s->block.network),
        DB_TEXT(scheme_names[w->scheme]),
        DB_UINT(s->fee_bp),
        DB_UINT(s->subsidy),
        DB_UINT(s->fee),
        w->scheme == SCHEME_PPLNS ? DB_TEXT(wanted) : DB_NULL,
        DB_UINT(w->shares),
        DB_TEXT(weight),
    };
    enum db_result r = db_exec(db,
                               "INSERT INTO block_split (block_id, network, scheme, fee_bp,"
                               " subsidy, fee, wanted, shares, weight)"
                               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                               row, 9, NULL);

    FAULT_POINT("settle.split");
    return r;
}

enum { CREDIT_COLUMNS = 5 };

struct credit_text {
    char miner[UUID_TEXT_LEN + 1], weight[WEIGHT_TEXT_MAX + 1];
};

static enum db_result store_some(struct db *db, uint64_t block_id, const struct credit *credit,
                                 size_t n, struct db_value *values, struct credit_text *text)
{
    enum db_result r;

    for (size_t i = 0; i < n; i++) {
        struct db_value *v = values + CREDIT_COLUMNS * i;

        uuid_format(&credit[i].miner, text[i].miner);
        weight_format(credit[i].weight, text[i].weight);
        v[0] = DB_UINT(block_id);
        v[1] = DB_TEXT(text[i].miner);
        v[2] = DB_UINT(credit[i].shares);
        v[3] = DB_TEXT(text[i].weight);
        v[4] = DB_UINT(credit[i].amount);
    }
    r = db_exec_many(db,
                     "INSERT INTO block_credit (block_id, miner_id, shares, weight, amount)"
                     " VALUES (?, ?, ?, ?, ?)",
                     values, CREDIT_COLUMNS, n, NULL);
    FAULT_POINT("settle.credits");
    return r;
}

static enum db_result store_credits(struct db *db, const struct settlement *s)
{
    const struct weights *w = &s->weights;
    struct db_value *values = mem_zalloc(CREDITS_AT_ONCE * CREDIT_COLUMNS * sizeof *values);
    struct credit_text *text = mem_zalloc(CREDITS_AT_ONCE * sizeof *text);
    enum db_result r = DB_OK;

    for (size_t i = 0; r == DB_OK && i < w->n; i += CREDITS_AT_ONCE) {
        size_t n = w->n - i < CREDITS_AT_ONCE ? w->n - i : CREDITS_AT_ONCE;
        r = store_some(db, s->block.id, w->credit + i, n, values, text);
    }
    free(text);
    free(values);
    return r;
}

static struct posting *new_event(const struct settlement *s, unsigned number)
{
    char block[BLOCK_REF_MAX + 1], ref[BLOCK_REF_MAX + 16], note[NOTE_MAX];

    posting_block_ref(s->block.id, s->epoch, block);
    if (number == 1)
        snprintf(ref, sizeof ref, "%s", block);
    else
        snprintf(ref, sizeof ref, "%s.%u", block, number);
    snprintf(note, sizeof note, "Share for block %" PRIu64, s->block.height);
    return posting_new(s->block.network, "share-out", ref, note);
}

/* The credits from *AT on, as many as fit beside the lines that are there and the one that follows.
 */
static uint64_t add_credits(struct posting *p, const struct weights *w, size_t *at)
{
    uint64_t sum = 0;

    for (; *at < w->n && posting_lines(p) < POSTING_LINES_MAX - 1; (*at)++) {
        const struct credit *c = &w->credit[*at];

        posting_add(p, ACCOUNT_MINER, &c->miner, (int64_t)c->amount);
        sum += c->amount;
    }
    return sum;
}

/* The first event also makes the reward mature and gives the pool its fee. */
static enum db_result post_share_out(struct db *db, const struct settlement *s)
{
    size_t at = 0;
    enum db_result r = DB_OK;

    for (unsigned number = 1; r == DB_OK && (number == 1 || at < s->weights.n); number++) {
        struct posting *p = new_event(s, number);
        uint64_t unshared = 0;

        if (number == 1) {
            posting_add(p, ACCOUNT_IMMATURE, NULL, (int64_t)s->subsidy);
            posting_add(p, ACCOUNT_MATURE, NULL, -(int64_t)s->subsidy);
            posting_add(p, ACCOUNT_POOL_FEE, NULL, (int64_t)s->fee);
            unshared = s->fee;
        }
        unshared += add_credits(p, &s->weights, &at);
        posting_add(p, ACCOUNT_UNSHARED, NULL, -(int64_t)unshared);
        r = posting_post(db, p);
        FAULT_POINT("settle.posted");
        posting_free(&p);
    }
    return r;
}

static enum db_result finish_block(struct db *db, const struct settlement *s)
{
    const char *note = s->weights.n == 0 ? "nobody had a claim to it: all of it is the pool's" : "";
    enum db_result r =
        db_exec(db,
                "UPDATE block SET status = 'finished', finished_at = UTC_TIMESTAMP(6), note = ?"
                " WHERE id = ?",
                (const struct db_value[]){DB_TEXT(note), DB_UINT(s->block.id)}, 2, NULL);

    FAULT_POINT("settle.finished");
    return r;
}

/* Nothing of this is seen by anyone before the commit, and if we die before it nothing is left.
 * After it the block is finished, and the next run does not look at it again. */
static enum db_result share_out_body(struct db *db, void *ctx)
{
    struct work *w = ctx;
    enum db_result r = lock_block(db, w, "finished");

    if (r != DB_OK || w->result != SETTLED_NOW)
        return r;
    r = store_split(db, w->s);
    if (r == DB_OK)
        r = store_credits(db, w->s);
    if (r == DB_OK)
        r = post_share_out(db, w->s);
    return r == DB_OK ? finish_block(db, w->s) : r;
}

enum db_result settle_share_out(struct db *db, const struct settlement *s, enum settled *ret)
{
    struct work w = {.s = s, .result = SETTLED_NOT};
    enum db_result r = FAULT_CALL("settle.share_out", db_transact(db, share_out_body, &w),
                                  DB_UNCERTAIN, DB_UNAVAILABLE);

    *ret = w.result;
    return r;
}

/* As above. The shares go to the next block once find-blocks has taken them off this one. */
static enum db_result stale_body(struct db *db, void *ctx)
{
    struct work *w = ctx;
    const struct settlement *s = w->s;
    enum db_result r = lock_block(db, w, "stale");

    if (r != DB_OK || w->result != SETTLED_NOW)
        return r;
    r = posting_block_orphaned(db, s->block.network, s->block.id, s->epoch, s->block.height,
                               s->subsidy);
    FAULT_POINT("settle.reversed");
    if (r == DB_OK)
        r = db_exec(db, "UPDATE block SET status = 'stale', note = ? WHERE id = ?",
                    (const struct db_value[]){DB_TEXT(w->note), DB_UINT(s->block.id)}, 2, NULL);
    FAULT_POINT("settle.stale");
    return r;
}

enum db_result settle_stale(struct db *db, const struct settlement *s, const char *note,
                            enum settled *ret)
{
    struct work w = {.s = s, .note = note, .result = SETTLED_NOT};
    enum db_result r = FAULT_CALL("settle.make_stale", db_transact(db, stale_body, &w),
                                  DB_UNCERTAIN, DB_UNAVAILABLE);

    *ret = w.result;
    return r;
}
