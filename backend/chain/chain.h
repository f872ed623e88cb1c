/*
 * One network's chain: what its wallets know, when the pool saw each tip, and the rules of its
 * family.
 *
 * To add a family: one file that fills a struct chain_ops (family.h), one row in the table of
 * chain.c, one name in backend/conf.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_CHAIN_H
#define PENSTOCK_BACKEND_CHAIN_CHAIN_H

#include "backend/conf/settings.h"
#include "backend/share/share.h"
#include "common/base/histogram.h"
#include "common/db/db.h"

/* CHAIN_HOLD: a wallet or the database is away or not to be believed just now. Nobody's fault:
 * wait and call again; chain_error() says what it is. */
enum chain_result { CHAIN_OK, CHAIN_HOLD };

struct chain;

/* Reads password files; connects to nothing. NULL, with a reason in ERR. CONF must outlive it. */
struct chain *chain_open(const struct backend_conf *conf, const struct backend_network *net,
                         char *err, size_t err_size);
void chain_close(struct chain **c);
const char *chain_error(const struct chain *c);

/* Chooses the wallet to judge by: the first, in the order of priority, that answers, is fit and
 * does not lag behind. Looks at its tip, and records in the database when it was first seen. */
enum chain_result chain_refresh(struct chain *c, struct db *db);

/* The same without recording anything, for those who only look. */
enum chain_result chain_look(struct chain *c, struct db *db);

/* Looks at wallets that are not in use, now and then: are they back, do they know a higher block?
 * For the time between batches; takes a second per silent wallet at most. */
void chain_tend(struct chain *c);

/* Applies the family's rules to those of SHARES that are open, after a successful refresh. On
 * CHAIN_OK each is accepted, rejected, or (only if it may wait) parked; after CHAIN_HOLD some may
 * be, and the others are still open. */
enum chain_result chain_check(struct chain *c, struct db *db, struct share **shares, size_t n);

/* Submits every one of SHARES that is a block to all wallets of the network. Needs no database and
 * no verdict. CHAIN_HOLD: at least one has not been taken by any wallet (CANDIDATE_WAITING). */
enum chain_result chain_submit(struct chain *c, struct share **shares, size_t n);

/* Adds the proof of work, as claimed and as true, to those of SHARES that are of jobs and have none
 * yet. Where the family makes no jobs, they stay without. */
void chain_hash_jobs(struct chain *c, struct share **shares, size_t n);

/* Does the header alone say that S, hashed, is a block of the network? Then the rest of it is worth
 * a look before chain_submit(). */
bool chain_claims_block(const struct chain *c, const struct share *s);

/* For each wallet of the network, in the order of priority: how long it took to answer, and how
 * often it did not. From any thread. */
typedef void chain_wallet_fn(void *ctx, const char *wallet, const struct value_histogram *latency,
                             uint64_t failures);
void chain_each_wallet(const struct chain *c, chain_wallet_fn *fn, void *ctx);

#endif
