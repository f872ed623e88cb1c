/*
 * Are payouts of a network frozen? The newest row of payout_freeze says so. Whatever finds an
 * invariant of money broken freezes the network and thereby calls a human; only a human thaws it
 * (penstockctl payouts thaw). Mining, splitting and following what was sent go on.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_FREEZE_H
#define PENSTOCK_BACKEND_LEDGER_FREEZE_H

#include "common/db/db.h"

#define FREEZE_REASON_MAX 255
#define FREEZE_WHO_MAX    128

struct freeze {
    bool frozen;
    char reason[FREEZE_REASON_MAX + 1]; /* of the newest row; "" when there is none */
};

enum db_result freeze_read(struct db *db, const char *network, struct freeze *ret);

/* Freezes; nothing happens when it is so already. WHO: the human who does, "" for a program. REASON
 * is cut to its room. Logged as an error, `payouts.frozen`: that is the page. */
enum db_result freeze_set(struct db *db, const char *network, const char *who, const char *reason);

#endif
