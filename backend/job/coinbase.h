/* The coinbase of a job: who is paid, and the room in which miners search (BIP 34, 141; wallet.md
 * A.2). */
#ifndef PENSTOCK_BACKEND_JOB_COINBASE_H
#define PENSTOCK_BACKEND_JOB_COINBASE_H

#include "common/coin/address.h"
#include "common/work/job.h"

struct coinbase_plan {
    uint32_t height;
    struct span front; /* in front of the extranonce: what makes the job's search its own */
    size_t extranonce_size;
    struct span flags, tag;     /* behind it */
    const struct script *payee; /* gets all of VALUE */
    uint64_t value;
    struct span commitment; /* of length 0: none */
};

/* Fills in extranonce_size, coinbase1, coinbase2 and witness of JOB. False when the scriptSig would
 * be longer than COINBASE_MAX_SIG. */
bool coinbase_build(const struct coinbase_plan *plan, struct job *job);

/* The bytes of scriptSig left for front, flags and tag together at the greatest height. */
size_t coinbase_room(size_t extranonce_size);

#endif
