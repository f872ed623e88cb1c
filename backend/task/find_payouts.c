/*
 * find-payouts: books payments that the wallet made and the ledger does not know.
 *
 * After the database was restored from a backup it lacks the payouts made since, and owes their
 * miners once more. The wallet has not forgotten: each of its transactions that no payout knows,
 * and that pays miners of this network and nobody else, becomes a payout again, stored in one
 * commit with its entries as `pay` does. From then on `pay` follows it like any other. What it
 * cannot explain it leaves alone, says so and fails: then a human must look before payouts are
 * thawed.
 *
 * It sends nothing. Killed at any instruction it has booked some, each whole; the next run passes
 * over those, by their txid, or by the comment that is the payout's id.
 */
#include "backend/ledger/payout.h"
#include "backend/task/sent.h"
#include "common/base/fault.h"
#include "common/base/hex.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ALL_DAYS 36500

struct found {
    struct task_run *run;
    struct wallet *wallet;
    uint64_t booked, unexplained;
};

struct receiver {
    struct payout_item *item;
    uint64_t rows, elsewhere;
};

/* --- whom it paid --- */

static bool row_receiver(void *ctx, const struct db_value *v, size_t n)
{
    struct receiver *r = ctx;

    (void)n;
    if (db_int(&v[0]) == 0) { /* another network's miner of the same address */
        r->elsewhere++;
        return true;
    }
    r->rows++;
    uuid_parse(db_text(&v[1]), strlen(db_text(&v[1])), &r->item->miner);
    r->item->account = db_uint(&v[2]);
    return true;
}

/* NULL in *RET_WHY when ADDRESS is a miner of this network, and of no other. */
static enum db_result find_miner(const struct found *f, const char *address,
                                 struct payout_item *item, const char **ret_why)
{
    static const char sql[] = "SELECT m.network = ?, CAST(m.id AS CHAR), CAST(COALESCE(a.id, 0) AS"
                              " UNSIGNED) FROM miner m LEFT JOIN account a"
                              " ON a.network = m.network AND a.kind = 'miner' AND a.miner_id = m.id"
                              " WHERE m.address = CONVERT(? USING ascii) COLLATE ascii_nopad_bin"
                              " AND (m.network = ? OR a.id IS NOT NULL)";
    struct receiver r = {.item = item};
    const char *network = f->run->network;
    enum db_result db = db_query(
        f->run->db, sql, (struct db_value[]){DB_TEXT(network), DB_TEXT(address), DB_TEXT(network)},
        3, row_receiver, &r);

    FAULT_POINT("find_payouts.miner");
    snprintf(item->address, sizeof(item->address), "%s", address);
    *ret_why = r.rows == 0          ? "who received it is no miner here"
               : r.elsewhere > 0    ? "its receiver mines on another network of this wallet, too"
               : item->account == 0 ? "its receiver was never credited"
                                    : NULL;
    return db;
}

/* What each receiver was charged, from what arrived: the receivers bear the fee in equal parts, the
 * first one the remainder. */
static void charge(struct payout_draft *d, const struct sent_tx *tx)
{
    int64_t n = (int64_t)d->items, part = d->pool_pays ? 0 : d->fee / n;

    for (size_t i = 0; i < d->items; i++) {
        struct payout_item *item = &d->item[i];

        item->received = tx->output[i].amount;
        item->received_known = true;
        item->amount = item->received + part;
        if (i == 0 && !d->pool_pays)
            item->amount += d->fee % n;
        d->amount += item->amount;
    }
}

/* --- its bytes --- */

static bool read_bytes(const struct sent_tx *sent, struct payout_draft *d, struct tx *tx)
{
    size_t len = sent->hex != NULL ? strlen(sent->hex) : 0;
    uint8_t *raw = mem_zalloc(len / 2 + 1);
    struct tx_outpoint *input = NULL;
    size_t pos = 0;
    bool ok = len > 0 && hex_decode(sent->hex, len, raw) &&
              tx_parse(raw, len / 2, tx) == PARSE_OK && u256_cmp(&tx->txid, &sent->txid) == 0;

    d->raw = raw;
    d->raw_len = len / 2;
    if (!ok)
        return false;
    input = mem_zalloc(tx->inputs * sizeof(*input));
    while (d->inputs < tx->inputs && tx_next_input(tx, &pos, &input[d->inputs]))
        d->inputs++;
    d->input = input;
    return true;
}

/* NULL, or why it cannot be booked. The family decides what a payout is known by. */
static const char *identify(const struct found *f, const struct sent_tx *sent,
                            struct payout_draft *d)
{
    struct tx tx;

    d->fee = sent->fee;
    d->txid = &sent->txid;
    if (sent->fee < 0)
        return "the wallet does not tell its fee";
    if (f->run->net->family == FAMILY_BIBLEPAY) /* never an intent: `pay` would send it */
        return d->items == 1 && uuid_parse(sent->comment, strlen(sent->comment), &d->id)
                   ? NULL
                   : "its comment is no payout's";
    uuid_v7(&d->id);
    return read_bytes(sent, d, &tx) ? NULL : "the wallet does not tell its bytes";
}

/* --- booking --- */

static void draft_free(struct payout_draft *d)
{
    free(d->item);
    free((uint8_t *)d->raw);
    free((struct tx_outpoint *)d->input);
}

static enum db_result receivers(const struct found *f, const struct sent_tx *tx,
                                struct payout_draft *d, const char **ret_why)
{
    enum db_result r = DB_OK;

    for (size_t i = 0; i < tx->n && r == DB_OK && *ret_why == NULL; i++)
        r = find_miner(f, tx->output[i].address, &d->item[i], ret_why);
    return r;
}

static enum db_result store(struct found *f, struct payout_draft *d, const char **ret_why)
{
    enum db_result r = DB_OK;

    if (f->run->options->dry_run)
        return DB_OK;
    if (!task_holds_lock(f->run))
        return DB_UNAVAILABLE;
    switch (payout_store(f->run->db, d, &r)) {
    case PAYOUT_IS_STORED:
        return DB_OK;
    case PAYOUT_COINS_TAKEN:
        *ret_why = "it spends coins of another payout";
        return DB_OK;
    case PAYOUT_BALANCE_LESS:
        *ret_why = "its receiver is owed less than that";
        return DB_OK;
    case PAYOUT_NOT_STORED:
        break;
    }
    return r;
}

static void say(struct found *f, const struct sent_tx *tx, int64_t amount, const char *why)
{
    char hex[65];

    u256_to_hex(&tx->txid, hex);
    if (why == NULL) {
        f->booked++;
        task_say(f->run, "transaction %s is a payout of %" PRId64 " to %zu %s: booked", hex, amount,
                 tx->n, tx->n == 1 ? "miner" : "miners");
    } else {
        f->unexplained++;
        task_say(f->run, "transaction %s to %s is not booked: %s", hex,
                 tx->n > 0 ? tx->output[0].address : "nobody", why);
    }
}

static enum db_result book(void *ctx, const struct sent_tx *tx)
{
    struct found *f = ctx;
    const struct backend_network *net = f->run->net;
    struct payout_draft d = {.network = f->run->network,
                             .wallet = chain_purse_label(f->wallet),
                             .pool_pays = net->payout_fee_payer == FEE_FROM_POOL,
                             .item = mem_zalloc((tx->n + 1) * sizeof(*d.item)),
                             .items = tx->n};
    const char *why = tx->n == 0 ? "it has no receiver" : NULL;
    enum db_result r = DB_OK;

    d.is_sweep = tx->n == 1 && *net->sweep_address != '\0' &&
                 strcmp(tx->output[0].address, net->sweep_address) == 0;
    if (d.is_sweep) {
        d.pool_pays = false;
        snprintf(d.item[0].address, sizeof(d.item[0].address), "%s", net->sweep_address);
    } else if (why == NULL) {
        r = receivers(f, tx, &d, &why);
    }
    if (r == DB_OK && why == NULL)
        why = identify(f, tx, &d);
    if (r == DB_OK && why == NULL) {
        charge(&d, tx);
        if (d.is_sweep)
            d.item[0].amount = 0;
        r = store(f, &d, &why);
    }
    if (r == DB_OK)
        say(f, tx, d.amount, why);
    draft_free(&d);
    return r;
}

static enum task_result run_find_payouts(struct task_run *run)
{
    struct found f = {.run = run};
    enum task_result r = task_chain(run, chain_look(run->chain, run->db));

    if (r == TASK_DONE)
        r = task_chain(run, chain_purse(run->chain, &f.wallet));
    if (r == TASK_DONE && f.wallet == NULL)
        return task_fail(run, "no wallet of this network holds the key of the pool's address");
    if (r == TASK_DONE)
        r = sent_unknown_each(run, f.wallet, ALL_DAYS, book, &f);
    if (r != TASK_DONE)
        return r;
    task_say(run, "%" PRIu64 " %s booked", f.booked, f.booked == 1 ? "payout" : "payouts");
    if (f.unexplained > 0)
        return task_fail(run, "%" PRIu64 " transactions of the wallet cannot be explained",
                         f.unexplained);
    return TASK_DONE;
}

const struct task find_payouts_task = {
    .name = "find-payouts",
    .text = "book payments that the wallet made and a restored ledger lacks",
    .flags = TASK_NEEDS_CHAIN,
    .run = run_find_payouts,
};
