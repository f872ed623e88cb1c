#include "backend/job/make.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/coin/writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* merkle_branch() overwrites the ids. */
static void make_branch(const struct block_template *t, struct job *job)
{
    const size_t n = t->tx_n;
    uint8_t(*ids)[32] = mem_zalloc((n + 1) * sizeof(*ids));

    if (n > 0)
        memcpy(ids, t->tx_id, n * sizeof(*ids));
    job->branch_n = merkle_branch(ids, n, job->branch);
    free(ids);
}

bool job_make(const struct block_template *t, const struct job_plan *plan, struct job *ret,
              char *err, size_t err_size)
{
    struct job job = {
        .made_us = clock_real_us(),
        .height = t->height,
        .version = t->version,
        .bits = t->bits,
        .time = t->time,
        .min_time = t->min_time,
        .prev = t->prev,
        .value = t->value,
        .transactions = t->tx_n,
    };
    struct coinbase_plan coinbase = {
        .height = t->height,
        .extranonce_size = JOB_EXTRANONCE,
        .flags = {t->flags, t->flags_len},
        .tag = {(const uint8_t *)plan->tag, strlen(plan->tag)},
        .payee = plan->payee,
        .value = t->value,
        .commitment = {t->commitment, t->commitment_len},
    };

    assert(strlen(plan->network) <= JOB_MAX_NETWORK);
    memcpy(job.network, plan->network, strlen(plan->network) + 1);
    uuid_v7(&job.id);
    /* the random end of the id */
    coinbase.front = (struct span){job.id.b + sizeof(job.id.b) - JOB_OWN_BYTES, JOB_OWN_BYTES};
    if (!coinbase_build(&coinbase, &job)) {
        snprintf(err, err_size, "the wallet's %zu bytes of coinbaseaux and the tag do not fit",
                 t->flags_len);
        return false;
    }
    make_branch(t, &job);
    *ret = job;
    return true;
}

/* BIP 144: marker and flag behind the version, the witness in front of the locktime. The witness of
 * a coinbase is one item of 32 bytes, by convention zeros (BIP 141). */
static bool add_coinbase(const struct job *job, const uint8_t *extranonce, struct buf *b)
{
    static const uint8_t marker[2] = {0x00, 0x01}, witness[34] = {0x01, 0x20};
    struct buf plain = BUF_INIT(JOB_MAX_COINBASE_ALL);
    bool ok = job_coinbase(job, extranonce, &plain) && plain.len > 8;

    if (ok && !job->witness)
        ok = buf_add(b, plain.data, plain.len);
    else if (ok)
        ok = buf_add(b, plain.data, 4) && buf_add(b, marker, sizeof(marker)) &&
             buf_add(b, plain.data + 4, plain.len - 8) && buf_add(b, witness, sizeof(witness)) &&
             buf_add(b, plain.data + plain.len - 4, 4);
    buf_free(&plain);
    return ok;
}

bool job_block(const struct job *job, const struct job_body *body, const uint8_t *header,
               const uint8_t *extranonce, struct buf *b)
{
    static const uint8_t has_mweb = 1;

    return buf_add(b, header, HEADER_SIZE) &&
           write_compact_size(b, 1 + (uint64_t)job->transactions) &&
           add_coinbase(job, extranonce, b) &&
           buf_add(b, body->transactions.p, body->transactions.len) &&
           (body->mweb.len == 0 ||
            (buf_add(b, &has_mweb, 1) && buf_add(b, body->mweb.p, body->mweb.len)));
}
