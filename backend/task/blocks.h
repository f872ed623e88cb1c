/*
 * Rows of table `block`: how find-blocks keeps them as the chain has them.
 *
 * open -> assigned -> processing -> finished, or stale, is the other tasks' way. Here a row is
 * made, becomes orphaned when its block is no longer on the chain, and open again when it is back.
 * Every change says which state it starts from, so that of two programs one wins.
 */
#ifndef PENSTOCK_BACKEND_TASK_BLOCKS_H
#define PENSTOCK_BACKEND_TASK_BLOCKS_H

#include "backend/chain/blocks.h"
#include "backend/task/task.h"

struct stored_block {
    uint64_t id;
    int64_t height;
    struct u256 hash;
    char status[16]; /* as in the column */
    bool pool_block;
    bool paid; /* it was finished once: its money belongs to the miners, come what may */
    uint64_t epoch;
    uint64_t subsidy;
};

/* The stored blocks of the chain from height MOST downwards, at most N. */
enum db_result blocks_top(struct db *db, const char *network, int64_t most,
                          struct stored_block *ret, size_t n, size_t *ret_n);

/* Those of the pool that share-out found missing on the chain, at most N, lowest first. */
enum db_result blocks_stale(struct db *db, const char *network, struct stored_block *ret, size_t n,
                            size_t *ret_n);

/* What became of a block that was to be stored. */
enum block_store {
    BLOCK_NEW,
    BLOCK_BACK,  /* it had been orphaned */
    BLOCK_THERE, /* it was there already: another run was faster */
    BLOCK_TAKEN, /* another block of this height counts as the chain's: the chain changed */
};

/* Stores B; in one transaction with what the ledger has to say of a pool block. MARK_PROCESSED: a
 * pool block that another installation pays; it is finished at once, and the ledger is not told. */
enum db_result block_store(struct db *db, const char *network, const struct chain_block *b,
                           bool mark_processed, enum block_store *ret);

/* It lost: orphaned, and what the ledger said of it reversed, unless it was paid already: then
 * payouts are frozen (*RET_FROZEN). *RET_DONE is false when its state was not as in B any more:
 * another program changed it, and nothing was done. */
enum db_result block_orphan(struct db *db, const char *network, const struct stored_block *b,
                            bool *ret_done, bool *ret_frozen);

/* It is on the chain after all. *RET_DONE as above. */
enum db_result block_reopen(struct db *db, const char *network, const struct stored_block *b,
                            bool *ret_done);

/* Takes the shares off every orphaned or stale block that was not paid, so that the next block gets
 * them. */
enum db_result blocks_release_shares(struct db *db, const char *network, uint64_t *ret_shares);

#endif
