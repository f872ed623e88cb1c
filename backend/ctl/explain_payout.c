/* explain MINER and explain PAYOUT: the ledger's entries beside what they are about. */
#include "backend/ctl/explain.h"
#include "common/base/uuid.h"
#include "common/coin/u256.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct numbers {
    int64_t n[8];
    char text[8][96];
    size_t rows;
};

/* The last row: numbers, or texts where they are no numbers. */
static bool take_numbers(void *ctx, const struct db_value *v, size_t n)
{
    struct numbers *x = ctx;

    x->rows++;
    for (size_t i = 0; i < n && i < 8; i++) {
        bool text = v[i].type == DB_TEXT_T;

        snprintf(x->text[i], sizeof x->text[i], "%s", text ? db_text(&v[i]) : "");
        x->n[i] = db_is_null(&v[i]) || (text && strspn(v[i].data, "-0123456789") != v[i].len)
                      ? 0
                      : sheet_number(&v[i]);
    }
    return true;
}

static json_t *begin(struct explain *e, const char *kind)
{
    json_t *object = json_pack("{s:s}", "kind", kind);

    json_array_append_new(e->out, object);
    if (e->found++ > 0)
        explain_line(e, "%s", "");
    return object;
}

static enum db_result fill_sheet(struct explain *e, json_t *object, const char *name,
                                 const struct sheet_column *columns, size_t n, const char *sql,
                                 const struct db_value *params, size_t params_n)
{
    struct sheet s = sheet_new(columns, n);
    enum db_result r = db_query(e->db, sql, params, params_n, sheet_row, &s);

    if (r == DB_OK)
        explain_sheet(e, object, name, &s);
    sheet_free(&s);
    return r;
}

/* --- a miner --- */

static const struct sheet_column entry_columns[] = {
    {"when", SHEET_TEXT},    {"event", SHEET_TEXT},    {"note", SHEET_TEXT},
    {"height", SHEET_COUNT}, {"amount", SHEET_AMOUNT}, {"balance", SHEET_AMOUNT},
};

/* The newest 1000, oldest first; the balance after each. */
static const char sql_entries[] =
    "SELECT DATE_FORMAT(t.at, '%Y-%m-%d %H:%i:%S'), t.kind, IF(t.kind = 'payment', t.ref, t.note),"
    " b.height, t.amount, t.balance FROM (SELECT j.id, e.line, j.created_at AS at, j.kind, j.ref,"
    " j.note, e.amount, SUM(e.amount) OVER (ORDER BY j.id, e.line) AS balance FROM account a"
    " JOIN entry e ON e.account_id = a.id JOIN journal j ON j.id = e.journal_id"
    " WHERE a.kind = 'miner' AND a.miner_id = ? ORDER BY j.id DESC, e.line DESC LIMIT 1000) t"
    " LEFT JOIN block b ON t.kind = 'share-out'"
    " AND b.id = CAST(SUBSTRING_INDEX(t.ref, '.', 1) AS UNSIGNED) ORDER BY t.id, t.line";

static const char sql_miner_sums[] =
    "SELECT a.balance, COALESCE(SUM(e.amount), 0),"
    " COALESCE(SUM(IF(j.kind = 'share-out', e.amount, 0)), 0),"
    " COALESCE(-SUM(IF(j.kind IN ('payment', 'payment-cancelled'), e.amount, 0)), 0),"
    " (SELECT COALESCE(SUM(c.amount), 0) FROM block_credit c WHERE c.miner_id = a.miner_id),"
    " (SELECT COALESCE(SUM(i.amount), 0) FROM payout_item i JOIN payout p ON p.id = i.payout_id"
    " WHERE i.miner_id = a.miner_id AND p.status <> 'cancelled')"
    " FROM account a LEFT JOIN entry e ON e.account_id = a.id"
    " LEFT JOIN journal j ON j.id = e.journal_id WHERE a.kind = 'miner' AND a.miner_id = ?"
    " GROUP BY a.id";

static enum db_result explain_one_miner(struct explain *e, const struct miner_row *m)
{
    json_t *object = begin(e, "miner");
    struct numbers x = {.rows = 0};
    enum db_result r;

    json_object_set_new(object, "network", json_string(m->network));
    json_object_set_new(object, "address", json_string(m->address));
    json_object_set_new(object, "miner", json_string(m->id));
    explain_line(e, "miner %s of %s (%s)%s", m->address, m->network, m->id,
                 m->disabled ? ", disabled" : "");
    r = fill_sheet(e, object, "entries", entry_columns,
                   sizeof entry_columns / sizeof entry_columns[0], sql_entries, &DB_TEXT(m->id), 1);
    if (r == DB_OK)
        r = db_query(e->db, sql_miner_sums, &DB_TEXT(m->id), 1, take_numbers, &x);
    if (r != DB_OK)
        return r;
    explain_check(e, object, x.n[0] == x.n[1],
                  "the balance, %" PRId64 " units, is the sum of the entries, %" PRId64, x.n[0],
                  x.n[1]);
    explain_check(e, object, x.n[2] == x.n[4],
                  "entries of blocks, %" PRId64 ", are its credits, %" PRId64, x.n[2], x.n[4]);
    explain_check(e, object, x.n[3] == x.n[5],
                  "entries of payments, %" PRId64 ", are its parts of payouts, %" PRId64, x.n[3],
                  x.n[5]);
    return DB_OK;
}

enum db_result explain_miner(struct explain *e, const char *what)
{
    struct miner_list list;
    enum db_result r = miner_find(e->db, what, e->network, &list);

    for (size_t i = 0; r == DB_OK && i < list.n; i++)
        r = explain_one_miner(e, &list.miner[i]);
    miner_list_free(&list);
    return r;
}

/* --- a payout --- */

static const struct sheet_column item_columns[] = {
    {"address", SHEET_TEXT},  {"miner", SHEET_TEXT},      {"amount", SHEET_AMOUNT},
    {"ledger", SHEET_AMOUNT}, {"received", SHEET_AMOUNT},
};
/* What its events took from a miner, all together. */
#define TAKEN                                                                                      \
    "(SELECT a.miner_id, -SUM(e.amount) AS amount FROM journal j"                                  \
    " JOIN entry e ON e.journal_id = j.id JOIN account a ON a.id = e.account_id"                   \
    " WHERE j.ref = ? AND j.kind IN ('payment', 'payment-cancelled') AND a.kind = 'miner'"         \
    " GROUP BY a.miner_id)"
static const char sql_items[] =
    "SELECT i.address, CAST(i.miner_id AS CHAR), i.amount, COALESCE(t.amount, 0), i.received"
    " FROM payout_item i LEFT JOIN " TAKEN " t ON t.miner_id = i.miner_id WHERE i.payout_id = ?"
    " ORDER BY i.amount DESC, i.miner_id";
static const char sql_item_sums[] =
    "SELECT COUNT(*), COALESCE(SUM(i.amount), 0), COALESCE(SUM(i.received), 0),"
    " COALESCE(SUM(i.received IS NULL), 0), COALESCE(SUM(IF(?, 0, i.amount) <>"
    " COALESCE(t.amount, 0)), 0) FROM payout_item i LEFT JOIN " TAKEN
    " t ON t.miner_id = i.miner_id WHERE i.payout_id = ?";
static const char sql_event_sums[] =
    "SELECT COUNT(DISTINCT j.id), COALESCE(SUM(e.amount), 0),"
    " COALESCE(SUM(IF(a.kind = 'in_flight', e.amount, 0)), 0),"
    " COALESCE(SUM(IF(a.kind = 'mature', e.amount, 0)), 0)"
    " FROM journal j JOIN entry e ON e.journal_id = j.id JOIN account a ON a.id = e.account_id"
    " WHERE j.ref = ?";
/* LIMIT: an id is one payout, a txid one per network */
static const char sql_payout[] =
    "SELECT CAST(id AS CHAR), network, status, kind, COALESCE(LOWER(HEX(txid)), '-'), amount, fee,"
    " fee_payer = 'receiver' FROM payout WHERE (? IS NULL OR network = ?) AND (id = ? OR txid = ?)"
    " LIMIT 1";

static enum db_result check_payout(struct explain *e, json_t *object, const struct numbers *p)
{
    const struct db_value id = DB_TEXT(p->text[0]);
    bool cancelled = strcmp(p->text[2], "cancelled") == 0;
    bool confirmed = strcmp(p->text[2], "confirmed") == 0;
    struct numbers items = {.rows = 0}, events = {.rows = 0};
    int64_t amount = p->n[5], borne = p->n[7] != 0 ? p->n[6] : 0;
    enum db_result r =
        db_query(e->db, sql_item_sums, (const struct db_value[]){DB_INT(cancelled), id, id}, 3,
                 take_numbers, &items);

    if (r == DB_OK)
        r = db_query(e->db, sql_event_sums, &id, 1, take_numbers, &events);
    if (r != DB_OK)
        return r;
    if (strcmp(p->text[3], "payment") == 0) {
        explain_check(e, object, items.n[1] == amount,
                      "its %" PRId64 " items sum to its amount, %" PRId64 " units", items.n[0],
                      amount);
        explain_check(e, object, items.n[4] == 0,
                      "each item was taken from its miner's account (%" PRId64 " differ)",
                      items.n[4]);
        if (items.n[3] == 0)
            explain_check(e, object, items.n[2] == amount - borne,
                          "what arrives, %" PRId64 ", is the amount less the fee that the "
                          "receivers bear, %" PRId64,
                          items.n[2], borne);
    }
    explain_check(e, object, events.n[1] == 0 && events.n[0] > 0,
                  "its %" PRId64 " events in the ledger sum to zero", events.n[0]);
    explain_check(e, object, (confirmed || cancelled) == (events.n[2] == 0),
                  "in flight are %" PRId64 " units, as its status %s says", events.n[2],
                  p->text[2]);
    return DB_OK;
}

enum db_result explain_payout(struct explain *e, const char *what)
{
    const struct db_value network = e->network != NULL ? DB_TEXT(e->network) : DB_NULL;
    struct numbers p = {.rows = 0};
    struct uuid id;
    struct u256 txid;
    size_t len = strlen(what);
    bool is_id = uuid_parse(what, len, &id);
    bool is_txid = len == 64 && u256_from_hex(what, len, &txid);

    if (!is_id && !is_txid)
        return DB_OK;
    enum db_result r =
        db_query(e->db, sql_payout,
                 (const struct db_value[]){network, network, is_id ? DB_TEXT(what) : DB_NULL,
                                           is_txid ? DB_BYTES(txid.be, sizeof txid.be) : DB_NULL},
                 4, take_numbers, &p);
    if (r != DB_OK || p.rows == 0)
        return r;
    json_t *object = begin(e, "payout");
    json_object_update_new(object, json_pack("{s:s,s:s,s:s,s:s}", "id", p.text[0], "network",
                                             p.text[1], "status", p.text[2], "txid", p.text[4]));
    explain_line(e, "%s %s of %s, %s, transaction %s", p.text[3], p.text[0], p.text[1], p.text[2],
                 p.text[4]);
    r = fill_sheet(e, object, "items", item_columns, sizeof item_columns / sizeof item_columns[0],
                   sql_items, (const struct db_value[]){DB_TEXT(p.text[0]), DB_TEXT(p.text[0])}, 2);
    return r == DB_OK ? check_payout(e, object, &p) : r;
}
