/* From a template to a job, and from a job and what a miner found to a block. */
#ifndef PENSTOCK_BACKEND_JOB_MAKE_H
#define PENSTOCK_BACKEND_JOB_MAKE_H

#include "backend/job/coinbase.h"
#include "backend/job/template.h"

/* 8 bytes for whoever hands out searches to tell its miners apart, 4 for a miner's own counting. */
#define JOB_EXTRANONCE 12
#define JOB_OWN_BYTES  8 /* of the job's id, in front of the extranonce */

struct job_plan {
    const char *network;
    const struct script *payee;
    const char *tag; /* the pool's mark in its blocks; may be "" */
};

/* Fills in *RET; its id is fresh and its time that of the call. False, with a
 * reason in ERR, when the coinbase cannot hold the wallet's flags and the tag. */
bool job_make(const struct block_template *t, const struct job_plan *plan, struct job *ret,
              char *err, size_t err_size);

/* What is kept beside a job for its blocks. */
struct job_body {
    struct span transactions; /* job->transactions of them, one behind the other */
    struct span mweb;         /* of length 0: none */
    struct span txids;        /* 32 bytes for each, internal order; for miners, not for the block */
};

/* The block with HEADER and EXTRANONCE, as it is submitted, appended to B. False, with nothing
 * defined in B, when it is too small. */
bool job_block(const struct job *job, const struct job_body *body, const uint8_t *header,
               const uint8_t *extranonce, struct buf *b);

#endif
