/* The parts of task pay: following what was sent, choosing whom to pay, paying. For pay*.c. */
#ifndef PENSTOCK_BACKEND_TASK_PAY_H
#define PENSTOCK_BACKEND_TASK_PAY_H

#include "backend/chain/pay.h"
#include "backend/ledger/freeze.h"
#include "backend/ledger/payout.h"
#include "backend/task/task.h"

struct pay_job {
    struct task_run *run;
    struct payer *payer; /* the wallet that pays */
    struct freeze freeze;
    int64_t seen; /* the greatest height that the pool knows */
    size_t paid;  /* miners paid by this run */
};

/* --- pay_follow.c: what becomes of payouts that were made --- */

/* Each unfinished payout of the network, oldest first. Anything but TASK_DONE: nothing new may be
 * made in this run. */
enum task_result pay_follow(struct pay_job *j);
/* One of them, by its id. For what was stored just now: sends it. */
enum task_result pay_follow_one(struct pay_job *j, const struct uuid *id);

/* --- pay_select.c: whom to pay --- */

/* At most payout_miners_max items within the limits, malloc'd. Stale balances are corrected. */
enum task_result pay_select(struct pay_job *j, struct payout_item **ret, size_t *ret_n);

/* --- pay_send.c: making payouts --- */

enum task_result pay_miners(struct pay_job *j, struct payout_item *item, size_t n);
enum task_result pay_sweep(struct pay_job *j);
/* Locks the coins of all unfinished payouts, which a restart makes the wallet forget. */
enum task_result pay_lock_coins(struct pay_job *j);

/* Says why the payer failed: TASK_WAITING. */
enum task_result pay_waits(struct pay_job *j, const struct payer *p);
/* An invariant is broken: freezes the network's payouts. TASK_FAILED once that is stored; if it is
 * not, nothing may be done that only a human should see the end of. */
enum task_result pay_breach(struct pay_job *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
