#include "backend/task/sent.h"

#include "common/base/fault.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"

#include <stdlib.h>
#include <string.h>

struct sending {
    struct u256 *txid;
    size_t n;
};

#define NEIGHBOURS 64 /* a transaction's outputs are listed one after the other */

static bool keep_sent(void *ctx, const struct u256 *txid)
{
    struct sending *s = ctx;

    for (size_t i = s->n; i-- > 0 && s->n - i < NEIGHBOURS;)
        if (u256_cmp(&s->txid[i], txid) == 0)
            return true;
    s->txid = mem_resize(s->txid, s->n + 1, sizeof(*s->txid));
    s->txid[s->n++] = *txid;
    return true;
}

static bool row_int(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&v[0]);
    return true;
}

/* The block's own time, for a restored database has rows that are younger than what they tell of;
 * the miner who chose it may be hours off. */
static enum db_result read_since(struct task_run *run, int64_t days, int64_t *ret)
{
    static const char sql[] =
        "SELECT CAST(UNIX_TIMESTAMP(GREATEST(UTC_TIMESTAMP() - INTERVAL ? DAY,"
        " COALESCE(MIN(LEAST(COALESCE(chain_time, created_at), created_at)),"
        " UTC_TIMESTAMP()) - INTERVAL 3 HOUR)) AS SIGNED) FROM block WHERE pool_block";
    enum db_result r = db_query(run->db, sql, (struct db_value[]){DB_INT(days)}, 1, row_int, ret);

    FAULT_POINT("sent.since");
    return r;
}

static enum db_result is_known(struct task_run *run, const struct u256 *txid, bool *ret)
{
    static const char sql[] =
        "SELECT CAST((SELECT COUNT(*) FROM payout WHERE txid = ? AND network IN (SELECT DISTINCT"
        " network FROM account)) + (SELECT COUNT(*) FROM journal WHERE kind = 'adjustment'"
        " AND ref = CONVERT(? USING ascii) COLLATE ascii_nopad_bin) AS SIGNED)";
    char hex[65];
    int64_t n = 0;
    enum db_result r;

    u256_to_hex(txid, hex);
    r = db_query(run->db, sql,
                 (struct db_value[]){DB_BYTES(txid->be, sizeof(txid->be)), DB_TEXT(hex)}, 2,
                 row_int, &n);
    FAULT_POINT("sent.known");
    *ret = n > 0;
    return r;
}

/* A payout that has only a comment yet. */
static enum db_result is_intent(struct task_run *run, const char *comment, bool *ret)
{
    struct uuid id;
    int64_t n = 0;
    enum db_result r = DB_OK;

    if (uuid_parse(comment, strlen(comment), &id))
        r = db_query(run->db, "SELECT COUNT(*) FROM payout WHERE id = ?",
                     (struct db_value[]){DB_TEXT(comment)}, 1, row_int, &n);
    FAULT_POINT("sent.intent");
    *ret = n > 0;
    return r;
}

static enum task_result look_at(struct task_run *run, struct wallet *w, const struct u256 *txid,
                                sent_unknown_fn *fn, void *ctx)
{
    struct sent_tx tx = {0};
    bool known = false, found = false;
    enum db_result r = is_known(run, txid, &known);

    if (r != DB_OK || known)
        return task_db(run, r, "payouts by txid");
    if (chain_sent(run->chain, w, txid, &found, &tx) != CHAIN_OK)
        return task_chain(run, CHAIN_HOLD);
    if (found && tx.confirmations >= 0 && !tx.abandoned) {
        r = is_intent(run, tx.comment, &known);
        if (r == DB_OK && !known)
            r = fn(ctx, &tx);
    }
    sent_tx_clear(&tx);
    return task_db(run, r, "an unknown transaction of the wallet");
}

enum task_result sent_unknown_each(struct task_run *run, struct wallet *w, int64_t days,
                                   sent_unknown_fn *fn, void *ctx)
{
    struct sending s = {NULL, 0};
    int64_t since = 0;
    enum task_result r =
        task_db(run, read_since(run, days, &since), "the time of the pool's first block");

    if (r == TASK_DONE)
        r = task_chain(run, chain_sent_since(run->chain, w, since, keep_sent, &s));
    for (size_t i = 0; i < s.n && r == TASK_DONE; i++)
        r = look_at(run, w, &s.txid[i], fn, ctx);
    free(s.txid);
    return r;
}
