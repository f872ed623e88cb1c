/* Amounts for people: base units as coins, by integers alone. */
#ifndef PENSTOCK_BACKEND_LEDGER_AMOUNT_H
#define PENSTOCK_BACKEND_LEDGER_AMOUNT_H

#include <stdint.h>

#define AMOUNT_DECIMALS 8 /* of all families so far */
#define AMOUNT_TEXT     24

/* "12.50000000", "-0.00000001". */
void amount_format(int64_t amount, char out[AMOUNT_TEXT]);

#endif
