/*
 * What the chain says of its blocks, for the tasks that follow it. To be asked after a chain_look()
 * or chain_refresh(), whose wallet answers: it is in sync, has peers and does not lag behind.
 * CHAIN_HOLD: it did not answer, or not soundly; chain_error() has the reason.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_BLOCKS_H
#define PENSTOCK_BACKEND_CHAIN_BLOCKS_H

#include "backend/chain/chain.h"
#include "common/coin/address.h"

#define BLOCK_VERSION_TEXT 32 /* column block.version_text */

struct chain_block {
    int64_t height;
    struct u256 hash;
    bool has_prev; /* the wallet says which block it stands on */
    struct u256 prev;
    int64_t time;        /* of the header, seconds; chosen by the miner */
    int64_t version;     /* of the header; 0: not told */
    uint64_t difficulty; /* expected hashes of the network target; 0: not told */
    char version_text[BLOCK_VERSION_TEXT + 1];

    /* The one whom most of the coinbase's value goes to; "" when its script has no address. It is
     * the pool when its addresses, current and former ones, get more than half: less may be a
     * stranger's trick to have shares counted for a worthless block. */
    char recipient[ADDRESS_MAX_TEXT + 1];
    bool pool_block;
    bool has_subsidy; /* false: the wallet did not tell; nothing may be concluded */
    uint64_t subsidy; /* what the recipient gets, base units */
    bool has_finder;
    struct uuid finder; /* the miner's id as the coinbase names it: anyone can write any */
};

/* The height of the tip. */
int64_t chain_height(const struct chain *c);

/* The hash of the block at HEIGHT on the active chain. *RET_FOUND is false beyond the tip. This is
 * the test for a lost block: it differs (wallet.md A.5). */
enum chain_result chain_hash_at(struct chain *c, int64_t height, bool *ret_found, struct u256 *ret);

/* Is block HASH of HEIGHT on the active chain, and how many blocks deep (1: it is the tip)? 0 when
 * it is not. */
enum chain_result chain_confirmations(struct chain *c, int64_t height, const struct u256 *hash,
                                      int64_t *ret);

/* The block at HEIGHT, which is at most the tip's. */
enum chain_result chain_block_at(struct chain *c, int64_t height, struct chain_block *ret);

/* ADDRESS is the pool's: the current one, or a former one, whether its time is over or not. */
bool chain_is_pool_address(const struct backend_network *net, const char *address);

#endif
