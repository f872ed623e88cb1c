/* What becomes of payouts that were made. */
#include "backend/task/pay.h"

#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One payout under way, by the wallet that made it. */
struct follow {
    struct pay_job *j;
    struct payer *payer;
    struct payout *p;
};

static enum task_result done(struct follow *f, enum db_result r, const char *what)
{
    return task_db(f->j->run, r, what);
}

/* --- with a transaction --- */

static enum task_result take_fee(struct follow *f, const struct pay_look *look)
{
    enum task_result r = TASK_DONE;

    if (f->p->fee_known || !look->fee_known)
        return TASK_DONE;
    if (!f->p->pool_pays && look->fee >= f->p->amount)
        return pay_breach(f->j, "payout %s: its fee %lld is not below its amount", f->p->id_text,
                          (long long)look->fee);
    r = done(f, payout_set_fee(f->j->run->db, f->p, look->fee), "a payment's fee");
    f->p->fee_known = r == TASK_DONE;
    f->p->fee = look->fee;
    return r;
}

/* The wallet has it, in a block or waiting for one. */
static enum task_result note_alive(struct follow *f)
{
    struct db *db = f->j->run->db;
    enum task_result r = TASK_DONE;

    if (f->p->status == PAYOUT_CONFLICTED) {
        log_error("pay.revived", LOG_STR("network", f->p->network),
                  LOG_STR("payout", f->p->id_text));
        r = done(f, payout_unmark_conflicted(db, f->p), "a payout that is back");
    } else if (f->p->status == PAYOUT_STORED) {
        r = done(f, payout_mark_sent(db, f->p), "a payout that was sent");
        if (r == TASK_DONE)
            task_say(f->j->run, "payout %s is sent", f->p->id_text);
    }
    if (r == TASK_DONE)
        f->p->status = PAYOUT_SENT;
    return r;
}

static enum task_result follow_mined(struct follow *f, const struct pay_look *look)
{
    struct db *db = f->j->run->db;
    enum task_result r = note_alive(f);

    if (r == TASK_DONE)
        r = take_fee(f, look);
    if (r != TASK_DONE)
        return r;
    if (look->confirmations < f->j->run->net->payout_confirmations || !f->p->fee_known) {
        if (look->confirmations == f->p->confirmations)
            return TASK_DONE;
        return done(f, payout_set_confirmations(db, f->p, look->confirmations), "confirmations");
    }
    r = done(f, payout_confirm(db, f->p, look->confirmations), "a payout that is confirmed");
    if (r == TASK_DONE)
        task_say(f->j->run, "payout %s is confirmed", f->p->id_text);
    return r;
}

/* Once the other transaction is as deep as a payment has to be, and a human has thawed payouts, so
 * has seen it, the payout will never be on the chain: what it took is given back. Of one that the
 * wallet never knew it cannot tell how deep: that is for the operator (penstockctl payouts cancel).
 */
static enum task_result follow_old_conflict(struct follow *f, int64_t confirmations)
{
    if (f->j->freeze.frozen)
        return TASK_DONE;
    if (-confirmations < f->j->run->net->payout_confirmations) {
        task_say(f->j->run, "payout %s is conflicted: see penstockctl payouts cancel",
                 f->p->id_text);
        return TASK_DONE;
    }
    if (!task_holds_lock(f->j->run))
        return TASK_WAITING;
    log_error("pay.cancelled", LOG_STR("network", f->p->network), LOG_STR("payout", f->p->id_text));
    return done(f, payout_cancel(f->j->run->db, f->p, "another transaction has spent its coins"),
                "cancelling a payout");
}

static enum task_result follow_conflict(struct follow *f, int64_t confirmations)
{
    enum task_result r;

    if (f->p->status == PAYOUT_CONFLICTED)
        return follow_old_conflict(f, confirmations);
    r = pay_breach(f->j, "payout %s: another transaction has spent its coins", f->p->id_text);
    if (r ==
        TASK_FAILED) /* frozen for sure: an old conflict that nobody was told of is cancelled */
        done(f, payout_mark_conflicted(f->j->run->db, f->p, confirmations), "a conflict");
    return r;
}

/* Has another transaction spent one of its coins? Only for one that the wallet does not know. */
static enum task_result look_for_spent(struct follow *f, bool *ret)
{
    struct tx_outpoint *input = NULL;
    size_t n = 0, pos = 0;
    enum pay_result r = PAY_DONE;
    struct tx tx;

    *ret = false;
    if (tx_parse(f->p->raw, f->p->raw_len, &tx) == PARSE_OK) {
        input = mem_zalloc((tx.inputs + 1) * sizeof(*input));
        while (n < tx.inputs && tx_next_input(&tx, &pos, &input[n]))
            n++;
        r = payer_spent(f->payer, input, n, ret);
    }
    free(input);
    return r == PAY_DONE ? TASK_DONE : pay_waits(f->j, f->payer);
}

/* An input is missing. Spent by another transaction, or only not there yet, because what made it
 * has lost its block as well? */
static enum task_result judge_missing(struct follow *f)
{
    char words[PAYOUT_ANSWER_MAX + 1];
    bool spent;
    enum task_result r;

    snprintf(words, sizeof(words), "%s", payer_error(f->payer));
    r = look_for_spent(f, &spent);
    if (r != TASK_DONE)
        return r;
    if (spent)
        return follow_conflict(f, 0);
    log_warning("pay.not_taken", LOG_STR("payout", f->p->id_text), LOG_STR("answer", words));
    done(f, payout_note_answer(f->j->run->db, f->p, false, words), "the wallet's answer");
    return task_wait(f->j->run, "payout %s is not taken yet: %s", f->p->id_text, words);
}

/* While payouts are frozen, nothing leaves for the first time. A run that froze them for a conflict
 * may have died before it said which payout it is. */
static enum task_result follow_held_back(struct follow *f)
{
    bool spent;
    enum task_result r;

    if (f->p->status == PAYOUT_CONFLICTED)
        return TASK_DONE;
    r = look_for_spent(f, &spent);
    return r == TASK_DONE && spent ? follow_conflict(f, 0) : r;
}

/* The same bytes, as often as need be. SEEN_NOW: what the wallet said of it just before. */
static enum task_result send_bytes(struct follow *f, enum pay_seen seen_now)
{
    bool may_be_first = f->p->status != PAYOUT_SENT && seen_now == PAY_UNKNOWN;
    enum pay_result r;

    if (f->j->freeze.frozen && may_be_first)
        return follow_held_back(f);
    if (!task_holds_lock(f->j->run))
        return TASK_WAITING;
    r = payer_broadcast(f->payer, f->p->raw, f->p->raw_len, &f->p->txid);
    if (r == PAY_DONE)
        return note_alive(f);
    if (r == PAY_REFUSED && seen_now == PAY_UNKNOWN)
        return judge_missing(f);
    return pay_waits(f->j, f->payer);
}

/* In no block (any more). A wallet that only sends does so again by itself. */
static enum task_result follow_pending(struct follow *f, const struct pay_look *look)
{
    enum task_result r = note_alive(f);

    if (r == TASK_DONE)
        r = take_fee(f, look);
    if (r == TASK_DONE && f->p->confirmations != 0) {
        log_warning("pay.orphaned", LOG_STR("network", f->p->network),
                    LOG_STR("payout", f->p->id_text));
        r = done(f, payout_set_confirmations(f->j->run->db, f->p, 0), "confirmations");
    }
    return r == TASK_DONE && f->p->raw != NULL ? send_bytes(f, PAY_PENDING) : r;
}

static enum task_result follow_transaction(struct follow *f)
{
    struct pay_look look;

    if (payer_look(f->payer, &f->p->txid, &look) != PAY_DONE)
        return pay_waits(f->j, f->payer);
    switch (look.seen) {
    case PAY_MINED:
        return follow_mined(f, &look);
    case PAY_PENDING:
        return follow_pending(f, &look);
    case PAY_CONFLICTED:
        return follow_conflict(f, look.confirmations);
    case PAY_UNKNOWN:
        break;
    }
    if (f->p->raw != NULL) /* also of a conflict, which a reorganisation may have undone */
        return send_bytes(f, PAY_UNKNOWN);
    return pay_breach(f->j, "payout %s: wallet %s does not know the transaction that it sent",
                      f->p->id_text, f->p->wallet);
}

/* --- without: an intent --- */

/* Claims the attempt, then sends. What the wallet says is noted, but not believed. Dies behind the
 * send: the intent is searched for. */
static enum pay_result attempt(struct follow *f, const char *address, enum db_result *ret_db)
{
    struct db *db = f->j->run->db;
    struct u256 txid;
    bool mine = false;
    enum pay_result r;

    *ret_db = payout_begin_attempt(db, f->p, &mine);
    if (!mine)
        return PAY_NOT_DONE;
    r = payer_send(f->payer, address, f->p->amount, f->p->id_text, !f->p->pool_pays, &txid);
    *ret_db = r == PAY_DONE ? payout_mark_found(db, f->p, &txid)
                            : payout_note_answer(db, f->p, r == PAY_REFUSED, payer_error(f->payer));
    return r;
}

static enum task_result try_to_send(struct follow *f)
{
    struct task_run *run = f->j->run;
    char address[ADDRESS_MAX_TEXT + 1];
    enum db_result db = payout_address(run->db, f->p, address);
    enum pay_result r;

    if (db != DB_OK)
        return done(f, db, "an intent's address");
    if (f->j->freeze.frozen)
        return TASK_DONE;
    if (!task_holds_lock(run))
        return TASK_WAITING;
    r = FAULT_CALL("pay.attempt", attempt(f, address, &db), PAY_UNCERTAIN, PAY_NOT_DONE);
    if (db != DB_OK)
        return done(f, db, "an attempt to send");
    if (r == PAY_DONE)
        task_say(run, "payout %s is sent", f->p->id_text);
    else if (r == PAY_REFUSED)
        log_error("pay.refused", LOG_STR("payout", f->p->id_text), LOG_STR("address", address),
                  LOG_STR("error", payer_error(f->payer)));
    return r == PAY_DONE || r == PAY_REFUSED ? TASK_DONE : pay_waits(f->j, f->payer);
}

/* The wallet has one transaction with the comment. Is it what was meant? */
static enum task_result take_found(struct follow *f, const struct pay_found *found)
{
    char address[ADDRESS_MAX_TEXT + 1];
    enum db_result r = payout_address(f->j->run->db, f->p, address);

    if (r == DB_OK && (strcmp(address, found->address) != 0 || found->amount > f->p->amount))
        return pay_breach(f->j, "payout %s: wallet %s has paid %lld to %s", f->p->id_text,
                          f->p->wallet, (long long)found->amount, found->address);
    if (r == DB_OK)
        r = payout_mark_found(f->j->run->db, f->p, &found->txid);
    if (r == DB_OK)
        task_say(f->j->run, "payout %s is sent", f->p->id_text);
    return done(f, r, "a payout that was found");
}

/* Nothing was found. A request may be on its way still: the wallet must have been able to answer,
 * and payout_settle_s later still not have it. */
static enum task_result take_missing(struct follow *f)
{
    struct task_run *run = f->j->run;
    int64_t settle = run->net->payout_settle_s;

    if (f->p->attempts == 0)
        return try_to_send(f);
    if (f->p->search_age_s < 0)
        return done(f, payout_note_search(run->db, f->p), "a search");
    if (f->p->attempt_age_s < settle || f->p->search_age_s < settle)
        return TASK_DONE;
    if (!f->p->refused)
        return try_to_send(f);
    if (!task_holds_lock(run))
        return TASK_WAITING;
    log_error("pay.cancelled", LOG_STR("network", f->p->network), LOG_STR("payout", f->p->id_text));
    return done(f, payout_cancel(run->db, f->p, "the wallet refused it, and has not sent it"),
                "cancelling a payout");
}

/* Searched for even if no attempt is on record: the record may be that of a restored backup. */
static enum task_result follow_intent(struct follow *f)
{
    struct pay_found found;

    if (payer_search(f->payer, f->p->id_text, f->p->created_s, &found) != PAY_DONE)
        return pay_waits(f->j, f->payer);
    if (found.n == 0)
        return take_missing(f);
    if (found.n == 1)
        return take_found(f, &found);
    return pay_breach(f->j, "payout %s: wallet %s has sent it %zu times", f->p->id_text,
                      f->p->wallet, found.n);
}

/* --- all --- */

/* What a dry run does instead. */
static enum task_result say_state(struct follow *f)
{
    static const char *const seen[] = {[PAY_UNKNOWN] = "does not know it",
                                       [PAY_PENDING] = "has it in no block",
                                       [PAY_MINED] = "has it in a block",
                                       [PAY_CONFLICTED] = "knows another one in its place"};
    struct pay_look look = {.seen = PAY_UNKNOWN};

    if (f->p->has_txid && payer_look(f->payer, &f->p->txid, &look) != PAY_DONE)
        return pay_waits(f->j, f->payer);
    task_say(f->j->run, "payout %s is '%s'; the wallet %s", f->p->id_text,
             payout_status_name(f->p->status),
             f->p->has_txid ? seen[look.seen] : "was not searched");
    return TASK_DONE;
}

/* Follows P by the wallet that made it, which may not be the one that pays now. */
static enum task_result follow(struct pay_job *j, struct payout *p)
{
    struct follow f = {j, j->payer, p};
    enum task_result r;
    char err[512];

    if (strcmp(p->wallet, payer_wallet(j->payer)) != 0) {
        f.payer = payer_open(j->run->chain, p->wallet, err, sizeof(err));
        if (f.payer == NULL)
            return task_fail(j->run, "payout %s: %s", p->id_text, err);
        if (payer_fit(f.payer, j->seen) != PAY_DONE) {
            r = pay_waits(j, f.payer);
            payer_close(&f.payer);
            return r;
        }
    }
    if (j->run->options->dry_run)
        r = say_state(&f);
    else
        r = p->has_txid ? follow_transaction(&f) : follow_intent(&f);
    if (f.payer != j->payer)
        payer_close(&f.payer);
    return r;
}

static enum task_result follow_all(struct pay_job *j, struct payout_list *list)
{
    enum task_result worst = TASK_DONE;

    for (size_t i = 0; i < list->n; i++) {
        enum task_result r = follow(j, &list->payout[i]);

        worst = r > worst ? r : worst;
    }
    payout_list_free(list);
    return worst;
}

enum task_result pay_follow(struct pay_job *j)
{
    struct payout_list list;
    enum task_result r =
        task_db(j->run, payout_open(j->run->db, j->run->network, &list), "unfinished payouts");

    return r == TASK_DONE ? follow_all(j, &list) : r;
}

enum task_result pay_follow_one(struct pay_job *j, const struct uuid *id)
{
    struct payout_list list;
    enum task_result r = task_db(j->run, payout_read(j->run->db, id, &list), "a payout");

    return r == TASK_DONE ? follow_all(j, &list) : r;
}
