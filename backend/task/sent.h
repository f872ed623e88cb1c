/* What the network's wallet sent, and no payout knows. For audit and find-payouts. */
#ifndef PENSTOCK_BACKEND_TASK_SENT_H
#define PENSTOCK_BACKEND_TASK_SENT_H

#include "backend/chain/holdings.h"
#include "backend/task/task.h"

/* Calls FN for each transaction that took coins from W within the last DAYS (and since the pool's
 * first block: what the wallet did before is not the pool's), that was not given up, and belongs
 * neither to a payout of any network nor to an adjustment that the operator booked under its txid.
 * TASK_DONE, or what a wallet or database that is away means for the run: not all were seen then.
 */
typedef enum db_result sent_unknown_fn(void *ctx, const struct sent_tx *tx);
enum task_result sent_unknown_each(struct task_run *run, struct wallet *w, int64_t days,
                                   sent_unknown_fn *fn, void *ctx);

#endif
