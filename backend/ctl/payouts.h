/* The parts of penstockctl payouts. For payouts*.c. */
#ifndef PENSTOCK_BACKEND_CTL_PAYOUTS_H
#define PENSTOCK_BACKEND_CTL_PAYOUTS_H

#include "backend/ctl/ctl.h"
#include "backend/ctl/sheet.h"
#include "backend/ledger/freeze.h"

/* The request of each job. */
struct payouts_request {
    const char *network, *reason;
    struct ctl_words words;
    int64_t limit;
    bool json, force, dry_run;
};

/* payouts_freeze.c */
ctl_job_fn payouts_freeze, payouts_thaw, payouts_freezes;
/* payouts_cancel.c: gives back what a conflicted payout took, on proof from the chain. */
ctl_job_fn payouts_cancel;

/* Who types this, for the record: "alice@host", also behind sudo. */
void payouts_who(char out[FREEZE_WHO_MAX + 1]);

#endif
