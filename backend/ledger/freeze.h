/*
 * Are payouts of a network frozen? The newest row of payout_freeze says so. Whatever finds an
 * invariant of money broken freezes the network and thereby calls a human; only a human thaws it
 * (penstockctl payouts thaw). Mining, splitting and following what was sent go on.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_FREEZE_H
#define PENSTOCK_BACKEND_LEDGER_FREEZE_H

#include "common/db/db.h"

#define FREEZE_REASON_MAX 255

struct freeze {
    bool frozen;
    char reason[FREEZE_REASON_MAX + 1]; /* of the newest row; "" when there is none */
};

enum db_result freeze_read(struct db *db, const char *network, struct freeze *ret);

/* Freezes or thaws; nothing happens when it is so already. REASON is cut to its room. Freezing is
 * logged as an error, `payouts.frozen`: that is the page. */
enum db_result freeze_set(struct db *db, const char *network, bool frozen, const char *reason);

#endif
