/* Payouts: reading them, and what they need to know. */
#include "backend/ledger/payout.h"

#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ(NAME, CALL) FAULT_CALL(NAME, CALL, DB_UNAVAILABLE, DB_UNAVAILABLE)

static enum payout_status status_named(const char *name)
{
    for (enum payout_status s = PAYOUT_INTENT; s <= PAYOUT_CANCELLED; s++)
        if (strcmp(payout_status_name(s), name) == 0)
            return s;
    abort(); /* an ENUM of the table */
}

#define PAYOUT_COLUMNS                                                                             \
    "SELECT id, network, kind, fee_payer, status, wallet, txid, raw, amount, fee, confirmations,"  \
    " attempts, UNIX_TIMESTAMP(created_at) DIV 1,"                                                 \
    " COALESCE(TIMESTAMPDIFF(SECOND, attempted_at, UTC_TIMESTAMP(6)), -1),"                        \
    " COALESCE(TIMESTAMPDIFF(SECOND, searched_at, UTC_TIMESTAMP(6)), -1),"                         \
    " answer LIKE '" PAYOUT_REFUSED_PREFIX "%' FROM payout"

static void copy_text(char *out, size_t size, const struct db_value *v)
{
    snprintf(out, size, "%s", db_text(v));
}

static bool take_payout(void *ctx, const struct db_value *row, size_t n)
{
    struct payout_list *list = ctx;
    struct payout *p;
    bool ok;

    (void)n;
    list->payout = mem_resize(list->payout, list->n + 1, sizeof(*p));
    p = &list->payout[list->n++];
    *p = (struct payout){.status = status_named(db_text(&row[4]))};
    copy_text(p->id_text, sizeof(p->id_text), &row[0]);
    ok = uuid_parse(p->id_text, UUID_TEXT_LEN, &p->id);
    assert(ok);
    (void)ok;
    copy_text(p->network, sizeof(p->network), &row[1]);
    p->is_sweep = strcmp(db_text(&row[2]), "sweep") == 0;
    p->pool_pays = strcmp(db_text(&row[3]), "pool") == 0;
    copy_text(p->wallet, sizeof(p->wallet), &row[5]);
    p->has_txid = !db_is_null(&row[6]) && row[6].len == sizeof(p->txid.be);
    if (p->has_txid)
        memcpy(p->txid.be, row[6].data, sizeof(p->txid.be));
    if (!db_is_null(&row[7])) {
        p->raw = mem_zalloc(row[7].len + 1);
        memcpy(p->raw, row[7].data, row[7].len);
        p->raw_len = row[7].len;
    }
    p->amount = db_int(&row[8]);
    p->fee_known = !db_is_null(&row[9]);
    p->fee = p->fee_known ? db_int(&row[9]) : 0;
    p->confirmations = db_int(&row[10]);
    p->attempts = db_int(&row[11]);
    p->created_s = db_int(&row[12]);
    p->attempt_age_s = db_int(&row[13]);
    p->search_age_s = db_int(&row[14]);
    p->refused = db_int(&row[15]) != 0;
    return true;
}

void payout_list_free(struct payout_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->payout[i].raw);
    free(list->payout);
    *list = (struct payout_list){0};
}

static enum db_result finish(enum db_result r, struct payout_list *ret)
{
    if (r != DB_OK)
        payout_list_free(ret);
    return r;
}

enum db_result payout_open(struct db *db, const char *network, struct payout_list *ret)
{
    const struct db_value values[] = {DB_TEXT(network), DB_UINT(PAYOUTS_AT_ONCE)};

    *ret = (struct payout_list){0};
    return finish(
        READ("payout.open", db_query(db,
                                     PAYOUT_COLUMNS " WHERE network = ? AND status IN"
                                                    " ('intent', 'stored', 'sent', 'conflicted')"
                                                    " ORDER BY created_at, id LIMIT ?",
                                     values, 2, take_payout, ret)),
        ret);
}

enum db_result payout_read(struct db *db, const struct uuid *id, struct payout_list *ret)
{
    char text[UUID_TEXT_LEN + 1];

    uuid_format(id, text);
    *ret = (struct payout_list){0};
    return finish(READ("payout.read", db_query(db, PAYOUT_COLUMNS " WHERE id = ?", &DB_TEXT(text),
                                               1, take_payout, ret)),
                  ret);
}

/* --- coins --- */

struct coins {
    struct tx_outpoint *coin;
    size_t n;
};

static bool take_coin(void *ctx, const struct db_value *row, size_t n)
{
    struct coins *coins = ctx;
    struct tx_outpoint *c;

    (void)n;
    coins->coin = mem_resize(coins->coin, coins->n + 1, sizeof(*coins->coin));
    c = &coins->coin[coins->n++];
    assert(row[0].len == sizeof(c->txid.be));
    memcpy(c->txid.be, row[0].data, sizeof(c->txid.be));
    c->index = (uint32_t)db_uint(&row[1]);
    return true;
}

enum db_result payout_coins(struct db *db, struct tx_outpoint **ret, size_t *ret_n)
{
    struct coins coins = {0};
    enum db_result r =
        READ("payout.coins", db_query(db,
                                      "SELECT i.txid, i.vout FROM payout p JOIN payout_input i"
                                      " ON i.payout_id = p.id AND i.active"
                                      " WHERE p.status IN ('stored', 'sent', 'conflicted')",
                                      NULL, 0, take_coin, &coins));

    if (r != DB_OK) {
        free(coins.coin);
        coins = (struct coins){0};
    }
    *ret = coins.coin;
    *ret_n = coins.n;
    return r;
}

/* --- an intent's receiver --- */

static bool take_address(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    copy_text(ctx, ADDRESS_MAX_TEXT + 1, &row[0]);
    return false;
}

enum db_result payout_address(struct db *db, const struct payout *p, char ret[ADDRESS_MAX_TEXT + 1])
{
    ret[0] = '\0';
    return READ("payout.address",
                db_query(db, "SELECT address FROM payout_item WHERE payout_id = ?",
                         &DB_TEXT(p->id_text), 1, take_address, ret));
}

/* --- sums --- */

static bool take_sums(void *ctx, const struct db_value *row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((int64_t *)ctx)[i] = db_int(&row[i]);
    return false;
}

enum db_result payout_sum_of_day(struct db *db, const char *network, int64_t *ret)
{
    *ret = 0;
    return READ("payout.day",
                db_query(db,
                         "SELECT CAST(COALESCE(SUM(amount), 0) AS SIGNED) FROM payout"
                         " WHERE network = ? AND kind = 'payment' AND status <> 'cancelled'"
                         " AND created_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY",
                         &DB_TEXT(network), 1, take_sums, ret));
}

enum db_result payout_sweeping(struct db *db, const char *network, bool *ret)
{
    int64_t n = 0;
    enum db_result r =
        READ("payout.sweeping",
             db_query(db,
                      "SELECT COUNT(*) FROM payout WHERE network = ? AND kind = 'sweep'"
                      " AND status IN ('intent', 'stored', 'sent', 'conflicted')",
                      &DB_TEXT(network), 1, take_sums, &n));

    *ret = n > 0;
    return r;
}

enum db_result payout_books(struct db *db, const char *network, struct payout_books *ret)
{
    int64_t sums[2] = {0};
    enum db_result r =
        READ("payout.books",
             db_query(db,
                      "SELECT CAST(COALESCE(SUM(IF(a.kind = 'miner', e.amount, 0)), 0) AS SIGNED),"
                      " CAST(COALESCE(-SUM(IF(a.kind <> 'miner', e.amount, 0)), 0) AS SIGNED)"
                      " FROM account a JOIN entry e ON e.account_id = a.id"
                      " WHERE a.network = ? AND a.kind IN ('miner', 'mature', 'in_flight')",
                      &DB_TEXT(network), 1, take_sums, sums));

    *ret = (struct payout_books){.owed = sums[0], .mature = sums[1]};
    return r;
}

/* --- whom to pay --- */

struct candidates {
    struct payout_candidate *candidate;
    size_t n;
};

static bool take_candidate(void *ctx, const struct db_value *row, size_t n)
{
    struct candidates *list = ctx;
    struct payout_candidate *c = &list->candidate[list->n++];
    bool ok = uuid_parse(db_text(&row[1]), UUID_TEXT_LEN, &c->miner);

    (void)n;
    assert(ok);
    (void)ok;
    c->account = db_uint(&row[0]);
    copy_text(c->address, sizeof(c->address), &row[2]);
    c->cached = db_int(&row[3]);
    c->minimum = db_int(&row[4]);
    return true;
}

enum db_result payout_candidates(struct db *db, const char *network, int64_t minimum,
                                 int64_t interval_s, size_t skip, struct payout_candidate *ret,
                                 size_t n, size_t *ret_n)
{
    struct candidates list = {ret, 0};
    const struct db_value values[] = {DB_INT(minimum),    DB_TEXT(network), DB_INT(minimum),
                                      DB_INT(interval_s), DB_UINT(n),       DB_UINT(skip)};
    enum db_result r =
        READ("payout.candidates",
             db_query(db,
                      "SELECT a.id, a.miner_id, m.address, a.balance,"
                      " CAST(COALESCE(s.minimum_payout, ?) AS SIGNED), (SELECT MAX(p.created_at)"
                      " FROM payout_item i JOIN payout p ON p.id = i.payout_id"
                      " WHERE i.miner_id = a.miner_id AND p.status <> 'cancelled') AS last"
                      " FROM account a JOIN miner m ON m.id = a.miner_id"
                      " LEFT JOIN miner_setting s ON s.miner_id = a.miner_id"
                      " WHERE a.network = ? AND a.kind = 'miner' AND a.balance > 0"
                      " AND a.balance >= COALESCE(s.minimum_payout, ?) AND NOT m.disabled"
                      " HAVING last IS NULL OR last <= UTC_TIMESTAMP(6) - INTERVAL ? SECOND"
                      " ORDER BY last, a.id LIMIT ? OFFSET ?",
                      values, 6, take_candidate, &list));

    *ret_n = r == DB_OK ? list.n : 0;
    return r;
}

enum db_result payout_true_balance(struct db *db, uint64_t account, int64_t *ret_true,
                                   int64_t *ret_cached)
{
    int64_t sums[2] = {0};
    enum db_result r =
        READ("payout.balance", db_query(db,
                                        "SELECT CAST(COALESCE((SELECT SUM(e.amount) FROM entry e"
                                        " WHERE e.account_id = a.id), 0) AS SIGNED), a.balance"
                                        " FROM account a WHERE a.id = ?",
                                        &DB_UINT(account), 1, take_sums, sums));

    *ret_true = sums[0];
    *ret_cached = sums[1];
    return r;
}

enum db_result payout_correct_balance(struct db *db, uint64_t account)
{
    return FAULT_CALL("payout.correct_balance",
                      db_exec(db, "CALL correct_balance(?)", &DB_UINT(account), 1, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}
