/*
 * One solution under judgement: what the miner claims, what the pool knows, and the verdict.
 *
 * A share is filled in by steps, each of which only reads what the earlier ones wrote:
 *   share_init()      what can be decoded from the message alone, without its block
 *   share_lookup()    (lookup.h) what the database knows: settled before, hash known, work, miner
 *   share_receive()   (received.h) the received time that counts
 *   share_check()     the rules that hold for every chain, in the order of one table
 *   chain_check()     (backend/chain/chain.h) the rules of the chain's family
 *   share_record()    (record.h) the transaction
 */
#ifndef PENSTOCK_BACKEND_SHARE_SHARE_H
#define PENSTOCK_BACKEND_SHARE_SHARE_H

#include "backend/conf/settings.h"
#include "common/base/uuid.h"
#include "common/coin/block.h"
#include "common/message/solution.h"
#include "common/work/job.h"

#define DETAIL_MAX 160 /* column rejected.detail */
#define ANSWER_MAX 80  /* column block_candidate.answer */

/* Why a solution is refused; the names are those of the protocol document, section 4, and our own
 * for shares of jobs. */
enum reason {
    REASON_NONE,
    REASON_KNOWN,
    REASON_UNKNOWN_WORK,
    REASON_WORK_MISMATCH,
    REASON_MINER_DISABLED,
    REASON_WORK_EXPIRED,
    REASON_TARGET_EXCEEDED,
    REASON_TRANSACTION_INVALID,
    REASON_HEADER_TIME,
    REASON_BLOCK_MISMATCH,
    REASON_TAMPERED,
    REASON_HASH_WRONG,
    REASON_WALLET_OUTDATED,
    REASON_CPID_INVALID,
    REASON_CPID_ILLEGAL,
    REASON_JOB_UNKNOWN,
    REASON_JOB_MISMATCH,
    REASON_STALE,
    REASONS
};
const char *reason_name(enum reason reason);

enum share_state {
    SHARE_OPEN,     /* not judged yet */
    SHARE_ACCEPTED, /* to be recorded as a share */
    SHARE_REJECTED, /* to be recorded with REASON and DETAIL */
    SHARE_PARKED,   /* cannot be judged yet: its parent block may still arrive */
    SHARE_CREDITED, /* a former delivery of the same message is recorded as a share */
    SHARE_REFUSED,  /* a former delivery of the same message is recorded as rejected */
};

/* Could this solution be a block of the chain, and what became of it? */
enum candidate_state {
    CANDIDATE_UNSEEN,  /* not looked at yet */
    CANDIDATE_NONE,    /* it is none */
    CANDIDATE_WAITING, /* it is one, and no wallet has answered yet */
    CANDIDATE_ORPHAN,  /* no wallet that answered knows its parent; it may still arrive */
    CANDIDATE_ON_CHAIN,
    CANDIDATE_SIDE_CHAIN,
    CANDIDATE_REFUSED,
};

#define WORK_ADDRESS_MAX 90  /* column miner.address */
#define WORK_WORKER_MAX  256 /* column worker.name: 64 characters */

/* What the database knows of the work that the solution names. */
struct work {
    bool found; /* in the solution's network */
    uint64_t worker_id;
    struct uuid miner_id;
    bool miner_disabled;
    struct u256 target;
    int64_t created_us;
    bool of_job; /* it was handed out from job JOB_ID, with EXTRANONCE in its coinbase */
    struct uuid job_id;
    uint8_t extranonce[JOB_MAX_EXTRANONCE];
    size_t extranonce_len;
    char address[WORK_ADDRESS_MAX + 1]; /* of the miner; with the worker's name for the archive */
    char worker[WORK_WORKER_MAX + 1];
};

/* What the database knows of a share's job. */
struct share_job {
    bool found; /* in the share's network, and the work's extranonce fits it */
    uint32_t height, version, bits, min_time;
    struct u256 prev;
    uint8_t root[32]; /* of the work's extranonce; internal order */
};

struct share {
    const struct solution_message *msg;
    bool redelivered;
    bool of_job; /* found in a job: nothing but a header was sent */

    /* decoded by share_init() */
    bool has_pow_hash, has_work_id, has_header;
    struct u256 pow_hash; /* as claimed; of a job's share the true one, which chain_hash() adds */
    struct uuid work_id;
    uint8_t header_bytes[HEADER_SIZE];
    struct header header;
    uint32_t day; /* header time / 86400 */

    /* from the database */
    struct work work;
    struct share_job job; /* with of_job */
    bool known;           /* another message with this hash is credited */

    bool received_set;
    int64_t received_us; /* see received.h */
    struct u256 target;  /* the harder of the work's and the pool's limit; of a job's block that
                            misses it, the block's: what the share is credited by */

    /* decoded by share_decode_block(); of a job's share put together by share_take_block() */
    uint8_t *block_bytes;  /* block, then transaction */
    struct text block_hex; /* the same as it is submitted */
    char *own_hex;         /* block_hex of a job's share */
    enum parse_result block_result, transaction_result;
    struct block block;    /* valid when block_result is PARSE_OK */
    struct tx transaction; /* valid when transaction_result is PARSE_OK */
    bool has_true_hash;    /* TRUE_HASH was computed */
    struct u256 true_hash; /* proof of work of the header */
    enum candidate_state candidate;
    char answer[ANSWER_MAX + 1]; /* the wallet's words to the candidate */

    bool may_park;   /* set by the caller: chain_check() may park it when a wallet fails on it */
    bool may_wait;   /* set by the caller: chain_check() may park it until its parent is known */
    bool unanswered; /* it is parked because a wallet failed on it */
    enum share_state state;
    enum reason reason;
    char detail[DETAIL_MAX + 1];
};

/* MSG must outlive S. Nothing in the message can make it fail. */
void share_init(struct share *s, const struct solution_message *msg, bool redelivered);
/* The share of a job: HEADER is all that was sent. Its proof of work is not computed yet. */
void share_init_job(struct share *s, const struct solution_message *msg,
                    const uint8_t header[HEADER_SIZE], bool redelivered);
void share_clear(struct share *s);

/* Decodes block_hex and transaction_hex once; looks at the results in S. */
void share_decode_block(struct share *s);

/* The block that a job's share makes, malloc'd: S takes it over, and what it decodes to is in S. */
void share_take_block(struct share *s, uint8_t *block, size_t len);
/* It is settled what became of it: gives its memory back. block.hash stays. */
void share_drop_block(struct share *s);

/* Does its hash meet the target that its own header states, *RET? */
bool share_meets_header(const struct share *s, struct u256 *ret);

/* What a job's share has to meet, and is credited by: OF_WORK, or, when it misses that and is a
 * block of the network all the same, the network's target: it shows no more work than that, and a
 * frontend in enemy hands may have written any target into the work. */
struct u256 share_job_target(const struct share *s, const struct u256 *of_work);

/* The height of its block, as that says itself; -1 when it does not. */
int64_t share_height(const struct share *s);

/* Refuses S. The detail is for people: printable ASCII, cut at DETAIL_MAX. */
void share_reject(struct share *s, enum reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies TEXT to OUT (SIZE bytes) as printable ASCII, '?' for the rest, cut to fit. */
void printable_copy(char *out, size_t size, const char *text);

/* The rules that hold for every chain, on an open share with its work looked up and its received
 * time set. True when S is still open. */
bool share_check(struct share *s, const struct backend_network *net);

/* The part of these rules for a job's share that only needs its job, and the target set. */
void share_check_header(struct share *s, const struct backend_network *net);

/* Orders by network-wide identity (pow_hash, day); 0 for two claims of the same share. */
int share_cmp_key(const struct share *a, const struct share *b);

#endif
