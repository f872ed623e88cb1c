/*
 * Splitting a block's subsidy among miners: whole base units, parts that sum to the whole exactly,
 * and the same parts whenever it is done again with the same weights.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_SPLIT_H
#define PENSTOCK_BACKEND_LEDGER_SPLIT_H

#include "common/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a miner's shares weigh: the sum of their difficulties, a DECIMAL(30,0) in the database. */
typedef unsigned __int128 weight_t;

#define WEIGHT_TEXT_MAX 39                    /* digits of the largest weight_t */
#define WEIGHTS_MAX     ((weight_t)1 << 126)  /* the weights of one split sum to less */
#define AMOUNT_MAX      ((uint64_t)INT64_MAX) /* of base units, in the ledger's columns */
#define FEE_BP_MAX      10000                 /* hundredths of a percent */

/* Decimal digits, at least one and nothing else. False for anything else and beyond WEIGHTS_MAX. */
bool weight_parse(const char *text, weight_t *ret);
void weight_format(weight_t weight, char out[WEIGHT_TEXT_MAX + 1]);

/* What one miner gets of a block. */
struct credit {
    struct uuid miner;
    uint64_t shares;
    weight_t weight;
    uint64_t amount; /* base units */
};

/* The pool's part of SUBSIDY, rounded down. FEE_BP is at most FEE_BP_MAX. */
uint64_t split_fee(uint64_t subsidy, unsigned fee_bp);

enum split_result {
    SPLIT_OK,
    SPLIT_NOTHING, /* no weight at all: there is nobody to give it to */
    SPLIT_BEYOND,  /* AMOUNT is above AMOUNT_MAX, or the weights sum to WEIGHTS_MAX or more */
};

/*
 * Gives each of CREDITS its part of AMOUNT in proportion to its weight, rounded down; what is left
 * of the rounding goes, one unit each, to those with the largest remainders, and among equal
 * remainders to the smaller miner id (in the order of the id's bytes, which is that of its text). A
 * weight of 0 gets 0. The ids must differ; the order of CREDITS does not matter and stays. After
 * any other result than SPLIT_OK all amounts are 0.
 */
enum split_result split_amount(uint64_t amount, struct credit *credits, size_t n);

#endif
