/*
 * What a stand-in for a BiblePay wallet does with coins: it sends, lists, and may be encrypted. No
 * I/O. A transaction is in the block behind the tip at which it was sent, and in none when that
 * block is cut off. Amounts are told as texts that start with '@'; the program tells them as
 * numbers.
 */
#ifndef PENSTOCK_TESTS_TOOLS_BIBLEPAY_MONEY_H
#define PENSTOCK_TESTS_TOOLS_BIBLEPAY_MONEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct sim_money {
    uint8_t address_version;
    int64_t balance, immature, fee; /* base units; FEE of each transaction */
    bool encrypted;
    int64_t unlocked_until; /* seconds; 0: locked */
    char passphrase[64];
    char own[64]; /* the address whose key it has; "": none */
    json_t *sent; /* oldest first */
};

void sim_money_init(struct sim_money *m, uint8_t address_version);
void sim_money_free(struct sim_money *m);

/* What tests may do to transaction TXID: another one took its coins, or did not after all; it was
 * never known. */
bool sim_money_conflict(struct sim_money *m, const char *txid, bool conflicted);
bool sim_money_forget(struct sim_money *m, const char *txid);

/* Is METHOD one of these? */
bool sim_money_knows(const char *method);

/* The result, or NULL with an error. TIP is the chain's height. */
json_t *sim_money_call(struct sim_money *m, int64_t tip, const char *method, const json_t *params,
                       int *ret_code, const char **ret_message);

#endif
