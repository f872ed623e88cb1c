/* Templates of a hostile wallet, up to the block that is made of one. */
#include "backend/job/make.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_block(const struct block_template *t, const struct job *job)
{
    const struct job_body body = {.transactions = {t->tx_bytes, t->tx_len},
                                  .mweb = {t->mweb, t->mweb_len}};
    const uint8_t extranonce[JOB_EXTRANONCE] = {0};
    struct buf b = BUF_INIT(2 * BLOCK_MAX_BYTES + 4096);
    uint8_t header[HEADER_SIZE];
    struct tx coinbase;

    job_header(job, extranonce, job->time, 0, header);
    assert(job_block(job, &body, header, extranonce, &b));
    assert(b.len > t->tx_len + t->mweb_len);
    buf_clear(&b);
    assert(job_coinbase(job, extranonce, &b));
    assert(tx_parse((const uint8_t *)b.data, b.len, &coinbase) == PARSE_OK);
    assert(coinbase.is_coinbase && coinbase_height(&coinbase) == t->height);
    buf_free(&b);
}

static void check_text(const struct job *job)
{
    struct buf b = BUF_INIT(JOB_MAX_TEXT), again = BUF_INIT(JOB_MAX_TEXT);
    struct job got;

    job_encode(job, &b);
    assert(job_decode(b.data, b.len, &got) == NULL);
    job_encode(&got, &again);
    assert(b.len == again.len && memcmp(b.data, again.data, b.len) == 0);
    buf_free(&b);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct script payee = {{0x00, 0x14}, 22};
    static const struct job_plan plan = {"litecoin", &payee, "/penstock/"};
    json_t *reply = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    char err[128] = "";
    struct block_template *t = template_parse(reply, err, sizeof(err));
    struct job job;

    json_decref(reply);
    assert((t == NULL) == (err[0] != '\0'));
    if (t != NULL && job_make(t, &plan, &job, err, sizeof(err))) {
        check_block(t, &job);
        check_text(&job);
    }
    template_free(&t);
    return 0;
}
