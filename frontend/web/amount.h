/* Amounts of a coin's base units, as people read them. Integers all the way. */
#ifndef PENSTOCK_FRONTEND_WEB_AMOUNT_H
#define PENSTOCK_FRONTEND_WEB_AMOUNT_H

#include <stdint.h>

#define AMOUNT_MAX_DECIMALS 18
#define AMOUNT_TEXT_SIZE    24 /* sign, 20 digits, point, NUL, and one to spare */

/* 150000000 with 8 decimals: "1.5"; zeros at the end are left out. */
void amount_text(int64_t units, unsigned decimals, char out[AMOUNT_TEXT_SIZE]);

#endif
