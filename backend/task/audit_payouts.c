/* The audit's look at payouts: what the ledger says was paid against what the chain says, and what
 * the wallet sent against the payouts. */
#include "backend/task/audit.h"
#include "backend/task/sent.h"
#include "common/base/fault.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RECENT_DAYS "2" /* confirmed payouts that are looked up again */
#define SENT_DAYS   30  /* how far back the wallet's own transactions are gone through */

struct paid {
    char id[UUID_TEXT_LEN + 1];
    char status[16];
    bool sweep, receiver_pays, has_txid, has_fee;
    struct u256 txid;
    int64_t amount, fee;
};

struct paid_list {
    struct paid *paid;
    size_t n;
};

static bool is(const struct paid *p, const char *status)
{
    return strcmp(p->status, status) == 0;
}

/* --- reading --- */

static bool row_paid(void *ctx, const struct db_value *v, size_t n)
{
    struct paid_list *l = ctx;
    struct paid *p;

    (void)n;
    l->paid = mem_resize(l->paid, l->n + 1, sizeof(*l->paid));
    p = &l->paid[l->n++];
    *p = (struct paid){.receiver_pays = strcmp(db_text(&v[2]), "receiver") == 0,
                       .sweep = strcmp(db_text(&v[3]), "sweep") == 0,
                       .has_txid = !db_is_null(&v[4]),
                       .amount = db_int(&v[5]),
                       .has_fee = !db_is_null(&v[6])};
    snprintf(p->id, sizeof(p->id), "%s", db_text(&v[0]));
    snprintf(p->status, sizeof(p->status), "%s", db_text(&v[1]));
    if (p->has_txid)
        memcpy(p->txid.be, v[4].data, sizeof(p->txid.be));
    if (p->has_fee)
        p->fee = db_int(&v[6]);
    return true;
}

static enum db_result read_payouts(struct audit *a, const char *network, struct paid_list *ret)
{
    static const char sql[] =
        "SELECT CAST(id AS CHAR), status, fee_payer, kind, txid, CAST(amount AS SIGNED),"
        " CAST(fee AS SIGNED) FROM payout WHERE network = ?"
        " AND (status IN ('intent', 'stored', 'sent', 'conflicted') OR (status = 'confirmed'"
        " AND confirmed_at > UTC_TIMESTAMP(6) - INTERVAL " RECENT_DAYS " DAY))";
    enum db_result r =
        db_query(a->run->db, sql, (struct db_value[]){DB_TEXT(network)}, 1, row_paid, ret);

    FAULT_POINT("audit.payouts");
    return r;
}

/* --- one payout --- */

struct comparing {
    struct sent_tx *sent;
    bool *used; /* of its outputs */
    size_t items;
    char wrong[160];
};

static bool row_item(void *ctx, const struct db_value *v, size_t n)
{
    struct comparing *c = ctx;
    const char *address = db_text(&v[0]);
    bool told = !db_is_null(&v[1]);
    int64_t amount = told ? db_int(&v[1]) : 0;

    (void)n;
    c->items++;
    for (size_t i = 0; i < c->sent->n; i++) {
        const struct sent_output *o = &c->sent->output[i];

        if (c->used[i] || strcmp(o->address, address) != 0 || (told && o->amount != amount))
            continue;
        c->used[i] = true;
        return true;
    }
    snprintf(c->wrong, sizeof(c->wrong), "it does not pay %" PRId64 " to %.90s", amount, address);
    return false;
}

/* A payment pays its items, each exactly, and nobody else. */
static enum db_result compare_items(struct audit *a, const struct paid *p, struct sent_tx *t)
{
    struct comparing c = {.sent = t, .used = mem_zalloc(t->n + 1)};
    enum db_result r = db_query(a->run->db,
                                "SELECT address, CAST(received AS SIGNED) FROM payout_item"
                                " WHERE payout_id = ?",
                                (struct db_value[]){DB_TEXT(p->id)}, 1, row_item, &c);

    FAULT_POINT("audit.items");
    if (r == DB_OK && c.wrong[0] == '\0' && c.items != t->n)
        snprintf(c.wrong, sizeof(c.wrong), "it has %zu outputs for %zu receivers", t->n, c.items);
    if (r == DB_OK && c.wrong[0] == '\0' && p->has_fee && t->fee >= 0 && t->fee != p->fee)
        snprintf(c.wrong, sizeof(c.wrong), "its fee is %" PRId64 " instead of %" PRId64, t->fee,
                 p->fee);
    if (r == DB_OK && c.wrong[0] != '\0')
        findings_add(&a->findings, "payout-chain", "payout %s: its transaction is another one: %s",
                     p->id, c.wrong);
    free(c.used);
    return r;
}

static void note_state(struct audit *a, const struct paid *p, bool found, const struct sent_tx *t)
{
    const char *wrong = !found                  ? "the wallet does not know its transaction"
                        : t->confirmations < 0  ? "another transaction has spent its coins"
                        : t->abandoned          ? "its transaction was abandoned"
                        : t->confirmations == 0 ? "its transaction is in no block"
                                                : NULL;

    if (is(p, "confirmed") && wrong != NULL)
        findings_add(&a->findings, "payout-chain", "payout %s is confirmed, but %s", p->id, wrong);
    else if (found && (t->confirmations < 0 || t->abandoned))
        findings_add(&a->findings, "payout-chain", "payout %s (%s): %s", p->id, p->status, wrong);
    else if (is(p, "conflicted"))
        findings_add(&a->findings, "payout-chain",
                     "payout %s is conflicted: decide what became of it", p->id);
}

/* How much of what the ledger counts as in flight the wallet has given away already. */
static int64_t taken(const struct paid *p, const struct sent_tx *t)
{
    int64_t fee = p->has_fee ? p->fee : t->fee > 0 ? t->fee : 0;

    return p->amount + (p->receiver_pays ? 0 : fee);
}

static enum db_result look_at(struct audit *a, struct wallet *w, const struct paid *p, bool judge,
                              int64_t *ret_sent, bool *ret_clear)
{
    struct sent_tx t = {0};
    bool found = false, open = !is(p, "confirmed");
    enum db_result r = DB_OK;

    if (!p->has_txid) { /* an intent: pay will find out */
        audit_wait(a, "payout %s may be on its way", p->id);
        *ret_clear = false;
        return DB_OK;
    }
    if (chain_sent(a->run->chain, w, &p->txid, &found, &t) != CHAIN_OK) {
        audit_wait(a, "%s", chain_error(a->run->chain));
        *ret_clear = false;
        return DB_OK;
    }
    a->payouts += judge;
    if (judge)
        note_state(a, p, found, &t);
    if (judge && found && !p->sweep)
        r = compare_items(a, p, &t);
    if (open && found && t.confirmations >= 0 && !t.abandoned)
        *ret_sent += taken(p, &t);
    if (found && t.confirmations == 0 && !t.in_pool && !t.abandoned) {
        audit_wait(a, "payout %s waits to be sent again", p->id);
        *ret_clear = false; /* its change is nowhere */
    }
    sent_tx_clear(&t);
    return r;
}

enum db_result audit_payouts(struct audit *a, struct wallet *w, const char *network,
                             int64_t *ret_sent, bool *ret_clear)
{
    bool judge = strcmp(network, a->run->network) == 0;
    struct paid_list l = {NULL, 0};
    enum db_result r = read_payouts(a, network, &l);

    a->payouts = judge ? 0 : a->payouts;
    for (size_t i = 0; i < l.n && r == DB_OK; i++)
        r = look_at(a, w, &l.paid[i], judge, ret_sent, ret_clear);
    free(l.paid);
    return r;
}

/* --- what the wallet sent --- */

static enum db_result note_unknown(void *ctx, const struct sent_tx *t)
{
    struct audit *a = ctx;
    int64_t amount = 0;
    char hex[65];

    for (size_t i = 0; i < t->n; i++)
        amount += t->output[i].amount;
    u256_to_hex(&t->txid, hex);
    findings_add(&a->findings, "sent",
                 "the wallet sent %" PRId64 " to %s%s in transaction %s, which no payout knows",
                 amount, t->n > 0 ? t->output[0].address : "itself", t->n > 1 ? " and others" : "",
                 hex);
    return DB_OK;
}

void audit_sent(struct audit *a, struct wallet *w)
{
    if (sent_unknown_each(a->run, w, SENT_DAYS, note_unknown, a) != TASK_DONE)
        audit_wait(a, "%s", a->run->detail);
}
