/* Making payouts: payments to miners, and what is swept out of the hot wallet. */
#include "backend/task/pay.h"

#include "common/base/log.h"
#include "common/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 5 /* to find coins that no other payout has taken meanwhile */

/* --- locks --- */

enum task_result pay_lock_coins(struct pay_job *j)
{
    struct tx_outpoint *coin = NULL;
    size_t n = 0;
    enum task_result r;

    if (!payer_builds(j->payer))
        return TASK_DONE;
    r = task_db(j->run, payout_coins(j->run->db, &coin, &n), "coins in use");
    if (r == TASK_DONE && n > 0 && payer_lock(j->payer, coin, n) != PAY_DONE)
        r = pay_waits(j, j->payer);
    free(coin);
    return r;
}

/* --- storing --- */

static struct payout_draft draft_of(const struct pay_job *j, struct payout_item *item, size_t n)
{
    struct payout_draft d = {.network = j->run->network,
                             .wallet = payer_wallet(j->payer),
                             .pool_pays = j->run->net->payout_fee_payer == FEE_FROM_POOL,
                             .item = item,
                             .items = n};

    uuid_v7(&d.id);
    for (size_t i = 0; i < n; i++)
        d.amount += item[i].amount;
    return d;
}

/* The last moment before money is committed: is it still for this run to do? */
static enum task_result may_store(struct pay_job *j)
{
    enum task_result r;

    if (!task_holds_lock(j->run))
        return TASK_WAITING;
    r = task_db(j->run, freeze_read(j->run->db, j->run->network, &j->freeze), "frozen or not");
    if (r == TASK_DONE && j->freeze.frozen)
        return task_wait(j->run, "payouts have been frozen meanwhile: %s", j->freeze.reason);
    return r;
}

/* Stores D and sends it. *RET_AGAIN: a coin was another payout's; look for others. */
static enum task_result store_and_send(struct pay_job *j, const struct payout_draft *d,
                                       bool *ret_again)
{
    enum task_result r = may_store(j);
    enum db_result db;

    *ret_again = false;
    if (r != TASK_DONE)
        return r;
    switch (payout_store(j->run->db, d, &db)) {
    case PAYOUT_IS_STORED:
        break;
    case PAYOUT_COINS_TAKEN:
        *ret_again = true;
        return task_wait(j->run, "another payout has taken the same coins meanwhile");
    case PAYOUT_BALANCE_LESS:
        return task_wait(j->run, "a balance has changed meanwhile; the next run looks again");
    case PAYOUT_NOT_STORED:
        return task_db(j->run, db, "storing a payout");
    }
    if (d->inputs > 0 && payer_lock(j->payer, d->input, d->inputs) != PAY_DONE)
        log_warning("pay.lock", LOG_STR("error", payer_error(j->payer)));
    return pay_follow_one(j, &d->id);
}

/* --- payments that are built --- */

static struct pay_output *outputs_of(const struct payout_item *item, size_t n)
{
    struct pay_output *output = mem_zalloc((n + 1) * sizeof(*output));

    for (size_t i = 0; i < n; i++)
        output[i] = (struct pay_output){.address = item[i].address, .amount = item[i].amount};
    return output;
}

static enum pay_result build(struct pay_job *j, struct payout_item *item, size_t n,
                             bool receiver_pays, struct pay_built *built)
{
    const struct backend_network *net = j->run->net;
    struct pay_order order = {.output = outputs_of(item, n),
                              .n = n,
                              .receiver_pays = receiver_pays,
                              .fee_max = net->payout_fee_max,
                              .fee_rate = net->payout_fee_rate};
    enum pay_result r = payer_build(j->payer, &order, built);

    for (size_t i = 0; i < n && r == PAY_DONE; i++) {
        item[i].received = order.output[i].received;
        item[i].received_known = true;
    }
    free(order.output);
    return r;
}

static bool receivers_pay(const struct pay_job *j)
{
    return j->run->net->payout_fee_payer == FEE_FROM_RECEIVER;
}

/* The wallet will not build it for all together: leaves out those that it will not pay alone, which
 * must not keep the others waiting. Building has no effect. */
static enum task_result leave_out(struct pay_job *j, struct payout_item *item, size_t *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++) {
        struct pay_built built = {0};
        enum pay_result r = build(j, &item[i], 1, receivers_pay(j), &built);

        pay_built_free(&built);
        if (r == PAY_NOT_DONE || r == PAY_UNCERTAIN)
            return pay_waits(j, j->payer);
        if (r == PAY_DONE)
            item[kept++] = item[i];
        else
            log_error("pay.skipped", LOG_STR("network", j->run->network),
                      LOG_STR("address", item[i].address), LOG_INT("amount", item[i].amount),
                      LOG_STR("why", payer_error(j->payer)));
    }
    if (kept == *n)
        return task_fail(j->run, "the payments can be made one by one, but not together: %s",
                         payer_error(j->payer));
    *n = kept;
    return TASK_DONE;
}

static enum task_result store_built(struct pay_job *j, struct payout_draft *d,
                                    struct pay_built *built, bool *ret_again)
{
    enum task_result r;

    d->raw = built->raw;
    d->raw_len = built->raw_len;
    d->txid = &built->txid;
    d->fee = built->fee;
    d->input = built->input;
    d->inputs = built->inputs;
    r = store_and_send(j, d, ret_again);
    pay_built_free(built);
    return r;
}

static enum task_result pay_together(struct pay_job *j, struct payout_item *item, size_t n,
                                     bool *ret_again)
{
    struct pay_built built = {0};
    enum pay_result r = build(j, item, n, receivers_pay(j), &built);
    enum task_result t;

    *ret_again = false;
    if (r == PAY_REFUSED) {
        t = leave_out(j, item, &n);
        if (t != TASK_DONE || n == 0)
            return t;
        r = build(j, item, n, receivers_pay(j), &built);
    }
    if (r != PAY_DONE)
        return pay_waits(j, j->payer);
    struct payout_draft d = draft_of(j, item, n);
    t = store_built(j, &d, &built, ret_again);
    j->paid += n;
    return t;
}

/* Coins that are taken are locked now, so another try finds others. */
static enum task_result with_other_coins(struct pay_job *j, struct payout_item *item, size_t n)
{
    enum task_result r = TASK_WAITING;
    bool again = true;

    for (int i = 0; i < TRIES && again; i++) {
        if (i > 0 && (r = pay_lock_coins(j)) != TASK_DONE)
            return r;
        r = pay_together(j, item, n, &again);
    }
    return r;
}

/* --- payments by a wallet that only sends: one each --- */

static enum task_result intend(struct pay_job *j, struct payout_item *item, bool is_sweep,
                               int64_t amount)
{
    struct payout_draft d = draft_of(j, item, 1);
    bool again;

    if (is_sweep) {
        d.is_sweep = true;
        d.pool_pays = false;
        d.amount = amount;
    }
    return store_and_send(j, &d, &again);
}

enum task_result pay_miners(struct pay_job *j, struct payout_item *item, size_t n)
{
    enum task_result r = TASK_DONE;

    if (payer_builds(j->payer))
        return with_other_coins(j, item, n);
    for (size_t i = 0; i < n && r == TASK_DONE; i++) {
        r = intend(j, &item[i], false, 0);
        j->paid++;
    }
    return r;
}

/* --- sweeping --- */

/* What the wallet holds beyond hot_wallet_max and beyond what is owed, of what the ledger knows as
 * the pool's. */
static enum task_result amount_to_sweep(struct pay_job *j, int64_t *ret)
{
    struct task_run *run = j->run;
    int64_t least = run->net->payout_fee_max, spare;
    struct payout_books books = {0};
    struct pay_funds funds;
    bool sweeping = false;
    enum db_result r;

    *ret = 0;
    if (payer_funds(j->payer, &funds) != PAY_DONE)
        return pay_waits(j, j->payer);
    spare = funds.spendable - run->net->hot_wallet_max;
    if (spare <= least)
        return TASK_DONE;
    r = payout_sweeping(run->db, run->network, &sweeping);
    if (r == DB_OK && !sweeping)
        r = payout_books(run->db, run->network, &books);
    if (r != DB_OK || sweeping)
        return task_db(run, r, "what to sweep");
    if (spare > funds.spendable - books.owed)
        spare = funds.spendable - books.owed;
    if (spare > books.mature - books.owed)
        spare = books.mature - books.owed;
    *ret = spare > least ? spare : 0;
    return TASK_DONE;
}

static enum task_result sweep_built(struct pay_job *j, struct payout_item *item, int64_t amount)
{
    struct payout_item whole = *item;
    struct pay_built built = {0};
    bool again;

    whole.amount = amount;
    if (build(j, &whole, 1, true, &built) != PAY_DONE)
        return pay_waits(j, j->payer);
    struct payout_draft d = draft_of(j, item, 1);
    d.is_sweep = true;
    d.pool_pays = false;
    d.amount = amount;
    return store_built(j, &d, &built, &again);
}

enum task_result pay_sweep(struct pay_job *j)
{
    const struct backend_network *net = j->run->net;
    struct payout_item item = {.amount = 0};
    int64_t amount;
    enum task_result r;

    if (net->hot_wallet_max == 0 || *net->sweep_address == '\0')
        return TASK_DONE;
    r = amount_to_sweep(j, &amount);
    if (r != TASK_DONE || amount == 0)
        return r;
    if (j->run->options->dry_run) {
        task_say(j->run, "would sweep %" PRId64 " to %s", amount, net->sweep_address);
        return TASK_DONE;
    }
    snprintf(item.address, sizeof(item.address), "%s", net->sweep_address);
    r = payer_builds(j->payer) ? sweep_built(j, &item, amount) : intend(j, &item, true, amount);
    if (r == TASK_DONE)
        task_say(j->run, "swept %" PRId64 " to %s", amount, net->sweep_address);
    return r;
}
