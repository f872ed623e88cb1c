/*
 * What pages, the API and monitoring read from the views site_*
 * (sql/migrations/0006_site_views.sql, 0007_watching.sql). Each function is one statement, bounded
 * in rows and in what it touches: sums by the minute or hour, and look-ups by index. Results are
 * DB_OK or what common/db/db.h says of a query.
 *
 * Lists call FN once a row; the texts in a row are valid during the call. False ends the list.
 * Times are the database's texts, in UTC; a time that is not there is NULL. NOW_S is the time, in
 * seconds since the epoch. Amounts are base units. Rates are per second, over whole minutes that
 * have passed.
 */
#ifndef PENSTOCK_FRONTEND_READ_READ_H
#define PENSTOCK_FRONTEND_READ_READ_H

#include "common/coin/address.h"
#include "common/db/db.h"
#include "frontend/web/query.h"

#define READ_TIME_SIZE    32
#define READ_HASH_SIZE    65
#define READ_MAX_ROWS     20000 /* of any list that is not paged */
#define READ_RATE_MINUTES 10    /* a rate "now" is that of the last so many minutes */
#define READ_HOURS        25    /* of a worker: the current hour and the 24 before it */

/* --- the chain and the pool as a whole (pool.c, blocks.c) --- */

struct read_terms {
    bool known;      /* the backend has told them (terms.c) */
    char scheme[17]; /* "prop", "pplns", "solo"; a newer backend may know others */
    int64_t fee_bp, minimum_payout;
};
enum db_result read_terms(struct db *db, const char *network, struct read_terms *ret);

struct read_pulse {
    double hash_rate, shares_per_second;
    uint64_t miners, workers; /* that sent something in this hour or the one before */
};
enum db_result read_pulse(struct db *db, const char *network, int64_t now_s,
                          struct read_pulse *ret);

struct read_chain {
    bool known; /* some block is stored */
    uint64_t height;
    double difficulty, hash_rate;    /* of the network: expected hashes; over the last blocks */
    char last_block[READ_TIME_SIZE]; /* its chain time; "" when there is none */
};
enum db_result read_chain(struct db *db, const char *network, struct read_chain *ret);

struct read_totals {
    uint64_t confirmed, pending,
        lost;                        /* blocks of the pool: split up; not yet; stale or orphaned */
    uint64_t paid;                   /* in payouts that were sent */
    char last_block[READ_TIME_SIZE]; /* when the pool's last block was found; "": never */
};
enum db_result read_totals(struct db *db, const char *network, struct read_totals *ret);

/* Blocks of the chain in the last DAYS days, by their own time, and those of the pool among them.
 */
struct read_days {
    uint64_t blocks, pool_blocks, pool_subsidy;
};
enum db_result read_days(struct db *db, const char *network, uint64_t days, struct read_days *ret);

struct read_block {
    uint64_t height, subsidy;
    double difficulty;
    const char *hash, *status, *chain_time, *created_at;
    const char *finder; /* NULL: not known */
};
typedef bool read_block_fn(void *ctx, const struct read_block *b);
/* The pool's, the highest first. */
enum db_result read_blocks(struct db *db, const char *network, const struct page *page,
                           read_block_fn *fn, void *ctx);

/* Blocks of the pool by what has become of them; rewards in base units, difficulties in expected
 * hashes. */
struct read_block_sum {
    uint64_t blocks, subsidy;
    double difficulty;
};
struct read_block_sums {
    struct read_block_sum split, pending, lost; /* as in struct read_totals */
};
enum db_result read_block_sums(struct db *db, const char *network, struct read_block_sums *ret);

/* The pool's blocks of the last DAYS days that stand in the chain. */
enum db_result read_found(struct db *db, const char *network, uint64_t days,
                          struct read_block_sum *ret);

/* What the newest block that pays anything pays to who finds it; 0: not known. */
enum db_result read_subsidy(struct db *db, const char *network, uint64_t *ret);

struct read_hour {
    uint64_t hour; /* since the epoch */
    uint64_t shares, rejected, miners, workers, blocks, pool_blocks;
    double difficulty; /* sum over the shares: hashes that were expected for them */
};
typedef bool read_hour_fn(void *ctx, const struct read_hour *h);
/* From FROM_HOUR on, the earliest first. */
enum db_result read_hours(struct db *db, const char *network, uint64_t from_hour, read_hour_fn *fn,
                          void *ctx);

#define READ_FINE_MINUTES 120 /* how far back read_fine() and read_miner_fine() go */
#define READ_FINE_STEP    5   /* minutes that one of their rows sums up */

struct read_fine {
    uint64_t minute; /* since the epoch: the first of the READ_FINE_STEP */
    uint64_t shares;
    double difficulty;
};
typedef bool read_fine_fn(void *ctx, const struct read_fine *f);
/* The earliest first; steps in which nothing came are left out. It reads READ_FINE_MINUTES rows for
 * each worker: for pools of up to some thousand workers. */
enum db_result read_fine(struct db *db, const char *network, int64_t now_s, read_fine_fn *fn,
                         void *ctx);

struct read_miner_rate {
    const char *address;
    double hash_rate, shares_per_second;
};
typedef bool read_miner_rate_fn(void *ctx, const struct read_miner_rate *m);
/* Those at work, the fastest first; their rates are since the last full hour began. */
enum db_result read_miner_rates(struct db *db, const char *network, int64_t now_s,
                                const struct page *page, read_miner_rate_fn *fn, void *ctx);

/* --- one miner, by its canonical address (miner.c) --- */

struct read_miner {
    bool known, disabled;
    bool earned; /* was ever credited anything: else there are neither credits nor payments */
    int64_t balance;
    uint64_t minimum_payout; /* 0: the network's */
    char created_at[READ_TIME_SIZE];
};
enum db_result read_miner(struct db *db, const char *network, const char *address,
                          struct read_miner *ret);

/* As read_fine(), of one miner: for some dozens of workers. */
enum db_result read_miner_fine(struct db *db, const char *network, const char *address,
                               int64_t now_s, read_fine_fn *fn, void *ctx);

struct read_worker_hour {
    uint64_t hour, shares, rejected;
    const char *name;
    double difficulty;
};
typedef bool read_worker_hour_fn(void *ctx, const struct read_worker_hour *h);
/* The last READ_HOURS hours, by hour and name; for downloads: 25 rows for each worker. */
enum db_result read_worker_hours(struct db *db, const char *network, const char *address,
                                 int64_t now_s, read_worker_hour_fn *fn, void *ctx);

#define READ_BUSIEST 100
/* The same of the READ_BUSIEST workers that did the most in them. */
enum db_result read_busiest_hours(struct db *db, const char *network, const char *address,
                                  int64_t now_s, read_worker_hour_fn *fn, void *ctx);

/* What a miner's page shows: read from sums by the miner, which are as old as the last roll-stats;
 * rates are those of then. */
struct read_worker_day {
    const char *name;
    uint64_t last_minute;      /* of its last share, since the epoch; 0: never */
    uint64_t shares, rejected; /* in the current hour and the 24 before it */
    double difficulty;         /* sum over these shares */
    double hash_rate, shares_per_second;
};
typedef bool read_worker_day_fn(void *ctx, const struct read_worker_day *w);
/* All of the miner's, by name. */
enum db_result read_worker_days(struct db *db, const char *network, const char *address,
                                read_worker_day_fn *fn, void *ctx);

/* The same of all workers together. */
struct read_worker_sums {
    uint64_t workers, active; /* all there are; those with shares */
    uint64_t shares, rejected;
    double difficulty, hash_rate;
};
enum db_result read_worker_sums(struct db *db, const char *network, const char *address,
                                struct read_worker_sums *ret);

#define READ_MAX_REJECTS 500
struct read_reject {
    const char *worker;
    const char *reason; /* as frontend/read/reason.h has words for */
    uint64_t rejected;
};
typedef bool read_reject_fn(void *ctx, const struct read_reject *r);
/* Rejections of the same hours by worker and reason, the most frequent first, at most
 * READ_MAX_REJECTS. */
enum db_result read_rejects(struct db *db, const char *network, const char *address,
                            read_reject_fn *fn, void *ctx);

struct read_miner_hour {
    uint64_t hour, shares, rejected, workers;
    double difficulty;
};
typedef bool read_miner_hour_fn(void *ctx, const struct read_miner_hour *h);
/* All workers together, from FROM_HOUR on, the earliest first. Hours without any are left out. */
enum db_result read_miner_hours(struct db *db, const char *network, const char *address,
                                uint64_t from_hour, read_miner_hour_fn *fn, void *ctx);

struct read_earning {
    const char *date; /* "2026-01-31" */
    uint64_t amount;
};
typedef bool read_earning_fn(void *ctx, const struct read_earning *e);
#define READ_MAX_CREDITS 5000 /* that are summed up */
/* What the miner was credited by day, the last one first: whole days of its last READ_MAX_CREDITS
 * credits. */
enum db_result read_earnings(struct db *db, const char *network, const char *address,
                             const struct page *page, read_earning_fn *fn, void *ctx);

struct read_credit {
    uint64_t height, shares, amount;
    const char *created_at;
};
typedef bool read_credit_fn(void *ctx, const struct read_credit *c);
/* The miner's part of each block that was split up, the last one first. */
enum db_result read_credits(struct db *db, const char *network, const char *address,
                            const struct page *page, read_credit_fn *fn, void *ctx);

struct read_change {
    int64_t amount;
    const char *kind, *note, *created_at;
};
typedef bool read_change_fn(void *ctx, const struct read_change *c);
/* What changed the miner's balance, the last one first. */
enum db_result read_changes(struct db *db, const char *network, const char *address,
                            const struct page *page, read_change_fn *fn, void *ctx);

/* --- payments (payments.c) --- */

struct read_payment {
    const char *address, *status, *created_at, *sent_at;
    const char *txid; /* NULL: not known yet */
    uint64_t amount;
    int64_t confirmations;
};
typedef bool read_payment_fn(void *ctx, const struct read_payment *p);
/* The last one first; ADDRESS NULL: of all miners. */
enum db_result read_payments(struct db *db, const char *network, const char *address,
                             const struct page *page, read_payment_fn *fn, void *ctx);

struct read_paid {
    uint64_t total, today;
    char last[READ_TIME_SIZE]; /* "": never */
    char last_txid[READ_HASH_SIZE];
};
/* What the miner was paid, as far as it was sent. */
enum db_result read_paid(struct db *db, const char *network, const char *address,
                         struct read_paid *ret);

/* --- the books (books.c) --- */

struct read_account {
    const char *kind; /* as in the ledger's table `account` (sql/migrations/0005_money.sql) */
    int64_t balance;  /* what the pool owes is positive, what it holds negative */
    uint64_t accounts;
};
typedef bool read_account_fn(void *ctx, const struct read_account *a);
/* One row for each kind of account. */
enum db_result read_ledger(struct db *db, const char *network, read_account_fn *fn, void *ctx);

struct read_audit {
    const char *created_at, *outcome;
    int64_t owed, held;
    bool asked; /* the wallet: else HELD is not known */
};
typedef bool read_audit_fn(void *ctx, const struct read_audit *a);
/* The last one first. */
enum db_result read_audits(struct db *db, const char *network, const struct page *page,
                           read_audit_fn *fn, void *ctx);

struct read_freeze {
    bool frozen; /* nothing is paid until a human has looked */
    char since[READ_TIME_SIZE];
};
enum db_result read_freeze(struct db *db, const char *network, struct read_freeze *ret);

#endif
