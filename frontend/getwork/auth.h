/*
 * Who mines: HTTP's Basic authentication (RFC 7617), whose user is ADDRESS, ADDRESS.WORKER or
 * ADDRESS/WORKER and whose password holds wishes for the difficulty. Nobody has an account: an
 * address is all that is checked.
 */
#ifndef PENSTOCK_FRONTEND_GETWORK_AUTH_H
#define PENSTOCK_FRONTEND_GETWORK_AUTH_H

#include "common/coin/address.h"
#include "frontend/getwork/wish.h"

#define AUTH_MAX_TEXT   1024 /* bytes of the header that are read; a longer one is malformed */
#define AUTH_MAX_WORKER 16

struct auth {
    char address[ADDRESS_MAX_TEXT + 1]; /* in its canonical spelling */
    char worker[AUTH_MAX_WORKER + 1];   /* stratum.md 1.5.1: each run of what is no letter, digit,
                                           bracket or '_' is one '-', then cut; "Default": none */
    struct wishes wish;
};

enum auth_result {
    AUTH_OK,
    AUTH_MISSING,    /* no such header, or another scheme */
    AUTH_MALFORMED,  /* no base64 of USER:PASSWORD */
    AUTH_NO_ADDRESS, /* none of this chain */
};

/* HEADER is the value of "Authorization"; NULL: none. *RET is defined for AUTH_OK only. */
enum auth_result auth_parse(const struct address_rules *rules, const char *header,
                            struct auth *ret);

#endif
