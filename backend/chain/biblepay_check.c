/* Judges a set of shares: the rules that need no wallet, then one question after the other, each
 * about those that are still open. So nonsense costs no call, and a liar the cheaper one. */
#include "backend/chain/biblepay.h"

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

static struct claim *claim_of(const struct rule_input *in)
{
    return (struct claim *)in->data;
}

/* Both forms are tried: which one a chain has is its wallets' affair. */
static void decode_texts(struct share *s)
{
    const struct text *block = &s->msg->field[SOLUTION_BLOCK_HEX];
    const struct text *tx = &s->msg->field[SOLUTION_TRANSACTION_HEX];
    uint8_t *tx_bytes = s->block_bytes + block->len / 2;

    if (!hex_decode(block->p, block->len, s->block_bytes) || !hex_decode(tx->p, tx->len, tx_bytes))
        return;
    s->block_result = block_parse_form(TX_BIBLEPAY, s->block_bytes, block->len / 2, &s->block);
    s->transaction_result = tx_parse_form(TX_BIBLEPAY, tx_bytes, tx->len / 2, &s->transaction);
}

static void rule_decodes(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    share_decode_block(s);
    if (s->block_result != PARSE_OK || s->transaction_result != PARSE_OK)
        decode_texts(s);
    if (s->block_result != PARSE_OK)
        share_reject(s, reason, "block_hex: %s", parse_result_name(s->block_result));
    else if (s->transaction_result != PARSE_OK)
        share_reject(s, reason, "transaction_hex: %s", parse_result_name(s->transaction_result));
    else if (!s->block.coinbase.is_coinbase || s->block.coinbase.outputs == 0)
        share_reject(s, reason, "the block's first transaction is no coinbase");
}

static void rule_block_hash(struct share *s, const struct rule_input *in, enum reason reason)
{
    const struct text *field = &s->msg->field[SOLUTION_BLOCK_HASH];
    struct u256 claimed;
    char hex[65];

    (void)in;
    u256_to_hex(&s->block.hash, hex);
    if (!u256_from_hex(field->p, field->len, &claimed))
        share_reject(s, reason, "block_hash is not 64 hexadecimal digits");
    else if (s->block.coinbase.form == TX_BITCOIN && u256_cmp(&claimed, &s->block.hash) != 0)
        share_reject(s, reason, "block_hash is not the header's %s", hex);
}

static void read_number(struct share *s, enum reason reason, const char *name,
                        enum solution_field field, uint64_t *ret)
{
    if (!solution_number(&s->msg->field[field], ret))
        share_reject(s, reason, "%s is no number", name);
}

/* It makes the proof of work easier when much time has passed since. */
static void rule_prev_time(struct share *s, const struct rule_input *in, enum reason reason)
{
    struct claim *claim = claim_of(in);

    read_number(s, reason, "prev_block_time", SOLUTION_PREV_BLOCK_TIME, &claim->prev_time);
}

static void rule_prev_height(struct share *s, const struct rule_input *in, enum reason reason)
{
    struct claim *claim = claim_of(in);

    read_number(s, reason, "height: prev_height", SOLUTION_PREV_HEIGHT, &claim->prev_height);
    if (s->state == SHARE_OPEN && claim->prev_height > INT32_MAX)
        share_reject(s, reason, "height: prev_height is beyond any chain's");
}

static const struct {
    enum reason reason;
    rule_fn *rule;
} rules[] = {
    {REASON_TRANSACTION_INVALID, rule_decodes}, {REASON_HEADER_TIME, rule_header_time},
    {REASON_BLOCK_MISMATCH, rule_block_hash},   {REASON_BLOCK_MISMATCH, rule_block_time},
    {REASON_BLOCK_MISMATCH, rule_nonce},        {REASON_BLOCK_MISMATCH, rule_merkle},
    {REASON_BLOCK_MISMATCH, rule_transaction},  {REASON_BLOCK_MISMATCH, rule_prev_time},
    {REASON_WORK_MISMATCH, rule_miner_tag},     {REASON_TAMPERED, rule_prev_height},
};

/* The time of a block whose hash the header names is a fact, whatever happened since. */
static void check_prev_time(struct chain *c, struct claim *claim)
{
    struct share *s = claim->s;
    int64_t time;

    if (s->state == SHARE_OPEN && biblepay_time_of(c->data, &s->header.prev, &time) &&
        claim->prev_time != (uint64_t)time)
        share_reject(s, REASON_BLOCK_MISMATCH, "prev_block_time is %llu, the chain says %lld",
                     (unsigned long long)claim->prev_time, (long long)time);
}

void biblepay_rules(struct chain *c, struct claim *claim)
{
    struct share *s = claim->s;
    struct rule_input in = {c->net, &claim->parent, claim};

    for (size_t i = 0; s->state == SHARE_OPEN && i < sizeof(rules) / sizeof(rules[0]); i++)
        rules[i].rule(s, &in, rules[i].reason);
    claim->block_time = s->header.time;
    claim->nonce = s->header.nonce;
    check_prev_time(c, claim);
}

/* --- the last rules --- */

static int64_t allowed_after(int64_t seconds)
{
    if (seconds >= PINFO_FREE_S)
        return PINFO_FREE;
    return seconds * PINFO_PER_S > PINFO_LEAST ? seconds * PINFO_PER_S : PINFO_LEAST;
}

int64_t biblepay_nonce_limit(const struct wallet_info *info, int64_t prev_height,
                             int64_t parent_time, int64_t received_us)
{
    int64_t waited = (info->asked_us - received_us) / 1000000 - PINFO_SLACK_S;
    int64_t then;

    if (info->height != prev_height) /* a new block came meanwhile, and pinfo speaks of that */
        return parent_time < 0 ? INT64_MAX
                               : allowed_after(received_us / 1000000 - parent_time + PINFO_SLACK_S);
    if (waited <= 0 || info->elapsed < 0)
        return info->pinfo;
    then = allowed_after(info->elapsed - waited);
    if (info->pinfo < PINFO_FREE && info->pinfo - waited * PINFO_PER_S > then)
        then = info->pinfo - waited * PINFO_PER_S;
    return then < info->pinfo ? then : info->pinfo;
}

static void judge_height(struct claim *claim)
{
    const struct parent *p = &claim->parent;
    struct share *s = claim->s;

    if (p->state == PARENT_KNOWN && (uint64_t)p->height != claim->prev_height)
        share_reject(s, REASON_TAMPERED, "height: the parent is at %lld, prev_height is %llu",
                     (long long)p->height, (unsigned long long)claim->prev_height);
    else if (parent_judge(p) == STALE || (int64_t)claim->prev_height < p->seen_before)
        share_reject(s, REASON_TAMPERED, "height: prev_height is %llu, the pool had seen %lld",
                     (unsigned long long)claim->prev_height, (long long)p->seen_before);
    else if (parent_judge(p) == TIMELY)
        s->state = SHARE_ACCEPTED;
    else if (s->may_wait)
        s->state = SHARE_PARKED;
    else
        share_reject(s, REASON_TAMPERED, "height: no wallet knows the parent block");
}

void biblepay_last_rules(struct chain *c, struct claim *claim, const struct wallet_info *info)
{
    int64_t time, limit;

    check_prev_time(c, claim);
    if (claim->s->state != SHARE_OPEN)
        return;
    if (!biblepay_time_of(c->data, &claim->s->header.prev, &time))
        time = -1;
    limit = biblepay_nonce_limit(info, (int64_t)claim->prev_height, time, claim->s->received_us);
    if ((int64_t)claim->nonce > limit)
        share_reject(claim->s, REASON_TAMPERED, "nonce: %llu, and %lld was allowed",
                     (unsigned long long)claim->nonce, (long long)limit);
    else
        judge_height(claim);
}

/* --- the whole --- */

typedef enum chain_result ask_fn(struct chain *c, struct claim *claims, size_t n);

static ask_fn *const questions[] = {biblepay_ask_hash, biblepay_ask_coinbase, biblepay_ask_header,
                                    biblepay_ask_time, biblepay_ask_parent};

static enum chain_result ask_wallet(struct chain *c, struct claim *claims, size_t n)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        if (questions[i](c, claims, n) != CHAIN_OK)
            return CHAIN_HOLD;
    return CHAIN_OK;
}

static enum chain_result check(struct chain *c, struct db *db, struct claim *claims, size_t n)
{
    /* As of before the questions, like the tip that the refresh recorded. */
    const struct wallet_info info = *biblepay_info(c, c->best);

    for (size_t i = 0; i < n; i++) {
        struct claim *claim = &claims[i];

        claim->s->unanswered = false;
        if (claim->s->has_header && parent_look_up(c, db, claim->s, &claim->parent) != CHAIN_OK)
            return CHAIN_HOLD;
        biblepay_rules(c, claim);
    }
    if (ask_wallet(c, claims, n) != CHAIN_OK)
        return CHAIN_HOLD;
    for (size_t i = 0; i < n; i++)
        if (claims[i].s->state == SHARE_OPEN)
            biblepay_last_rules(c, &claims[i], &info);
    return CHAIN_OK;
}

/* Its nonce's limit and its height were matters of that moment, and so was whether the CPID might
 * solve the block: the parent is taken to have been the tip. */
static enum chain_result verify(struct chain *c, struct db *db, struct claim *claims, size_t n)
{
    (void)db;
    for (size_t i = 0; i < n; i++) {
        biblepay_rules(c, &claims[i]);
        claims[i].parent = (struct parent){.state = PARENT_KNOWN,
                                           .height = (int64_t)claims[i].prev_height,
                                           .seen_before = (int64_t)claims[i].prev_height};
    }
    if (ask_wallet(c, claims, n) != CHAIN_OK)
        return CHAIN_HOLD;
    for (size_t i = 0; i < n; i++)
        check_prev_time(c, &claims[i]);
    return CHAIN_OK;
}

typedef enum chain_result judge_fn(struct chain *c, struct db *db, struct claim *claims, size_t n);

static enum chain_result judge(judge_fn *by, struct chain *c, struct db *db, struct share **shares,
                               size_t n)
{
    struct claim *claims = mem_zalloc(n * sizeof(*claims));
    enum chain_result r;
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        if (shares[i]->state == SHARE_OPEN)
            claims[m++].s = shares[i];
    r = by(c, db, claims, m);
    free(claims);
    return r;
}

enum chain_result biblepay_check(struct chain *c, struct db *db, struct share **shares, size_t n)
{
    return judge(check, c, db, shares, n);
}

enum chain_result biblepay_verify(struct chain *c, struct db *db, struct share **shares, size_t n)
{
    return chain_look(c, db) == CHAIN_OK ? judge(verify, c, db, shares, n) : CHAIN_HOLD;
}
