/* The parts of the bitcoin family (Litecoin, Bitcoin, Dogecoin, …). For bitcoin*.c and tests. */
#ifndef PENSTOCK_BACKEND_CHAIN_BITCOIN_H
#define PENSTOCK_BACKEND_CHAIN_BITCOIN_H

#include "backend/chain/family.h"
#include "backend/chain/parent.h"
#include "common/coin/address.h"

/* A script that a coinbase may pay, and until when (exclusive). */
struct pool_script {
    struct script script;
    int64_t until_us;
};

#define RECENT_BLOCKS 64

struct bitcoin {
    const struct pow_algorithm *pow;
    struct address_rules rules;
    size_t scripts_n;
    struct pool_script *scripts;       /* the current address first */
    struct u256 recent[RECENT_BLOCKS]; /* blocks that are known to be on the chain */
    size_t recent_next;
};

int64_t bitcoin_subsidy(const struct backend_network *net, int64_t height);

/* Does every output with a value go to the pool, by an address that is valid at TIME_US? Their sum
 * in *RET_SUM. NULL, or a static text saying what is wrong. */
const char *bitcoin_pays_pool(const struct bitcoin *b, const struct tx *coinbase, int64_t time_us,
                              int64_t *ret_sum);

/* The rules that need neither the wallet nor the proof of work, in the order of one table. Leaves S
 * open or refuses it. P is what the tip table knows of the parent. */
void bitcoin_rules(struct chain *c, struct share *s, const struct parent *p);

/* Computes the proof of work of those of SHARES that lack it. All have a header. */
void bitcoin_hash(const struct bitcoin *b, struct share **shares, size_t n);

/* *RET_FOUND is false when the wallet does not know the block; *RET_CONFIRMATIONS is below 1 when
 * the block is not on its chain. False, without a result, when it did not answer; the error is in
 * C. */
bool bitcoin_block_header(struct chain *c, struct wallet *w, const struct u256 *hash,
                          bool *ret_found, int64_t *ret_height, int64_t *ret_confirmations);

enum chain_result bitcoin_block(struct chain *c, struct wallet *w, struct chain_block *ret);
/* Recipient and subsidy. False when the outputs exceed what can be. */
bool bitcoin_read_coinbase(const struct bitcoin *b, const struct tx *coinbase,
                           struct chain_block *ret);

enum chain_result bitcoin_check(struct chain *c, struct db *db, struct share **shares, size_t n);
enum chain_result bitcoin_submit(struct chain *c, struct share **shares, size_t n);
bool bitcoin_claims_block(const struct chain *c, const struct share *s);
void bitcoin_hash_jobs(struct chain *c, struct share **shares, size_t n);

#endif
