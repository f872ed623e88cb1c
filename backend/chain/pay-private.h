/* What the files of pay share; to add a family: fill in a struct pay_ops, and add its row in the
 * table of pay.c. */
#ifndef PENSTOCK_BACKEND_CHAIN_PAY_PRIVATE_H
#define PENSTOCK_BACKEND_CHAIN_PAY_PRIVATE_H

#include "backend/chain/family.h"
#include "backend/chain/pay.h"
#include "common/base/fault.h"

/* NULL for what the family does not have. */
struct pay_ops {
    const char *family;
    enum pay_result (*build)(struct payer *p, struct pay_order *order, struct pay_built *ret);
    enum pay_result (*lock)(struct payer *p, const struct tx_outpoint *input, size_t n);
    enum pay_result (*broadcast)(struct payer *p, const uint8_t *raw, size_t len,
                                 const struct u256 *txid);
    enum pay_result (*spent)(struct payer *p, const struct tx_outpoint *input, size_t n,
                             bool *ret_spent);
    enum pay_result (*send)(struct payer *p, const char *address, int64_t amount,
                            const char *comment, bool receiver_pays, struct u256 *ret_txid);
    enum pay_result (*search)(struct payer *p, const char *comment, int64_t since_s,
                              struct pay_found *ret);
};

extern const struct pay_ops pay_bitcoin_ops, pay_biblepay_ops;

struct payer {
    const struct pay_ops *ops;
    struct chain *chain;
    struct wallet *wallet;
    struct address_rules rules;
    char *passphrase; /* NULL: none is set */
    char error[PAY_ERROR_MAX];
};

/* JSON-RPC errors of Bitcoin's descendants. */
enum {
    WALLET_TYPE = -3,
    WALLET_FAILED = -4,
    WALLET_NO_SUCH = -5, /* address, transaction */
    WALLET_NO_FUNDS = -6,
    WALLET_PARAMETER = -8,
    WALLET_LOCKED = -13,
    TX_MISSING_INPUTS = -25,
    TX_REJECTED = -26,
    TX_IN_CHAIN = -27,
    NO_METHOD = -32601,
};

/* Performs N calls, and says what is the worst result. */
enum rpc_result pay_ask(struct payer *p, struct rpc_call *calls, size_t n);

/* For PAY_ASK: what a fault made of the calls becomes the result of each. Returns WORST. */
enum rpc_result pay_asked(struct rpc_call *calls, size_t n, enum rpc_result worst);

/* The same as a fault point; each call's own result is in CALLS. */
#define PAY_ASK(NAME, P, CALLS, N)                                                                 \
    pay_asked(CALLS, N, FAULT_CALL(NAME, pay_ask(P, CALLS, N), RPC_UNCERTAIN, RPC_UNAVAILABLE))

/* Notes why, and returns RESULT. */
enum pay_result pay_because(struct payer *p, enum pay_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For a call that changes nothing, and did not bring what it should: PAY_NOT_DONE. */
enum pay_result pay_no_answer(struct payer *p, const struct rpc_call *call);

/* A JSON amount of coins, such as 50 or "0.001", in base units; its sign is dropped. */
bool pay_amount(const json_t *x, int64_t *ret);
/* The same as text, exactly. */
#define PAY_AMOUNT_SIZE 32
void pay_format_amount(int64_t amount, char out[PAY_AMOUNT_SIZE]);

/* For the moment of signing: opens a wallet that is encrypted and locked. *RET_RELOCK: pay_close()
 * must follow. PAY_DONE or PAY_NOT_DONE. */
enum pay_result pay_unlock(struct payer *p, bool *ret_relock);
void pay_relock(struct payer *p);

#endif
