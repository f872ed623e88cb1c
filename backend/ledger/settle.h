/*
 * The end of a pool block: shared out, or stale. Each is one transaction that moves the block's
 * money in the ledger, keeps how it came about, and changes the block's status; so a block is
 * settled once, by whoever commits first, and dying at any instruction leaves it as it was.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_SETTLE_H
#define PENSTOCK_BACKEND_LEDGER_SETTLE_H

#include "backend/ledger/scheme.h"
#include "common/db/db.h"

struct settlement {
    struct scheme_block block;
    uint64_t epoch;
    uint64_t subsidy;
    unsigned fee_bp;
    uint64_t fee;           /* SUBSIDY - FEE is the sum of the credits' amounts */
    struct weights weights; /* with the amounts; no credit: all of SUBSIDY is FEE */
};

/* Splits SUBSIDY by the weights: fills FEE and the amounts. What nobody has a claim to (no shares,
 * no subsidy) is the pool's. False when the numbers are beyond what can be split (split.h). */
bool settlement_split(struct settlement *s);

enum settled {
    SETTLED_NOW,     /* by this call */
    SETTLED_ALREADY, /* the block was finished, or was stale, before */
    SETTLED_NOT,     /* it is no longer to be settled: another epoch or status than ours */
};

/*
 * Stores the split (block_split, block_credit), posts share-out, and finishes the block, which must
 * be assigned or processing and of EPOCH.
 *
 * DB_DUPLICATE and DB_REFUSED mean that the books contradict the block: it was split or posted
 * before, or its reward is not there to be split. Nothing was done then. DB_UNCERTAIN: call it
 * again later.
 *
 * The journal's events are share-out "ID.EPOCH", and when there are too many miners for one
 * (posting.h) also "ID.EPOCH.2" and so on, each with its part of the credits and the same amount of
 * unshared.
 */
enum db_result settle_share_out(struct db *db, const struct settlement *s, enum settled *ret);

/* The chain no longer shows the block as the pool's: makes it stale and takes its reward back
 * (block-orphaned). NOTE says why. */
enum db_result settle_stale(struct db *db, const struct settlement *s, const char *note,
                            enum settled *ret);

#endif
