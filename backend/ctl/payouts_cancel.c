/*
 * penstockctl payouts cancel: gives miners back what a conflicted payout took from them.
 *
 * That must not be done while the payout may still come to be on the chain, so the command insists
 * on a proof: a transaction that spends one of its coins, with payout_confirmations. Whoever runs
 * it decides what only a human can: that the other transaction is none that paid these miners.
 */
#include "backend/chain/holdings.h"
#include "backend/conf/settings.h"
#include "backend/ctl/payouts.h"
#include "backend/ledger/amount.h"
#include "backend/ledger/payout.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BEFORE_S 86400 /* the wallet's clock, and ours */

/* What is known about one payout. */
struct inquiry {
    const struct ctl_job *job;
    const struct backend_network *net;
    struct chain *chain;
    struct wallet *wallet;
    const struct payout *p;
    struct u256 *sent; /* what the wallet has sent lately */
    size_t n;
    int64_t depth; /* confirmations of the transaction that took its place; 0: of none */
    bool named;    /* it is known: */
    struct sent_tx other;
    uint64_t paid; /* receivers of the payout whom it has paid */
};

static int complain_chain(const struct inquiry *q)
{
    ctl_complain(&payouts_command, "%s", chain_error(q->chain));
    return EXIT_FAILURE;
}

/* --- the transaction that took its place --- */

static bool spends(const struct tx *tx, const struct tx_outpoint *coin)
{
    struct tx_outpoint in;
    size_t pos = 0;

    while (tx_next_input(tx, &pos, &in))
        if (in.index == coin->index && u256_cmp(&in.txid, &coin->txid) == 0)
            return true;
    return false;
}

static bool share_a_coin(const struct payout *p, const uint8_t *raw, size_t len)
{
    struct tx ours, theirs;
    struct tx_outpoint coin;
    size_t pos = 0;

    if (tx_parse(p->raw, p->raw_len, &ours) != PARSE_OK || tx_parse(raw, len, &theirs) != PARSE_OK)
        return false;
    while (tx_next_input(&ours, &pos, &coin))
        if (spends(&theirs, &coin))
            return true;
    return false;
}

/* Takes up T if it is the one. */
static void judge_other(struct inquiry *q, struct sent_tx *t)
{
    size_t len = t->hex != NULL ? strlen(t->hex) / 2 : 0;
    uint8_t *raw = mem_zalloc(len + 1);

    if (t->confirmations > q->depth && u256_cmp(&t->txid, &q->p->txid) != 0 &&
        hex_decode(t->hex, 2 * len, raw) && share_a_coin(q->p, raw, len)) {
        sent_tx_clear(&q->other);
        q->other = *t;
        *t = (struct sent_tx){0};
        q->depth = q->other.confirmations;
        q->named = true;
    }
    free(raw);
}

static bool keep(void *ctx, const struct u256 *txid)
{
    struct inquiry *q = ctx;

    q->sent = mem_resize(q->sent, q->n + 1, sizeof *q->sent);
    q->sent[q->n++] = *txid;
    return true;
}

/* The coins were the wallet's own, so it knows what spent them. */
static enum chain_result search(struct inquiry *q)
{
    enum chain_result r =
        chain_sent_since(q->chain, q->wallet, q->p->created_s - BEFORE_S, keep, q);

    for (size_t i = 0; i < q->n && r == CHAIN_OK; i++) {
        struct sent_tx t = {0};
        bool found = false;

        r = chain_sent(q->chain, q->wallet, &q->sent[i], &found, &t);
        if (r == CHAIN_OK && found)
            judge_other(q, &t);
        sent_tx_clear(&t);
    }
    return r;
}

static bool row_receiver(void *ctx, const struct db_value *row, size_t n)
{
    struct inquiry *q = ctx;

    (void)n;
    for (size_t i = 0; i < q->other.n; i++)
        if (strcmp(q->other.output[i].address, db_text(&row[0])) == 0) {
            q->paid++;
            break;
        }
    return true;
}

static enum db_result compare_receivers(struct inquiry *q)
{
    return db_query(q->job->db, "SELECT address FROM payout_item WHERE payout_id = ?",
                    &DB_TEXT(q->p->id_text), 1, row_receiver, q);
}

/* --- the proof --- */

/* EX_OK when there is one, or the status after a complaint. */
static int judge(const struct inquiry *q, bool known, int64_t confirmations)
{
    const struct payouts_request *request = q->job->request;
    char hex[65];

    u256_to_hex(&q->p->txid, hex);
    if (known && confirmations >= 0)
        ctl_complain(&payouts_command,
                     "wallet %s has its transaction %s: nothing has taken its place, and"
                     " `penstock-task pay` follows it",
                     q->p->wallet, hex);
    else if (q->depth == 0)
        ctl_complain(&payouts_command,
                     "there is no proof: wallet %s knows no transaction in a block that spends what"
                     " %s spends. If the wallet was restored, rescanblockchain first",
                     q->p->wallet, hex);
    else if (q->depth < q->net->payout_confirmations)
        ctl_complain(&payouts_command,
                     "another transaction has spent its coins, but has no more than %" PRId64
                     " of %" PRId64 " confirmations (payout_confirmations): wait",
                     q->depth, (int64_t)q->net->payout_confirmations);
    else if (q->paid > 0 && !request->force)
        ctl_complain(&payouts_command,
                     "the transaction that has spent its coins pays %" PRIu64
                     " of its receivers: they may have got their money. If they have not, --force",
                     q->paid);
    else
        return EX_OK;
    return EXIT_FAILURE;
}

static int prove(struct inquiry *q)
{
    struct sent_tx own = {0};
    bool known = false;
    int64_t confirmations;
    enum db_result r;

    if (chain_look(q->chain, q->job->db) != CHAIN_OK ||
        chain_purse_named(q->chain, q->p->wallet, &q->wallet) != CHAIN_OK ||
        chain_sent(q->chain, q->wallet, &q->p->txid, &known, &own) != CHAIN_OK)
        return complain_chain(q);
    confirmations = known ? own.confirmations : 0;
    sent_tx_clear(&own);
    if (q->p->raw != NULL && search(q) != CHAIN_OK)
        return complain_chain(q);
    if (!q->named && confirmations < 0)
        q->depth = -confirmations;
    r = compare_receivers(q);
    return r == DB_OK ? judge(q, known, confirmations)
                      : ctl_complain_db(&payouts_command, q->job->db, r);
}

/* --- the decision --- */

static void describe(const struct inquiry *q, char *out, size_t size)
{
    char hex[65];

    u256_to_hex(&q->other.txid, hex);
    snprintf(out, size, "%s%s has spent its coins (confirmations: %" PRId64 ")",
             q->named ? "transaction " : "another transaction", q->named ? hex : "", q->depth);
}

static int cancel(const struct inquiry *q, const char *proof)
{
    const struct payouts_request *request = q->job->request;
    char who[FREEZE_WHO_MAX + 1], why[2 * PAYOUT_ANSWER_MAX], amount[AMOUNT_TEXT];
    struct payout_list after;
    bool done;
    enum db_result r;

    payouts_who(who);
    snprintf(why, sizeof why, "%.40s: %s", who, request->reason);
    log_error("payouts.cancelled", LOG_STR("network", q->p->network),
              LOG_STR("payout", q->p->id_text), LOG_STR("who", who),
              LOG_STR("why", request->reason), LOG_STR("proof", proof));
    r = payout_cancel(q->job->db, q->p, why);
    if (r == DB_OK)
        r = payout_read(q->job->db, &q->p->id, &after);
    if (r != DB_OK)
        return ctl_complain_db(&payouts_command, q->job->db, r);
    done = after.n == 1 && after.payout[0].status == PAYOUT_CANCELLED;
    payout_list_free(&after);
    amount_format(q->p->amount, amount);
    if (done)
        printf("payout %s is cancelled, %s given back: %s\n", q->p->id_text, amount, proof);
    else
        ctl_complain(&payouts_command, "payout %s has changed meanwhile: look again",
                     q->p->id_text);
    return done ? EX_OK : EXIT_FAILURE;
}

static int decide(struct inquiry *q)
{
    const struct payouts_request *request = q->job->request;
    char proof[160];
    int status = prove(q);

    if (status != EX_OK)
        return status;
    describe(q, proof, sizeof proof);
    if (!request->dry_run)
        return cancel(q, proof);
    printf("payout %s could be cancelled: %s\n", q->p->id_text, proof);
    return EX_OK;
}

/* --- the command --- */

static const struct backend_network *network_of(const struct ctl_job *j, const struct payout *p)
{
    for (size_t i = 0; i < j->conf->networks.n; i++)
        if (strcmp(backend_network_at(j->conf, i)->base.label, p->network) == 0)
            return backend_network_at(j->conf, i);
    ctl_complain(&payouts_command, "its network %s is not in the settings", p->network);
    return NULL;
}

static int inquire(const struct ctl_job *j, const struct payout *p)
{
    struct inquiry q = {.job = j, .p = p, .net = network_of(j, p)};
    int status = EX_CONFIG;
    char err[512];

    if (q.net == NULL)
        return status;
    q.chain = chain_open(j->conf, q.net, err, sizeof err);
    if (q.chain == NULL)
        ctl_complain(&payouts_command, "%s", err);
    else
        status = decide(&q);
    chain_close(&q.chain);
    sent_tx_clear(&q.other);
    free(q.sent);
    return status;
}

int payouts_cancel(const struct ctl_job *j)
{
    const struct payouts_request *request = j->request;
    const char *word = request->words.word[1];
    struct payout_list list;
    struct uuid id;
    int status = EX_DATAERR;
    enum db_result r;

    if (!request->dry_run && (request->reason == NULL || *request->reason == '\0')) {
        ctl_complain(&payouts_command, "cancel needs --reason");
        return EX_USAGE;
    }
    if (!uuid_parse(word, strlen(word), &id)) {
        ctl_complain(&payouts_command, "'%s' is no payout's id", word);
        return EX_DATAERR;
    }
    r = payout_read(j->db, &id, &list);
    if (r != DB_OK)
        return ctl_complain_db(&payouts_command, j->db, r);
    if (list.n == 0)
        ctl_complain(&payouts_command, "there is no payout %s", word);
    else if (list.payout[0].status != PAYOUT_CONFLICTED)
        ctl_complain(&payouts_command, "payout %s is %s: only a conflicted one can be cancelled",
                     word, payout_status_name(list.payout[0].status));
    else
        status = inquire(j, &list.payout[0]);
    payout_list_free(&list);
    return status;
}
