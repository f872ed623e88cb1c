#include "backend/ledger/amount.h"

#include <inttypes.h>
#include <stdio.h>

#define UNITS_PER_COIN UINT64_C(100000000) /* 10 to the power of AMOUNT_DECIMALS */

void amount_format(int64_t amount, char out[AMOUNT_TEXT])
{
    uint64_t units = amount < 0 ? -(uint64_t)amount : (uint64_t)amount;

    snprintf(out, AMOUNT_TEXT, "%s%" PRIu64 ".%0*" PRIu64, amount < 0 ? "-" : "",
             units / UNITS_PER_COIN, AMOUNT_DECIMALS, units % UNITS_PER_COIN);
}
