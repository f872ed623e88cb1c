/*
 * pay: follows the payouts that were made, then makes new ones, then sweeps.
 *
 * What is stored is true, what is in memory is not. A payout's bytes and its entries in the ledger
 * are one commit; only then it is sent, and the same bytes may be sent any number of times. A
 * wallet that only sends is given an intent, and asked by its comment before anything is repeated.
 * So a run may die between any two statements:
 *
 *   before the store       nothing was taken from anybody, nothing was sent
 *   store .. broadcast     the next run sends the stored bytes, or finds the intent never attempted
 *   broadcast .. mark      the next run asks the wallet, which knows the transaction
 *   mark .. confirm        the same
 *   attempt .. answer      (an intent) the next runs search the wallet for the comment
 */
#include "backend/task/pay.h"

#include "common/base/fault.h"
#include "common/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum task_result pay_waits(struct pay_job *j, const struct payer *p)
{
    return task_wait(j->run, "%s", payer_error(p));
}

enum task_result pay_breach(struct pay_job *j, const char *format, ...)
{
    char why[FREEZE_REASON_MAX + 1];
    enum task_result stored = TASK_DONE;
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    if (!j->run->options->dry_run)
        stored =
            task_db(j->run, freeze_set(j->run->db, j->run->network, "", why), "freezing payouts");
    j->freeze.frozen = true;
    snprintf(j->freeze.reason, sizeof(j->freeze.reason), "%s", why);
    return stored != TASK_DONE ? stored : task_fail(j->run, "payouts are frozen: %s", why);
}

static bool take_height(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&row[0]);
    return false;
}

/* A wallet that has lost its chain answers with a lower height while it catches up. */
static enum task_result look_at_pool(struct pay_job *j)
{
    enum db_result r =
        FAULT_CALL("pay.seen",
                   db_query(j->run->db,
                            "SELECT CAST(COALESCE(MAX(height), -1) AS SIGNED) FROM tip"
                            " WHERE network = ?",
                            &DB_TEXT(j->run->network), 1, take_height, &j->seen),
                   DB_UNAVAILABLE, DB_UNAVAILABLE);

    if (r == DB_OK)
        r = freeze_read(j->run->db, j->run->network, &j->freeze);
    return task_db(j->run, r, "the state of payouts");
}

static enum task_result make_payments(struct pay_job *j)
{
    struct payout_item *item = NULL;
    size_t n = 0;
    enum task_result r = pay_select(j, &item, &n);

    if (r == TASK_DONE && n > 0 && !j->run->options->dry_run)
        r = pay_miners(j, item, n);
    free(item);
    return r;
}

static enum task_result work(struct pay_job *j)
{
    enum task_result r = look_at_pool(j);

    if (r != TASK_DONE)
        return r;
    if (payer_fit(j->payer, j->seen) != PAY_DONE)
        return pay_waits(j, j->payer);
    if (!j->run->options->dry_run)
        r = pay_lock_coins(j);
    if (r == TASK_DONE)
        r = pay_follow(j);
    if (r != TASK_DONE)
        return r;
    if (j->freeze.frozen) {
        task_say(j->run, "payouts are frozen: %s", j->freeze.reason);
        return TASK_DONE;
    }
    r = make_payments(j);
    return r == TASK_DONE ? pay_sweep(j) : r;
}

static enum task_result pay_run(struct task_run *run)
{
    struct pay_job j = {.run = run};
    enum task_result r;
    char err[512];

    if (!run->net->payouts) {
        task_say(run, "the settings say payouts = no: miners are credited, nobody is paid");
        return TASK_DONE;
    }
    j.payer = payer_open(run->chain, NULL, err, sizeof(err));
    if (j.payer == NULL)
        return task_fail(run, "%s", err);
    r = work(&j);
    payer_close(&j.payer);
    return r;
}

const struct task pay_task = {
    .name = "pay",
    .text = "pays miners what they are owed, and follows payments until they are confirmed",
    .flags = TASK_NEEDS_CHAIN,
    .run = pay_run,
};
