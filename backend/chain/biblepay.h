/*
 * The parts of the biblepay family. For biblepay*.c and tests.
 *
 * What is relied on, beside the wallet calls of the protocol document, section 5:
 *
 * A block starts with the usual 80 bytes of header. Its transactions are Bitcoin's, or carry the
 * texts that BiblePay adds to outputs (TX_BIBLEPAY); either way the header's merkle root vouches
 * for them, so nobody shows one coinbase and mines another.
 *
 * The header's hash is X11 on BiblePay's chain, which only the wallet computes. So block_hash is
 * tied to the header by the `biblehash` that hexblocktocoinbase computes from the block itself, on
 * top of the wallet's tip: on that tip it must be what `exec biblehash` says for block_hash. A
 * block of the plain Bitcoin form has the double SHA-256 as its hash, and no wallet is needed.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_BIBLEPAY_H
#define PENSTOCK_BACKEND_CHAIN_BIBLEPAY_H

#include "backend/chain/block_rules.h"

#define BLOCK_TIMES_KEPT 64

/* `exec pinfo`: the largest nonce grows by 256 a second, is 512 at least, and anything goes after
 * half an hour. */
#define PINFO_PER_S   256
#define PINFO_LEAST   512
#define PINFO_FREE    999999999
#define PINFO_FREE_S  1800
#define PINFO_SLACK_S 5 /* between the clocks of frontend, wallet and worker */

/* What a wallet said last of its tip. */
struct wallet_info {
    int64_t asked_us; /* real time, just before it was asked */
    struct u256 tip;
    int64_t height, pinfo;
    int64_t elapsed; /* seconds since the tip; -1: it did not say */
};

/* How many questions share a request. A wallet is asked one by one at first, and in larger and
 * larger batches as long as it answers quickly; one that fails on a batch, singly for a while. */
struct pace {
    size_t batch;         /* 0: as 1 */
    int64_t singly_until; /* monotonic ms */
};

struct block_time {
    struct u256 hash;
    int64_t time;
};

struct biblepay {
    struct wallet_info *info;                 /* by the wallet's place in c->wallets */
    struct pace *pace;                        /* likewise */
    struct block_time time[BLOCK_TIMES_KEPT]; /* these never change */
    size_t times_next;
};

/* A share under judgement. */
struct claim {
    struct share *s;
    struct parent parent;
    uint64_t block_time, prev_time, prev_height, nonce; /* the fields, once the rules read them */
    bool has_block_hash;                                /* hexblocktocoinbase said `biblehash` */
    struct u256 block_pow_hash;                         /* that */
};

/* The wallet's latest word; valid after a refresh. */
const struct wallet_info *biblepay_info(const struct chain *c, const struct wallet *w);

struct pace *biblepay_pace(const struct chain *c, const struct wallet *w);

bool biblepay_tip(struct chain *c, struct wallet *w, int64_t timeout_ms, struct tip *ret, char *why,
                  size_t why_size);

/* The chain time of block HASH, as far as a wallet has told it. */
bool biblepay_time_of(const struct biblepay *b, const struct u256 *hash, int64_t *ret);
void biblepay_keep_time(struct biblepay *b, const struct u256 *hash, int64_t time);

/* The rules that need no wallet, in the order of one table. */
void biblepay_rules(struct chain *c, struct claim *claim);

/* The last rules: prev_block_time, nonce, and height as of the receipt. INFO is younger than every
 * share. */
void biblepay_last_rules(struct chain *c, struct claim *claim, const struct wallet_info *info);

/* The largest nonce that was allowed at RECEIVED_US on the block at PREV_HEIGHT, whose chain time
 * is PARENT_TIME (-1: unknown). INFO was asked for later. */
int64_t biblepay_nonce_limit(const struct wallet_info *info, int64_t prev_height,
                             int64_t parent_time, int64_t received_us);

/* Ask c->best about the open ones of CLAIMS, and reject those that it refuses. Those on which it
 * fails are parked, or, where they may not be, the result is CHAIN_HOLD. */
enum chain_result biblepay_ask_hash(struct chain *c, struct claim *claims, size_t n);
enum chain_result biblepay_ask_coinbase(struct chain *c, struct claim *claims, size_t n);
/* That block_hash is the header's, where only the wallet can tell. */
enum chain_result biblepay_ask_header(struct chain *c, struct claim *claims, size_t n);
/* When was the parent of those made whose parent was not the tip under this process's eyes? */
enum chain_result biblepay_ask_time(struct chain *c, struct claim *claims, size_t n);
/* Is the parent of those whose parent the pool never saw as tip on the wallet's chain? */
enum chain_result biblepay_ask_parent(struct chain *c, struct claim *claims, size_t n);

/* What a complete answer says about a claim: NULL, with the share perhaps rejected; or what is
 * wrong with the answer itself. For tests. */
const char *biblepay_read_hash(struct chain *c, struct claim *claim, const json_t *reply);
const char *biblepay_read_coinbase(struct chain *c, struct claim *claim, const json_t *reply);

enum chain_result biblepay_block(struct chain *c, struct wallet *w, struct chain_block *ret);
/* NULL, or what is wrong with the wallet's answer. For tests. */
const char *biblepay_read_subsidy(const struct backend_network *net, const json_t *reply,
                                  struct chain_block *ret);
const char *biblepay_read_block(const json_t *reply, struct chain_block *ret);

enum chain_result biblepay_check(struct chain *c, struct db *db, struct share **shares, size_t n);
/* For chain_verify(): the same without what was true only when the share came. */
enum chain_result biblepay_verify(struct chain *c, struct db *db, struct share **shares, size_t n);

#endif
