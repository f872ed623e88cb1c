/*
 * Payouts: their state in the database, and what each change of it posts to the ledger.
 *
 *   intent -> sent       a wallet that only sends has done it (a search by the comment found it)
 *   stored -> sent       the network has the bytes
 *   sent -> confirmed    it has enough confirmations: payment-confirmed, sweep-confirmed
 *   stored, sent -> conflicted    another transaction spent its coins; and back when a
 *                        reorganisation undoes that
 *   intent, conflicted -> cancelled    it never was and never can be on the chain:
 *                        payment-cancelled, sweep-cancelled give back what was taken
 *
 * Each change is one transaction that names the state it starts from, so that of two programs one
 * makes it; what is posted with it is unique by the payout's id. A change that has been made
 * already is DB_OK and does nothing.
 *
 * Postings (what the pool owes is above zero, what it owns below):
 *   payment     miner -amount each, in_flight +what leaves the wallet, network_fee so that the fee
 *               shows: +fee -fee when the receivers bear it, -fee when the pool does
 *   payment-fee the same lines of the fee, where it was not known at once
 *               (of a sweep: cold +fee, network_fee -fee)
 *   sweep       in_flight +amount, cold -(amount - fee), network_fee -fee
 *   ...-confirmed   in_flight -, mature +: the wallet has so much less
 */
#ifndef PENSTOCK_BACKEND_LEDGER_PAYOUT_H
#define PENSTOCK_BACKEND_LEDGER_PAYOUT_H

#include "common/base/uuid.h"
#include "common/coin/address.h"
#include "common/coin/block.h"
#include "common/db/db.h"

#define PAYOUT_WALLET_MAX     64
#define PAYOUT_ANSWER_MAX     160
#define PAYOUT_REFUSED_PREFIX "refused: " /* of an answer */
#define PAYOUTS_AT_ONCE       1000        /* unfinished ones of a network that one run looks at */

enum payout_status {
    PAYOUT_INTENT,
    PAYOUT_STORED,
    PAYOUT_SENT,
    PAYOUT_CONFIRMED,
    PAYOUT_CONFLICTED,
    PAYOUT_CANCELLED
};
const char *payout_status_name(enum payout_status s);

/* A stored payout. */
struct payout {
    struct uuid id;
    char id_text[UUID_TEXT_LEN + 1];
    char network[33];
    bool is_sweep, pool_pays; /* POOL_PAYS: the fee; of a sweep never */
    enum payout_status status;
    char wallet[PAYOUT_WALLET_MAX + 1];
    bool has_txid;
    struct u256 txid;
    uint8_t *raw; /* NULL for an intent */
    size_t raw_len;
    int64_t amount;
    bool fee_known;
    int64_t fee;
    int64_t confirmations, attempts;
    int64_t created_s;                   /* real time */
    int64_t attempt_age_s, search_age_s; /* -1: never */
    bool refused;                        /* the last attempt, by the wallet's words */
};

struct payout_list {
    size_t n;
    struct payout *payout;
};
void payout_list_free(struct payout_list *list);

/* Those that are unfinished, oldest first. */
enum db_result payout_open(struct db *db, const char *network, struct payout_list *ret);
/* One by its id; ret->n is 0 when there is none. */
enum db_result payout_read(struct db *db, const struct uuid *id, struct payout_list *ret);

/* --- making one --- */

struct payout_item {
    struct uuid miner;
    uint64_t account;
    char address[ADDRESS_MAX_TEXT + 1];
    int64_t amount;
    bool received_known;
    int64_t received;
};

struct payout_draft {
    struct uuid id;
    const char *network, *wallet;
    bool is_sweep, pool_pays;
    struct payout_item *item; /* of a sweep: one of no miner and no amount, with the address */
    size_t items;
    int64_t amount;
    const uint8_t *raw; /* NULL: of a wallet that only sends, one item */
    size_t raw_len;
    const struct u256 *txid; /* NULL: an intent. Without RAW: it has been sent already */
    int64_t fee;             /* of what has a txid */
    const struct tx_outpoint *input;
    size_t inputs;
};

enum payout_stored {
    PAYOUT_IS_STORED,
    PAYOUT_COINS_TAKEN,  /* another payout spends one of the coins; nothing was stored */
    PAYOUT_BALANCE_LESS, /* a miner is owed less than the item says; nothing was stored */
    PAYOUT_NOT_STORED,   /* by *RET_DB; after DB_UNCERTAIN it may yet turn out to be stored, so this
                            run must not go on as if it were not */
};

/* The payout, its items, its coins and its posting, in one commit. Each miner's balance is made
 * what its entries say, under lock, and must cover the item. */
enum payout_stored payout_store(struct db *db, const struct payout_draft *draft,
                                enum db_result *ret_db);

/* --- changes --- */

enum db_result payout_mark_sent(struct db *db, const struct payout *p);
/* Of an intent that was found in the wallet. */
enum db_result payout_mark_found(struct db *db, const struct payout *p, const struct u256 *txid);
enum db_result payout_set_confirmations(struct db *db, const struct payout *p,
                                        int64_t confirmations);
/* The fee of a payout that had none: payment-fee. */
enum db_result payout_set_fee(struct db *db, const struct payout *p, int64_t fee);
enum db_result payout_confirm(struct db *db, const struct payout *p, int64_t confirmations);
enum db_result payout_mark_conflicted(struct db *db, const struct payout *p, int64_t confirmations);
enum db_result payout_unmark_conflicted(struct db *db, const struct payout *p);
/* Only for one that provably is not and will not be on the chain. */
enum db_result payout_cancel(struct db *db, const struct payout *p, const char *why);

/* Before an intent is sent: counts the attempt and starts its times anew. *RET_MINE is false when
 * somebody else has made an attempt since P was read. */
enum db_result payout_begin_attempt(struct db *db, const struct payout *p, bool *ret_mine);
/* A search after the last attempt found nothing; the first one's time is kept. */
enum db_result payout_note_search(struct db *db, const struct payout *p);
/* The wallet's last words, for people. REFUSED: it says that it did nothing, and would not. */
enum db_result payout_note_answer(struct db *db, const struct payout *p, bool refused,
                                  const char *answer);

/* --- questions --- */

/* The receiver of an intent or a sweep. */
enum db_result payout_address(struct db *db, const struct payout *p,
                              char ret[ADDRESS_MAX_TEXT + 1]);

/* All coins that unfinished payouts spend, of whichever network and wallet: two networks may share
 * a wallet, under one name or two. *RET is malloc'd. */
enum db_result payout_coins(struct db *db, struct tx_outpoint **ret, size_t *ret_n);

/* What payments of the last 24 hours took from accounts. */
enum db_result payout_sum_of_day(struct db *db, const char *network, int64_t *ret);

/* Is there an unfinished sweep? */
enum db_result payout_sweeping(struct db *db, const char *network, bool *ret);

/* What the ledger's entries say (not the cached balances): owed to miners, and owned in the hot
 * wallet without what is in flight. Reads all entries of these accounts. */
struct payout_books {
    int64_t owed, mature;
};
enum db_result payout_books(struct db *db, const char *network, struct payout_books *ret);

/* A miner that may be due, by its cached balance. */
struct payout_candidate {
    struct uuid miner;
    uint64_t account;
    char address[ADDRESS_MAX_TEXT + 1];
    int64_t cached, minimum;
};

/* The next at most N candidates behind the first SKIP of them, those first that have waited longest
 * since their last payment. Left out are miners that are disabled, below their minimum, or were
 * paid within INTERVAL_S. */
enum db_result payout_candidates(struct db *db, const char *network, int64_t minimum,
                                 int64_t interval_s, size_t skip, struct payout_candidate *ret,
                                 size_t n, size_t *ret_n);

/* What the entries of an account sum to, and what is cached, at one moment. */
enum db_result payout_true_balance(struct db *db, uint64_t account, int64_t *ret_true,
                                   int64_t *ret_cached);
enum db_result payout_correct_balance(struct db *db, uint64_t account);

#endif
