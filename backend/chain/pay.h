/*
 * Paying from a wallet, for both families. Only penstock-task links this.
 *
 * A family either builds transactions, which are stored before they are sent (bitcoin), or can only
 * be told to send (biblepay), which is recognised afterwards by its comment. payer_builds() says
 * which; the functions of the other kind must not be called.
 *
 * Wallets are asked one by one and never twice for the same thing: what becomes of an unclear
 * answer is for the caller, who has the database.
 */
#ifndef PENSTOCK_BACKEND_CHAIN_PAY_H
#define PENSTOCK_BACKEND_CHAIN_PAY_H

#include "backend/chain/chain.h"
#include "common/coin/address.h"
#include "common/coin/block.h"

#define COIN_DECIMALS   8
#define PAY_OUTPUTS_MAX 1000
#define PAY_INPUTS_MAX  2000
#define PAY_ERROR_MAX   256

enum pay_result {
    PAY_DONE,
    PAY_NOT_DONE,  /* nothing has happened: the wallet is away, not fit, or has no funds. Try later
                    */
    PAY_UNCERTAIN, /* it may have been done */
    PAY_REFUSED,   /* nothing has happened, and the same again will not be taken either */
};

struct payer;

/* The wallet named LABEL, or with NULL the network's first one, which is the one that pays. NULL,
 * with a reason in ERR, when there is none of that name or its passphrase file is unusable. CHAIN
 * must outlive it. */
struct payer *payer_open(struct chain *chain, const char *label, char *err, size_t err_size);
void payer_close(struct payer **p);

const char *payer_wallet(const struct payer *p); /* the name of its wallet */
const char *payer_error(const struct payer *p);  /* why the last call was not PAY_DONE */
bool payer_builds(const struct payer *p);

/* Can the wallet be believed now: has it peers, is it in step with them, and not behind SEEN, the
 * greatest height the pool knows? PAY_DONE or PAY_NOT_DONE. */
enum pay_result payer_fit(struct payer *p, int64_t seen);

struct pay_funds {
    int64_t spendable, immature;
};
enum pay_result payer_funds(struct payer *p, struct pay_funds *ret);

/* Which of N addresses can be paid: valid by the network's prefixes, and by the wallet. RET_OK has
 * N elements. PAY_DONE or PAY_NOT_DONE. */
enum pay_result payer_payable(struct payer *p, const char *const *addresses, size_t n,
                              bool *ret_ok);

struct pay_output {
    const char *address;
    int64_t amount;       /* taken from the receiver's account */
    struct script script; /* filled in */
    int64_t received;     /* filled in: what arrives */
};

struct pay_order {
    struct pay_output *output;
    size_t n;
    bool receiver_pays; /* the fee, in equal parts */
    int64_t fee_max;
    int64_t fee_rate; /* per 1000 virtual bytes; 0: the wallet's choice */
};

/* --- families that build --- */

struct pay_built {
    uint8_t *raw;
    size_t raw_len;
    struct u256 txid;
    int64_t fee;
    struct tx_outpoint *input;
    size_t inputs;
};
void pay_built_free(struct pay_built *built);

/* Builds and signs, and checks the signed bytes by our own parser: every output, what returns to
 * the wallet, the fee. Sends nothing, locks no coins, so a result that is not stored leaves nothing
 * behind. PAY_REFUSED: these outputs will not do (an amount is too small, the fee too high). */
enum pay_result payer_build(struct payer *p, struct pay_order *order, struct pay_built *ret);

/* What the signed TX must be: pays ORDER, the rest to CHANGE, with INPUT_SUM in its inputs and FEE
 * left over. NULL, with RECEIVED of each output filled in, or a static text saying what is wrong.
 * Public for its test. */
const char *pay_check_signed(const struct tx *tx, struct pay_order *order,
                             const struct script *change, int64_t input_sum, int64_t fee);

/* Keeps the wallet from spending these coins otherwise. It forgets that when it restarts. Coins
 * that it knows to be spent are passed over. PAY_DONE, PAY_NOT_DONE or PAY_UNCERTAIN. */
enum pay_result payer_lock(struct payer *p, const struct tx_outpoint *input, size_t n);

/* Hands the bytes to the network. PAY_DONE: it has them, or the block chain does. PAY_REFUSED: an
 * input is missing or spent by something else, as far as the wallet's node knows: payer_spent()
 * tells more. */
enum pay_result payer_broadcast(struct payer *p, const uint8_t *raw, size_t len,
                                const struct u256 *txid);

/* Is one of the inputs spent in the block chain while its own transaction is there? Only asked for
 * a transaction that the wallet does not know: then another one has spent it. PAY_DONE or
 * PAY_NOT_DONE. */
enum pay_result payer_spent(struct payer *p, const struct tx_outpoint *input, size_t n,
                            bool *ret_spent);

/* --- families that only send --- */

/* Sends AMOUNT to ADDRESS; COMMENT is kept by the wallet. PAY_DONE: *RET_TXID is its transaction.
 * PAY_REFUSED: the wallet said that it did not, and why. (Not believed: payer_search() first.) */
enum pay_result payer_send(struct payer *p, const char *address, int64_t amount,
                           const char *comment, bool receiver_pays, struct u256 *ret_txid);

struct pay_found {
    size_t n; /* different transactions with this comment */
    struct u256 txid;
    char address[ADDRESS_MAX_TEXT + 1];
    int64_t amount; /* what arrives */
};

/* All transactions with COMMENT that the wallet has sent since SINCE_S (its clock may be an hour
 * off). PAY_DONE: the search is complete. */
enum pay_result payer_search(struct payer *p, const char *comment, int64_t since_s,
                             struct pay_found *ret);

/* --- both --- */

enum pay_seen {
    PAY_UNKNOWN, /* the wallet has never heard of it */
    PAY_PENDING, /* in no block */
    PAY_MINED,
    PAY_CONFLICTED, /* a block holds another transaction that spends the same coin */
};

struct pay_look {
    enum pay_seen seen;
    int64_t confirmations; /* as the wallet counts them; below 0: of the other transaction */
    bool fee_known;
    int64_t fee;
};
enum pay_result payer_look(struct payer *p, const struct u256 *txid, struct pay_look *ret);

#endif
