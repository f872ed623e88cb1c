/*
 * Posting to the ledger: events of double entry, each posted once, through the procedure
 * post_journal (sql/ledger.sql), which refuses whatever does not sum to zero.
 *
 * Signs: what the pool owes is above zero, what it owns below. All calls belong into a
 * db_transact(), in which also the row changes that the event is about (a block's status, a
 * payout): both are committed or neither, so dying between two statements leaves nothing.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_POSTING_H
#define PENSTOCK_BACKEND_LEDGER_POSTING_H

#include "common/base/uuid.h"
#include "common/db/db.h"

#include <stdint.h>

enum account_kind {
    ACCOUNT_MINER,
    ACCOUNT_POOL_FEE,
    ACCOUNT_UNSHARED,
    ACCOUNT_IN_FLIGHT,
    ACCOUNT_NETWORK_FEE,
    ACCOUNT_IMMATURE,
    ACCOUNT_MATURE,
    ACCOUNT_COLD,
    ACCOUNT_ADJUSTMENT,
    ACCOUNT_KINDS
};

/* As in the column account.kind. */
const char *account_kind_name(enum account_kind kind);

/* Most lines of one event: its text stays far below the server's max_allowed_packet, and its time
 * below query_timeout_ms. What needs more posts several events. */
#define POSTING_LINES_MAX 5000

struct posting; /* one event being put together */

/* KIND at most 24 characters, REF at most 64; (KIND, REF) names the event for ever, of all
 * networks. NOTE (at most 160) is what miner and operator read. */
struct posting *posting_new(const char *network, const char *kind, const char *ref,
                            const char *note);
void posting_free(struct posting **p);

/* Adds a line. MINER is NULL but for ACCOUNT_MINER. An amount of 0 adds nothing. */
void posting_add(struct posting *p, enum account_kind kind, const struct uuid *miner,
                 int64_t amount);

size_t posting_lines(const struct posting *p);

/*
 * Posts it. An event without lines is DB_OK and posts nothing.
 *
 *   DB_OK         posted, if the transaction commits
 *   DB_DUPLICATE  (KIND, REF) was posted before, by this program or another; nothing was done, and
 * the transaction may go on. The caller knows whether that is fine. DB_REFUSED    the procedure
 * does not take it: the lines do not sum to zero, a miner is unknown or of another network, an
 * account that may not would fall below zero. db_error() says which. Never repeat it: the program
 * or the books are wrong. others        as from db_exec()
 */
enum db_result posting_post(struct db *db, const struct posting *p);

/* --- the events of a block, "BLOCKID.EPOCH" --- */

#define BLOCK_REF_MAX 40

void posting_block_ref(uint64_t block_id, uint64_t epoch, char out[BLOCK_REF_MAX + 1]);

/* block-found: the wallet has SUBSIDY more, immature, and nobody has got it yet. */
enum db_result posting_block_found(struct db *db, const char *network, uint64_t block_id,
                                   uint64_t epoch, uint64_t height, uint64_t subsidy);

/* block-orphaned: the reverse, for a block that was found and not shared out. DB_DUPLICATE: it has
 * been reversed already. */
enum db_result posting_block_orphaned(struct db *db, const char *network, uint64_t block_id,
                                      uint64_t epoch, uint64_t height, uint64_t subsidy);

#endif
