#include "frontend/getwork/say.h"

#include "common/base/hex.h"
#include "frontend/getwork/getwork.h"
#include "frontend/web/jsonw.h"

#include <string.h>

#define ANSWER_END ",\"error\":null,\"id\":%s}\n"

void say_work(struct buf *out, const char *id, const struct handout *h)
{
    char data[GETWORK_DATA_LEN + 1], target[GETWORK_TARGET_LEN + 1];

    getwork_data(h->header, data);
    getwork_target(&h->target, target);
    buf_addf(out, "{\"result\":{\"data\":\"%s\",\"target\":\"%s\"}" ANSWER_END, data, target, id);
}

void say_bool(struct buf *out, const char *id, bool result)
{
    buf_addf(out, "{\"result\":%s" ANSWER_END, result ? "true" : "false", id);
}

void say_word(struct buf *out, const char *id, const char *word)
{
    const char *quote = word ? "\"" : "";

    buf_addf(out, "{\"result\":%s%s%s" ANSWER_END, quote, word ? word : "null", quote, id);
}

void say_error(struct buf *out, const char *id, int code, const char *message)
{
    struct jsonw j = JSONW_INIT(out);

    buf_addf(out, "{\"result\":null,\"error\":{\"code\":%d,", code);
    jsonw_text(&j, "message", message);
    buf_addf(out, "},\"id\":%s}\n", id);
}

void say_longpollid(const struct job *job, char ret[SAY_LONGPOLLID_SIZE])
{
    u256_to_hex(&job->prev, ret);
}

/* --- getblocktemplate --- */

static bool add_hex(struct buf *out, const uint8_t *data, size_t len)
{
    char hex[2 * 4096 + 1];

    while (len > 0) {
        size_t n = len < 4096 ? len : 4096;

        hex_encode(data, n, hex);
        if (!buf_add(out, hex, 2 * n))
            return false;
        data += n;
        len -= n;
    }
    return true;
}

static void internal_hex(const uint8_t id[32], char ret[65])
{
    struct u256 display;

    u256_reverse(id, &display);
    u256_to_hex(&display, ret);
}

static bool add_transaction(struct buf *out, const struct tx *tx, const uint8_t txid[32])
{
    char id[65], hash[65];
    uint8_t whole[32];

    sha256d(tx->raw.p, tx->raw.len, whole);
    internal_hex(whole, hash);
    internal_hex(txid, id);
    return buf_addf(out, "{\"data\":\"") && add_hex(out, tx->raw.p, tx->raw.len) &&
           buf_addf(out, "\",\"txid\":\"%s\",\"hash\":\"%s\"}", id, hash);
}

/* An id is the wallet's word where the job has it: that of a HogEx is no hash of its bytes. */
static bool add_transactions(struct buf *out, const struct job *job, const struct say_body *body)
{
    const bool given = body->txids.len > 0;
    size_t pos = 0;
    struct tx tx;

    if (given && body->txids.len != (size_t)job->transactions * 32)
        return false;
    for (uint32_t i = 0; i < job->transactions; i++) {
        struct u256 internal;

        if (!tx_next(body->transactions, &pos, &tx) || (i > 0 && !buf_addf(out, ",")))
            return false;
        u256_reverse(tx.txid.be, &internal);
        if (!add_transaction(out, &tx, given ? body->txids.p + 32 * (size_t)i : internal.be))
            return false;
    }
    return pos == body->transactions.len;
}

static bool add_coinbase(struct buf *out, const struct job *job, const struct handout *h)
{
    struct buf coinbase = BUF_INIT(JOB_MAX_COINBASE_ALL);
    bool good = job_coinbase(job, h->extranonce, &coinbase) &&
                add_hex(out, (const uint8_t *)coinbase.data, coinbase.len);

    buf_free(&coinbase);
    return good;
}

static bool add_head(struct buf *out, const struct job *job, const struct handout *h)
{
    char prev[65], target[65], work_id[UUID_TEXT_LEN + 1];

    u256_to_hex(&job->prev, prev);
    u256_to_hex(&h->target, target);
    uuid_format(&h->work_id, work_id);
    return buf_addf(
        out,
        "{\"result\":{\"capabilities\":[\"coinbasetxn\",\"workid\"],\"version\":%lu,"
        "\"rules\":[\"segwit\"],\"previousblockhash\":\"%s\",\"height\":%lu,\"bits\":\"%08lx\","
        "\"curtime\":%lu,\"mintime\":%lu,\"noncerange\":\"00000000ffffffff\",\"target\":\"%s\","
        "\"mutable\":[\"time\",\"submit/coinbase\"],\"workid\":\"%s\"",
        (unsigned long)job->version, prev, (unsigned long)job->height, (unsigned long)job->bits,
        (unsigned long)h->time, (unsigned long)job->min_time, target, work_id);
}

/* Both or neither: a miner that has an id and no URI waits where it asked. */
static bool add_longpoll(struct buf *out, const struct job *job, const char *uri)
{
    struct jsonw j = JSONW_INIT(out);
    char id[SAY_LONGPOLLID_SIZE];

    say_longpollid(job, id);
    if (!buf_addf(out, ",\"longpollid\":\"%s\",", id))
        return false;
    jsonw_text(&j, "longpolluri", uri);
    return !j.full;
}

bool say_template(struct buf *out, const char *id, const struct job *job, const struct handout *h,
                  const struct say_body *body, const char *longpoll_uri)
{
    return add_head(out, job, h) && (!longpoll_uri || add_longpoll(out, job, longpoll_uri)) &&
           buf_addf(out, ",\"coinbasetxn\":{\"data\":\"") && add_coinbase(out, job, h) &&
           buf_addf(out, "\"},\"transactions\":[") && add_transactions(out, job, body) &&
           buf_addf(out, "]}" ANSWER_END, id);
}
