#include "common/work/job.h"

#include <assert.h>
#include <string.h>

bool job_coinbase(const struct job *job, const uint8_t *extranonce, struct buf *b)
{
    const size_t len = job->coinbase1.len + job->extranonce_size + job->coinbase2.len;

    return len <= b->max - b->len && buf_add(b, job->coinbase1.b, job->coinbase1.len) &&
           buf_add(b, extranonce, job->extranonce_size) &&
           buf_add(b, job->coinbase2.b, job->coinbase2.len);
}

void job_merkle_root(const struct job *job, const uint8_t *extranonce, uint8_t root[32])
{
    const struct span parts[] = {
        {job->coinbase1.b, job->coinbase1.len},
        {extranonce, job->extranonce_size},
        {job->coinbase2.b, job->coinbase2.len},
    };
    uint8_t id[32];

    sha256d_parts(parts, 3, id);
    merkle_fold(id, job->branch, job->branch_n, root);
}

void job_work_id(const uint8_t root[32], struct uuid *ret)
{
    memcpy(ret->b, root, sizeof(ret->b));
    ret->b[6] = (root[6] & 0x0f) | 0x40;
    ret->b[8] = (root[8] & 0x3f) | 0x80;
}

void job_header(const struct job *job, const uint8_t *extranonce, uint32_t time, uint32_t nonce,
                uint8_t header[HEADER_SIZE])
{
    struct header h = {.version = job->version,
                       .time = time,
                       .bits = job->bits,
                       .nonce = nonce,
                       .prev = job->prev};
    uint8_t root[32];

    job_merkle_root(job, extranonce, root);
    u256_reverse(root, &h.merkle_root);
    header_write(&h, header);
}
