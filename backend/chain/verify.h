/* Judging stored shares again, without what the pool knew at the time: for audits. */
#ifndef PENSTOCK_BACKEND_CHAIN_VERIFY_H
#define PENSTOCK_BACKEND_CHAIN_VERIFY_H

#include "backend/chain/chain.h"

/* Applies to those of SHARES that are open every rule of the family that follows from the block
 * itself: proof of work, merkle root, recipient, fields. Those that break one become rejected, the
 * others stay open. Needs received_us and work.miner_id. A family whose proof of work only a wallet
 * computes asks one, and reads DB to choose it: CHAIN_HOLD when there is none to be believed, and
 * those that are open then may be anything. */
enum chain_result chain_verify(struct chain *c, struct db *db, struct share **shares, size_t n);

#endif
