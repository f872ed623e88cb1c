/* The parts of the audit. For audit*.c. */
#ifndef PENSTOCK_BACKEND_TASK_AUDIT_H
#define PENSTOCK_BACKEND_TASK_AUDIT_H

#include "backend/ledger/books.h"
#include "backend/task/task.h"

struct audit {
    struct task_run *run;
    struct findings findings;
    int64_t began_ms; /* by clock_mono_ms() */
    int64_t owed;
    bool asked;        /* HELD and DUE are known */
    int64_t held;      /* by the wallet */
    int64_t due;       /* what it should hold at least */
    uint64_t payouts;  /* looked up on the chain */
    char waiting[256]; /* why something could not be checked; "" when all was */
};

/* Notes that something could not be checked now; the first reason is kept. */
void audit_wait(struct audit *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What needs the wallet: blocks, payouts and balance against the chain (audit_wallet.c). Anything
 * but DB_OK: the database is away. */
enum db_result audit_wallet(struct audit *a);

struct wallet;

/* Each payout of NETWORK against the chain (audit_payouts.c). Differences are noted only of the
 * network that is audited. *RET_SENT grows by what payouts have taken from the wallet, and the
 * ledger counts as in flight; *RET_CLEAR becomes false when that cannot be told now. */
enum db_result audit_payouts(struct audit *a, struct wallet *w, const char *network,
                             int64_t *ret_sent, bool *ret_clear);

/* Each transaction that the wallet sent against the payouts. */
void audit_sent(struct audit *a, struct wallet *w);

#endif
