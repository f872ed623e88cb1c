/*
 * The payout schemes: what each miner's shares weigh for a block. All is read from what the
 * database keeps, and read again gives the same, as long as the shares are there.
 *
 *   PROP   the shares that are assigned to the block.
 *   PPLNS  the last shares until their difficulty reaches the window's; the oldest is counted with
 * the part that is still inside. Last are the block's own shares, by (received_at, message_id),
 * then those of the pool block before it, and so on: a share that came late, and was assigned to
 * the next block, stands with that block. A young pool whose shares do not fill the window yet
 * splits by what there is. Without a window (the chain did not tell the difficulty): PROP. SOLO the
 * miner who found the block. When that is not known: PROP.
 *
 * Weights are sums of the shares' difficulties; with equal targets that is the number of shares.
 * Shares of what is no miner of the network weigh nothing: no worker records such, but a row in
 * `worker` is a frontend's word.
 *
 * Memory: one credit per miner, and one slice of at most SCHEME_SLICE shares (more only where one
 * microsecond has more).
 */
#ifndef PENSTOCK_BACKEND_LEDGER_SCHEME_H
#define PENSTOCK_BACKEND_LEDGER_SCHEME_H

#include "backend/conf/settings.h"
#include "backend/ledger/split.h"
#include "common/db/db.h"

#define SCHEME_SLICE 20000

struct scheme_block {
    const char *network;
    uint64_t id;
    uint64_t height;
    bool has_finder;
    struct uuid finder;
};

struct weights {
    enum payout_scheme scheme; /* the one that was followed */
    weight_t wanted;           /* PPLNS: the window's difficulty */
    struct credit *credit;     /* one per miner, by id; amounts are 0 */
    size_t n;
    uint64_t shares; /* sum over the credits */
    weight_t weight; /* likewise */
};

/* The difficulty of a PPLNS window: PERCENT hundredths of the block's, rounded down. */
weight_t scheme_window(uint64_t difficulty, int64_t percent);

/* Fills *RET, which weights_free() frees whatever the result. WANTED is for PPLNS. */
enum db_result scheme_weights(struct db *db, const struct scheme_block *block,
                              enum payout_scheme scheme, weight_t wanted, struct weights *ret);
void weights_free(struct weights *w);

/* --- for tests --- */

/* Adds what one miner has; ids may repeat until weights_merge(), which sums them up and sorts. */
void weights_add(struct weights *w, const struct uuid *miner, uint64_t shares, weight_t weight);
void weights_merge(struct weights *w);

#endif
