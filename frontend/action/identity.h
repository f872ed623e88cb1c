/* The Miner header: ADDRESS[/WORKER[/EMAIL]]. */
#ifndef PENSTOCK_FRONTEND_ACTION_IDENTITY_H
#define PENSTOCK_FRONTEND_ACTION_IDENTITY_H

#include "common/coin/address.h"

#define WORKER_MAX_CHARS 64
#define EMAIL_MAX_BYTES  254

struct identity {
    char address[ADDRESS_MAX_TEXT + 1]; /* in its canonical spelling */
    char worker[4 * WORKER_MAX_CHARS + 1];
    char email[EMAIL_MAX_BYTES + 1]; /* "" when there is none that could be one */
};

/* False, with RET undefined, when the address is none of this chain or the worker's name is too
 * long, not UTF-8 or has control characters. What follows a third '/' is ignored. */
bool identity_parse(const struct address_rules *rules, const char *text, struct identity *ret);

#endif
