/* What a miner's password asks for (stratum.md 1.5.2): a difficulty, or bounds for it. */
#ifndef PENSTOCK_FRONTEND_GETWORK_WISH_H
#define PENSTOCK_FRONTEND_GETWORK_WISH_H

#include "common/coin/difficulty.h"

#include <stdbool.h>

#define WISH_MAX_TOKENS 16 /* of a password are looked at */

enum wish_kind { WISH_FIXED, WISH_START, WISH_MIN, WISH_MAX, WISH_KINDS };

struct wishes {
    bool given[WISH_KINDS];
    struct difficulty value[WISH_KINDS];
};

/* Tokens between blanks, commas and semicolons:
 *
 *   d=N diff=N -d N --diff N              WISH_FIXED
 *   sd=N start=N --start-diff N           WISH_START
 *   md=N mindiff=N --min-diff N           WISH_MIN
 *   maxd=N maxdiff=N --max-diff N         WISH_MAX
 *
 * in any case; N is decimal ("512", "0.5", "1e3"), also behind a '=' of an option, or at once
 * behind -d. Of two of a kind the last one holds. What is anything else, is 0, or no number, is
 * passed over by itself; there is no failure. */
void wish_parse(const char *password, size_t len, struct wishes *ret);

#endif
