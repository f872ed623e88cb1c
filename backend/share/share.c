#include "backend/share/share.h"

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const reason_names[] = {
    [REASON_NONE] = "none",
    [REASON_KNOWN] = "BibleHashAlreadyKnown",
    [REASON_UNKNOWN_WORK] = "UnknownWork",
    [REASON_WORK_MISMATCH] = "WorkMismatch",
    [REASON_MINER_DISABLED] = "MinerDisabled",
    [REASON_WORK_EXPIRED] = "WorkExpired",
    [REASON_TARGET_EXCEEDED] = "HashTargetExceeded",
    [REASON_TRANSACTION_INVALID] = "TransactionInvalid",
    [REASON_HEADER_TIME] = "HeaderTimeInvalid",
    [REASON_BLOCK_MISMATCH] = "BlockMismatch",
    [REASON_TAMPERED] = "TransactionTampered",
    [REASON_HASH_WRONG] = "BibleHashWrong",
    [REASON_WALLET_OUTDATED] = "Biblepayd_Outdated",
    [REASON_CPID_INVALID] = "Invalid_CPID",
    [REASON_CPID_ILLEGAL] = "Illegal_CPID",
    [REASON_JOB_UNKNOWN] = "JobUnknown",
    [REASON_JOB_MISMATCH] = "JobMismatch",
    [REASON_STALE] = "Stale",
};

const char *reason_name(enum reason reason)
{
    return reason_names[reason];
}

void share_init(struct share *s, const struct solution_message *msg, bool redelivered)
{
    const struct text *pow = &msg->field[SOLUTION_POW_HASH];
    const struct text *work = &msg->field[SOLUTION_WORK_ID];
    const struct text *block = &msg->field[SOLUTION_BLOCK_HEX];

    *s = (struct share){.msg = msg, .redelivered = redelivered, .block_result = PARSE_TRUNCATED};
    s->has_pow_hash = u256_from_hex(pow->p, pow->len, &s->pow_hash);
    s->has_work_id = uuid_parse(work->p, work->len, &s->work_id);
    s->has_header = block->len >= (size_t)2 * HEADER_SIZE &&
                    hex_decode(block->p, (size_t)2 * HEADER_SIZE, s->header_bytes);
    if (s->has_header) {
        header_parse(s->header_bytes, &s->header);
        s->day = s->header.time / 86400;
    }
}

void share_init_job(struct share *s, const struct solution_message *msg,
                    const uint8_t header[HEADER_SIZE], bool redelivered)
{
    uint8_t root[32];
    struct u256 internal;

    *s = (struct share){.msg = msg,
                        .redelivered = redelivered,
                        .of_job = true,
                        .has_header = true,
                        .has_work_id = true,
                        .block_result = PARSE_TRUNCATED};
    memcpy(s->header_bytes, header, HEADER_SIZE);
    header_parse(header, &s->header);
    s->day = s->header.time / 86400;
    u256_reverse(s->header.merkle_root.be, &internal);
    memcpy(root, internal.be, sizeof(root));
    job_work_id(root, &s->work_id);
}

void share_clear(struct share *s)
{
    share_drop_block(s);
}

void share_take_block(struct share *s, uint8_t *block, size_t len)
{
    share_drop_block(s);
    s->block_bytes = block;
    s->own_hex = mem_zalloc(2 * len + 1);
    hex_encode(block, len, s->own_hex);
    s->block_hex = (struct text){s->own_hex, 2 * len};
    s->block_result = block_parse(block, len, &s->block);
}

void share_drop_block(struct share *s)
{
    free(s->block_bytes);
    free(s->own_hex);
    s->block_bytes = NULL;
    s->own_hex = NULL;
    s->block_hex = (struct text){"", 0};
    s->block_result = PARSE_TRUNCATED;
}

bool share_meets_header(const struct share *s, struct u256 *ret)
{
    return u256_from_compact(s->header.bits, ret) && u256_cmp(&s->pow_hash, ret) <= 0;
}

struct u256 share_job_target(const struct share *s, const struct u256 *of_work)
{
    struct u256 block;

    return u256_cmp(&s->pow_hash, of_work) > 0 && share_meets_header(s, &block) ? block : *of_work;
}

int64_t share_height(const struct share *s)
{
    if (s->of_job)
        return s->job.found ? (int64_t)s->job.height : -1;
    return coinbase_height(&s->block.coinbase);
}

void share_decode_block(struct share *s)
{
    const struct text *block = &s->msg->field[SOLUTION_BLOCK_HEX];
    const struct text *tx = &s->msg->field[SOLUTION_TRANSACTION_HEX];
    uint8_t *tx_bytes;

    if (s->of_job || s->block_bytes != NULL)
        return;
    s->block_hex = *block;
    s->block_bytes = mem_zalloc(block->len / 2 + tx->len / 2 + 1);
    tx_bytes = s->block_bytes + block->len / 2;
    s->block_result = PARSE_BAD;
    s->transaction_result = PARSE_BAD;
    if (hex_decode(block->p, block->len, s->block_bytes))
        s->block_result = block_parse(s->block_bytes, block->len / 2, &s->block);
    if (hex_decode(tx->p, tx->len, tx_bytes))
        s->transaction_result = tx_parse(tx_bytes, tx->len / 2, &s->transaction);
}

void printable_copy(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; text[n] != '\0' && n + 1 < size; n++)
        out[n] = (char)(text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?');
    out[n] = '\0';
}

void share_reject(struct share *s, enum reason reason, const char *format, ...)
{
    char text[DETAIL_MAX + 1];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printable_copy(s->detail, sizeof(s->detail), text);
    s->reason = reason;
    s->state = SHARE_REJECTED;
}

int share_cmp_key(const struct share *a, const struct share *b)
{
    int c = u256_cmp(&a->pow_hash, &b->pow_hash);

    return c != 0 ? c : (a->day > b->day) - (a->day < b->day);
}
