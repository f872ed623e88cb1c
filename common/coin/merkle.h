/* The merkle branch of a block's first transaction: what turns a coinbase's id into the root, while
 * all others stay as they are. All hashes in internal order. */
#ifndef PENSTOCK_COMMON_COIN_MERKLE_H
#define PENSTOCK_COMMON_COIN_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#define MERKLE_MAX_BRANCH 17 /* for BLOCK_MAX_TX transactions */

/* IDS are those of the N transactions behind the coinbase, at most BLOCK_MAX_TX - 1; they are
 * overwritten. Returns the number of hashes in BRANCH. */
size_t merkle_branch(uint8_t (*ids)[32], size_t n, uint8_t branch[MERKLE_MAX_BRANCH][32]);

/* The root over a first transaction of this ID. */
void merkle_fold(const uint8_t id[32], const uint8_t (*branch)[32], size_t n, uint8_t root[32]);

#endif
