/*
 * A job: what miners search in, made from a wallet's block template by penstock-jobs, kept in the
 * table `job` and published to the exchange penstock.jobs. With an extranonce, a time and a nonce
 * of the miner's it becomes a block header; with the transactions, which are kept beside it, a
 * block.
 *
 * A job on another PREV than the one before makes all earlier ones stale: whoever gets jobs
 * compares, so that none has to be seen for that to be known.
 *
 * The coinbase is COINBASE1, the extranonce, COINBASE2, without witness. Each job has bytes of its
 * own in COINBASE1, so that equal extranonces of two jobs are not the same search.
 */
#ifndef PENSTOCK_COMMON_WORK_JOB_H
#define PENSTOCK_COMMON_WORK_JOB_H

#include "common/base/buf.h"
#include "common/base/uuid.h"
#include "common/coin/block.h"
#include "common/coin/merkle.h"

#define JOB_VERSION          1
#define JOB_EXCHANGE         "penstock.jobs" /* the routing key is "job." and the network */
#define JOB_MAX_NETWORK      32
#define JOB_MAX_COINBASE     1024 /* bytes of each part */
#define JOB_MAX_EXTRANONCE   16
#define JOB_MIN_EXTRANONCE   4
#define JOB_MAX_TEXT         (16 * 1024)
#define JOB_MAX_DEPTH        3
#define JOB_MAX_TEXT_VALUES  (64 + MERKLE_MAX_BRANCH)
#define JOB_MAX_HEIGHT       0x7fffffff
#define JOB_MAX_COINBASE_ALL (2 * JOB_MAX_COINBASE + JOB_MAX_EXTRANONCE)

struct job_bytes {
    uint8_t b[JOB_MAX_COINBASE];
    size_t len;
};

struct job {
    struct uuid id;
    char network[JOB_MAX_NETWORK + 1];
    int64_t made_us; /* real time */
    uint32_t height; /* of the block to be found; 1 or more */
    uint32_t version, bits;
    uint32_t time, min_time; /* seconds since the epoch; a block's may be neither below MIN_TIME nor
                                far above the present */
    struct u256 prev;        /* display order */
    uint64_t value;          /* subsidy and fees, in base units: what the coinbase pays */
    uint32_t transactions;   /* besides the coinbase */
    bool witness;            /* the block's coinbase has a witness */
    size_t extranonce_size;
    struct job_bytes coinbase1, coinbase2;
    size_t branch_n;
    uint8_t branch[MERKLE_MAX_BRANCH][32]; /* internal order */
};

/* As JSON: kept in the database, and published. Appends to B; it fits into JOB_MAX_TEXT. */
void job_encode(const struct job *job, struct buf *b);

/* NULL and *RET filled in, or what is wrong with TEXT (static). Every member is checked for its
 * bounds; that it is a good job, only its maker knows. Members that it does not know are ignored.
 */
const char *job_decode(const char *text, size_t len, struct job *ret);

/* The coinbase with EXTRANONCE (extranonce_size bytes), without witness, appended to B: at most
 * JOB_MAX_COINBASE_ALL bytes. False when B is too small. */
bool job_coinbase(const struct job *job, const uint8_t *extranonce, struct buf *b);

/* The merkle root in internal order of the block with this extranonce. */
void job_merkle_root(const struct job *job, const uint8_t *extranonce, uint8_t root[32]);

/* The id of the work (table `work`) in which a header with this root is searched for: a UUID whose
 * 122 bits besides version and variant are those of the root's first 16 bytes. Whoever has a header
 * finds its work by it; that the whole root is the work's own, the worker sees from job and
 * extranonce. The version is 4 (random), which these bits look like: MariaDB's type UUID refuses
 * some values of version 8. */
void job_work_id(const uint8_t root[32], struct uuid *ret);

/* The header to be hashed. */
void job_header(const struct job *job, const uint8_t *extranonce, uint32_t time, uint32_t nonce,
                uint8_t header[HEADER_SIZE]);

#endif
