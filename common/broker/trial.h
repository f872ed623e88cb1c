/*
 * Trying what an account may not do, in forms that do no harm even where it may: for checks of the
 * broker's permissions.
 */
#ifndef PENSTOCK_COMMON_BROKER_TRIAL_H
#define PENSTOCK_COMMON_BROKER_TRIAL_H

#include "common/broker/broker.h"

enum broker_act {
    BROKER_CONSUME, /* with an argument that no consumer may have: the right is looked at first */
    BROKER_GET,     /* give a QUEUE that does not exist: a real one would lend its first message */
    BROKER_PURGE,   /* likewise: a real one would be emptied */
    BROKER_DECLARE, /* actively, as an exclusive queue, which no existing QUEUE of another is */
    BROKER_DELETE,  /* give a QUEUE that does not exist */
    BROKER_BIND,    /* give a binding that exists already */
    BROKER_PUBLISH, /* inside a transaction that is rolled back */
};

struct broker_trial {
    enum broker_act act;
    const char *queue, *exchange, *routing_key; /* those that the act needs */
};

/* BROKER_OK: the broker answered, with the reply code *RET_CODE: 403 when this account may not do
 * that; 0 when it was done; any other says that it may, and why it was not done all the same.
 * Else it could not be asked. */
enum broker_result broker_try(struct broker *b, const struct broker_trial *t, int *ret_code);

#endif
