/* Payouts: making one, and each change of its state. */
#include "backend/ledger/payout.h"

#include "backend/ledger/posting.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[] = {
    [PAYOUT_INTENT] = "intent",
    [PAYOUT_STORED] = "stored",
    [PAYOUT_SENT] = "sent",
    [PAYOUT_CONFIRMED] = "confirmed",
    [PAYOUT_CONFLICTED] = "conflicted",
    [PAYOUT_CANCELLED] = "cancelled",
};

const char *payout_status_name(enum payout_status s)
{
    return status_names[s];
}

/* A statement inside a transaction: a missing answer dooms the transaction, and nothing is done. */
#define IN_BODY(NAME, CALL) FAULT_CALL(NAME, CALL, DB_UNAVAILABLE, DB_UNAVAILABLE)

/* --- the ledger's side --- */

/* What leaves the wallet. */
static int64_t outflow(const struct payout *p)
{
    return p->amount + (p->pool_pays && p->fee_known ? p->fee : 0);
}

static void add_fee(struct posting *post, bool pool_pays, int64_t fee)
{
    posting_add(post, ACCOUNT_NETWORK_FEE, NULL, -fee);
    posting_add(post, pool_pays ? ACCOUNT_IN_FLIGHT : ACCOUNT_NETWORK_FEE, NULL, fee);
}

static enum db_result post_and_free(struct db *db, struct posting *post)
{
    enum db_result r = posting_post(db, post);

    posting_free(&post);
    return r;
}

static enum db_result post_payment(struct db *db, const struct payout_draft *d, const char *id)
{
    struct posting *post = posting_new(d->network, "payment", id, "Payment");

    for (size_t i = 0; i < d->items; i++)
        posting_add(post, ACCOUNT_MINER, &d->item[i].miner, -d->item[i].amount);
    posting_add(post, ACCOUNT_IN_FLIGHT, NULL, d->amount);
    add_fee(post, d->pool_pays, d->txid != NULL ? d->fee : 0);
    return post_and_free(db, post);
}

static enum db_result post_sweep(struct db *db, const struct payout_draft *d, const char *id)
{
    struct posting *post = posting_new(d->network, "sweep", id, "To the operator's cold wallet");

    int64_t fee = d->txid != NULL ? d->fee : 0;

    posting_add(post, ACCOUNT_IN_FLIGHT, NULL, d->amount);
    posting_add(post, ACCOUNT_COLD, NULL, -(d->amount - fee));
    posting_add(post, ACCOUNT_NETWORK_FEE, NULL, -fee);
    return post_and_free(db, post);
}

static enum db_result post_confirmed(struct db *db, const struct payout *p)
{
    const char *kind = p->is_sweep ? "sweep-confirmed" : "payment-confirmed";
    struct posting *post = posting_new(p->network, kind, p->id_text, "");

    posting_add(post, ACCOUNT_IN_FLIGHT, NULL, -outflow(p));
    posting_add(post, ACCOUNT_MATURE, NULL, outflow(p));
    return post_and_free(db, post);
}

struct items {
    struct posting *post;
    const struct payout *p;
};

static bool add_item_back(void *ctx, const struct db_value *row, size_t n)
{
    struct items *items = ctx;
    struct uuid miner;
    bool ok = uuid_parse(db_text(&row[0]), UUID_TEXT_LEN, &miner);

    (void)n;
    assert(ok);
    (void)ok;
    posting_add(items->post, ACCOUNT_MINER, &miner, db_int(&row[1]));
    return true;
}

static enum db_result post_cancelled(struct db *db, const struct payout *p, const char *why)
{
    const char *kind = p->is_sweep ? "sweep-cancelled" : "payment-cancelled";
    char note[PAYOUT_ANSWER_MAX + 1];

    snprintf(note, sizeof(note), "%s", why);
    struct items items = {posting_new(p->network, kind, p->id_text, note), p};
    int64_t fee = p->fee_known ? p->fee : 0;
    enum db_result r =
        IN_BODY("payout.cancel_items",
                db_query(db, "SELECT miner_id, amount FROM payout_item WHERE payout_id = ?",
                         &DB_TEXT(p->id_text), 1, add_item_back, &items));

    posting_add(items.post, ACCOUNT_IN_FLIGHT, NULL, -outflow(p));
    if (p->is_sweep) {
        posting_add(items.post, ACCOUNT_COLD, NULL, p->amount - fee);
        posting_add(items.post, ACCOUNT_NETWORK_FEE, NULL, fee);
    } else if (p->pool_pays) {
        posting_add(items.post, ACCOUNT_NETWORK_FEE, NULL, fee);
    }
    if (r == DB_OK)
        r = posting_post(db, items.post);
    posting_free(&items.post);
    return r;
}

/* --- storing --- */

struct storing {
    const struct payout_draft *d;
    char id[UUID_TEXT_LEN + 1];
    bool coins_taken, balance_less;
    int64_t balance;
};

static enum db_result insert_payout(struct db *db, struct storing *s)
{
    const struct payout_draft *d = s->d;
    bool known = d->txid != NULL;
    enum payout_status status = d->raw != NULL ? PAYOUT_STORED
                                : known        ? PAYOUT_SENT
                                               : PAYOUT_INTENT;
    const struct db_value values[] = {
        DB_TEXT(s->id),
        DB_TEXT(d->network),
        DB_TEXT(d->is_sweep ? "sweep" : "payment"),
        DB_TEXT(payout_status_name(status)),
        DB_TEXT(d->wallet),
        known ? DB_BYTES(d->txid->be, sizeof(d->txid->be)) : DB_NULL,
        d->raw != NULL ? DB_BYTES(d->raw, d->raw_len) : DB_NULL,
        DB_INT(d->amount),
        known ? DB_INT(d->fee) : DB_NULL,
        DB_TEXT(d->pool_pays ? "pool" : "receiver"),
    };

    return IN_BODY("payout.insert",
                   db_exec(db,
                           "INSERT INTO payout (id, network, kind, status, wallet, txid, raw,"
                           " amount, fee, fee_payer, sent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                           " IF(status = 'sent', UTC_TIMESTAMP(6), NULL))",
                           values, 10, NULL));
}

static enum db_result insert_items(struct db *db, struct storing *s)
{
    const size_t cols = 5;
    struct db_value *values = mem_zalloc((s->d->items + 1) * cols * sizeof(*values));
    char(*miner)[UUID_TEXT_LEN + 1] = mem_zalloc((s->d->items + 1) * sizeof(*miner));
    enum db_result r;

    for (size_t i = 0; i < s->d->items; i++) {
        const struct payout_item *item = &s->d->item[i];

        uuid_format(&item->miner, miner[i]);
        values[i * cols] = DB_TEXT(s->id);
        values[i * cols + 1] = DB_TEXT(miner[i]);
        values[i * cols + 2] = DB_TEXT(item->address);
        values[i * cols + 3] = DB_INT(item->amount);
        values[i * cols + 4] = item->received_known ? DB_INT(item->received) : DB_NULL;
    }
    r = IN_BODY("payout.insert_items",
                db_exec_many(db,
                             "INSERT INTO payout_item (payout_id, miner_id, address, amount,"
                             " received) VALUES (?, ?, ?, ?, ?)",
                             values, cols, s->d->items, NULL));
    free(values);
    free(miner);
    return r;
}

static enum db_result insert_coins(struct db *db, struct storing *s)
{
    const size_t cols = 3;
    struct db_value *values = mem_zalloc((s->d->inputs + 1) * cols * sizeof(*values));
    enum db_result r;

    for (size_t i = 0; i < s->d->inputs; i++) {
        const struct tx_outpoint *in = &s->d->input[i];

        values[i * cols] = DB_TEXT(s->id);
        values[i * cols + 1] = DB_BYTES(in->txid.be, sizeof(in->txid.be));
        values[i * cols + 2] = DB_UINT(in->index);
    }
    r = IN_BODY("payout.insert_coins",
                db_exec_many(db,
                             "INSERT INTO payout_input (payout_id, txid, vout) VALUES (?, ?, ?)",
                             values, cols, s->d->inputs, NULL));
    s->coins_taken = r == DB_DUPLICATE;
    free(values);
    return r;
}

static bool take_int(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&row[0]);
    return false;
}

/* The balance by the entries, locked until the end of the transaction. */
static enum db_result check_balance(struct db *db, struct storing *s, const struct payout_item *i)
{
    enum db_result r = IN_BODY("payout.lock_balance", db_exec(db, "CALL correct_balance(?)",
                                                              &DB_UINT(i->account), 1, NULL));

    s->balance = 0;
    if (r == DB_OK)
        r = IN_BODY("payout.read_balance",
                    db_query(db, "SELECT balance FROM account WHERE id = ?", &DB_UINT(i->account),
                             1, take_int, &s->balance));
    s->balance_less = r == DB_OK && s->balance < i->amount;
    return s->balance_less ? DB_REFUSED : r;
}

static enum db_result store(struct db *db, void *ctx)
{
    struct storing *s = ctx;
    enum db_result r;

    s->coins_taken = s->balance_less = false;
    r = insert_payout(db, s);
    if (r == DB_OK)
        r = insert_items(db, s);
    if (r == DB_OK)
        r = insert_coins(db, s);
    for (size_t i = 0; i < s->d->items && r == DB_OK && !s->d->is_sweep; i++)
        r = check_balance(db, s, &s->d->item[i]);
    if (r == DB_OK)
        r = s->d->is_sweep ? post_sweep(db, s->d, s->id) : post_payment(db, s->d, s->id);
    return r;
}

/* Dies before the commit: nothing is stored, and nothing was sent. Behind it: the next run finds
 * the payout. An unclear commit is looked up; if it is not there, it may still come. */
enum payout_stored payout_store(struct db *db, const struct payout_draft *draft,
                                enum db_result *ret_db)
{
    struct storing s = {.d = draft};
    struct payout_list found;
    enum db_result read;

    uuid_format(&draft->id, s.id);
    *ret_db = FAULT_CALL("payout.store", db_transact(db, store, &s), DB_UNCERTAIN, DB_UNAVAILABLE);
    if (*ret_db == DB_OK)
        return PAYOUT_IS_STORED;
    if (*ret_db == DB_UNCERTAIN || *ret_db == DB_DUPLICATE) {
        read = payout_read(db, &draft->id, &found);
        if (read == DB_OK && found.n == 1) {
            payout_list_free(&found);
            return PAYOUT_IS_STORED;
        }
        if (read != DB_OK)
            *ret_db = DB_UNCERTAIN;
    }
    if (*ret_db == DB_DUPLICATE && s.coins_taken)
        return PAYOUT_COINS_TAKEN;
    return s.balance_less && *ret_db == DB_REFUSED ? PAYOUT_BALANCE_LESS : PAYOUT_NOT_STORED;
}

/* --- changing --- */

/* A change is made and then posted, whoever made it: the journal's key keeps it to one posting, and
 * a posting that is there already is as good. So no count of changed rows decides about money. */
static enum db_result once(enum db_result r)
{
    return r == DB_DUPLICATE ? DB_OK : r;
}

static enum db_result has_status(struct db *db, const struct payout *p, enum payout_status status,
                                 bool *ret)
{
    const struct db_value values[] = {DB_TEXT(p->id_text), DB_TEXT(payout_status_name(status))};
    int64_t n = 0;
    enum db_result r = IN_BODY(
        "payout.status_is", db_query(db, "SELECT COUNT(*) FROM payout WHERE id = ? AND status = ?",
                                     values, 2, take_int, &n));

    *ret = n == 1;
    return r;
}

/* One change: the statement, and then what is posted. */
struct change {
    const struct payout *p;
    int64_t number;
    const char *text;
    const struct u256 *txid;
};

enum db_result payout_mark_sent(struct db *db, const struct payout *p)
{
    return FAULT_CALL("payout.mark_sent",
                      db_exec(db,
                              "UPDATE payout SET status = 'sent', sent_at = UTC_TIMESTAMP(6)"
                              " WHERE id = ? AND status = 'stored'",
                              &DB_TEXT(p->id_text), 1, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

enum db_result payout_mark_found(struct db *db, const struct payout *p, const struct u256 *txid)
{
    const struct db_value values[] = {DB_BYTES(txid->be, sizeof(txid->be)), DB_TEXT(p->id_text)};

    return FAULT_CALL("payout.mark_found",
                      db_exec(db,
                              "UPDATE payout SET status = 'sent', txid = ?,"
                              " sent_at = UTC_TIMESTAMP(6) WHERE id = ? AND status = 'intent'",
                              values, 2, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

enum db_result payout_set_confirmations(struct db *db, const struct payout *p,
                                        int64_t confirmations)
{
    const struct db_value values[] = {DB_INT(confirmations), DB_TEXT(p->id_text)};

    return FAULT_CALL("payout.set_confirmations",
                      db_exec(db,
                              "UPDATE payout SET confirmations = ?"
                              " WHERE id = ? AND status IN ('sent', 'conflicted')",
                              values, 2, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

static enum db_result post_fee(struct db *db, const struct change *c)
{
    struct posting *post =
        posting_new(c->p->network, "payment-fee", c->p->id_text, "Fee of a payment");

    if (c->p->is_sweep) {
        posting_add(post, ACCOUNT_COLD, NULL, c->number);
        posting_add(post, ACCOUNT_NETWORK_FEE, NULL, -c->number);
    } else {
        add_fee(post, c->p->pool_pays, c->number);
    }
    return once(post_and_free(db, post));
}

/* What each receiver gets follows, as there is one. A fee that another program has set may differ
 * from ours only if the wallet told two; then the ledger has the first. */
static enum db_result fee_body(struct db *db, void *ctx)
{
    const struct change *c = ctx;
    const struct db_value fee[] = {DB_INT(c->number), DB_TEXT(c->p->id_text)};
    const struct db_value part[] = {DB_INT(c->p->pool_pays ? 0 : c->number),
                                    DB_TEXT(c->p->id_text)};
    int64_t is = 0;
    enum db_result r =
        IN_BODY("payout.fee", db_exec(db, "UPDATE payout SET fee = ? WHERE id = ? AND fee IS NULL",
                                      fee, 2, NULL));

    if (r == DB_OK)
        r = IN_BODY("payout.fee_is",
                    db_query(db, "SELECT COUNT(*) FROM payout WHERE fee = ? AND id = ?", fee, 2,
                             take_int, &is));
    if (r != DB_OK || is == 0)
        return r;
    r = IN_BODY("payout.received", db_exec(db,
                                           "UPDATE payout_item SET received = amount - ?"
                                           " WHERE payout_id = ? AND amount > 0",
                                           part, 2, NULL));
    return r == DB_OK ? post_fee(db, c) : r;
}

enum db_result payout_set_fee(struct db *db, const struct payout *p, int64_t fee)
{
    struct change c = {.p = p, .number = fee};

    return FAULT_CALL("payout.set_fee", db_transact(db, fee_body, &c), DB_UNCERTAIN,
                      DB_UNAVAILABLE);
}

static enum db_result confirm_body(struct db *db, void *ctx)
{
    const struct change *c = ctx;
    const struct db_value values[] = {DB_INT(c->number), DB_TEXT(c->p->id_text)};
    bool is = false;
    enum db_result r =
        IN_BODY("payout.confirm_row",
                db_exec(db,
                        "UPDATE payout SET status = 'confirmed', confirmations = ?,"
                        " confirmed_at = UTC_TIMESTAMP(6) WHERE id = ? AND status = 'sent'",
                        values, 2, NULL));

    if (r == DB_OK)
        r = has_status(db, c->p, PAYOUT_CONFIRMED, &is);
    return r == DB_OK && is ? once(post_confirmed(db, c->p)) : r;
}

enum db_result payout_confirm(struct db *db, const struct payout *p, int64_t confirmations)
{
    struct change c = {.p = p, .number = confirmations};

    assert(p->fee_known);
    return FAULT_CALL("payout.confirm", db_transact(db, confirm_body, &c), DB_UNCERTAIN,
                      DB_UNAVAILABLE);
}

enum db_result payout_mark_conflicted(struct db *db, const struct payout *p, int64_t confirmations)
{
    const struct db_value values[] = {DB_INT(confirmations), DB_TEXT(p->id_text)};

    return FAULT_CALL("payout.mark_conflicted",
                      db_exec(db,
                              "UPDATE payout SET status = 'conflicted', confirmations = ?"
                              " WHERE id = ? AND status IN ('stored', 'sent')",
                              values, 2, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

enum db_result payout_unmark_conflicted(struct db *db, const struct payout *p)
{
    return FAULT_CALL("payout.unmark_conflicted",
                      db_exec(db,
                              "UPDATE payout SET status = 'sent', confirmations = 0,"
                              " sent_at = COALESCE(sent_at, UTC_TIMESTAMP(6))"
                              " WHERE id = ? AND status = 'conflicted'",
                              &DB_TEXT(p->id_text), 1, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

static enum db_result cancel_body(struct db *db, void *ctx)
{
    const struct change *c = ctx;
    const struct db_value values[] = {DB_TEXT(c->text), DB_TEXT(c->p->id_text),
                                      DB_INT(c->p->attempts)};
    bool is = false;
    enum db_result r =
        IN_BODY("payout.cancel_row", db_exec(db,
                                             "UPDATE payout SET status = 'cancelled', answer = ?"
                                             " WHERE id = ? AND status IN ('intent', 'conflicted')"
                                             " AND attempts = ?",
                                             values, 3, NULL));

    if (r == DB_OK)
        r = has_status(db, c->p, PAYOUT_CANCELLED, &is);
    if (r != DB_OK || !is)
        return r;
    r = IN_BODY("payout.cancel_coins",
                db_exec(db, "UPDATE payout_input SET active = NULL WHERE payout_id = ?",
                        &DB_TEXT(c->p->id_text), 1, NULL));
    return r == DB_OK ? once(post_cancelled(db, c->p, c->text)) : r;
}

enum db_result payout_cancel(struct db *db, const struct payout *p, const char *why)
{
    char text[PAYOUT_ANSWER_MAX + 1];
    struct change c = {.p = p, .text = text};

    snprintf(text, sizeof(text), "%s", why);
    return FAULT_CALL("payout.cancel", db_transact(db, cancel_body, &c), DB_UNCERTAIN,
                      DB_UNAVAILABLE);
}

enum db_result payout_begin_attempt(struct db *db, const struct payout *p, bool *ret_mine)
{
    const struct db_value values[] = {DB_TEXT(p->id_text), DB_INT(p->attempts)};
    uint64_t changed = 0;
    enum db_result r = FAULT_CALL(
        "payout.begin_attempt",
        db_exec(db,
                "UPDATE payout SET attempts = attempts + 1, searched_at = NULL, answer = '',"
                " attempted_at = UTC_TIMESTAMP(6)"
                " WHERE id = ? AND status = 'intent' AND attempts = ?",
                values, 2, &changed),
        DB_UNCERTAIN, DB_UNAVAILABLE);

    *ret_mine = r == DB_OK && changed == 1;
    return r;
}

enum db_result payout_note_search(struct db *db, const struct payout *p)
{
    const struct db_value values[] = {DB_TEXT(p->id_text), DB_INT(p->attempts)};

    return FAULT_CALL("payout.note_search",
                      db_exec(db,
                              "UPDATE payout SET searched_at ="
                              " COALESCE(searched_at, UTC_TIMESTAMP(6))"
                              " WHERE id = ? AND status = 'intent' AND attempts = ?",
                              values, 2, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}

enum db_result payout_note_answer(struct db *db, const struct payout *p, bool refused,
                                  const char *answer)
{
    char text[PAYOUT_ANSWER_MAX + 1];

    snprintf(text, sizeof(text), "%s%s", refused ? PAYOUT_REFUSED_PREFIX : "", answer);
    const struct db_value values[] = {DB_TEXT(text), DB_TEXT(p->id_text)};
    return FAULT_CALL("payout.note_answer",
                      db_exec(db, "UPDATE payout SET answer = ? WHERE id = ?", values, 2, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}
