/* Judging stored shares again, without a wallet and without what the pool knew at the time: for
 * audits. */
#ifndef PENSTOCK_BACKEND_CHAIN_VERIFY_H
#define PENSTOCK_BACKEND_CHAIN_VERIFY_H

#include "backend/chain/chain.h"

/* Can shares of C's family be judged by their blocks alone? */
bool chain_can_verify(const struct chain *c);

/* Applies to those of SHARES that are open every rule of the family that follows from the block
 * itself: proof of work, merkle root, recipient, fields. Those that break one become rejected, the
 * others stay open. Needs received_us and work.miner_id. */
void chain_verify(struct chain *c, struct share **shares, size_t n);

#endif
