/* What a block and its fields must be, for a solution to count. Reading the table at the end tells
 * the order; the proof of work comes behind all of these, in bitcoin_check.c. */
#include "backend/chain/bitcoin.h"
#include "backend/chain/block_rules.h"

#include <stdlib.h>
#include <string.h>

int64_t bitcoin_subsidy(const struct backend_network *net, int64_t height)
{
    int64_t halvings = height / net->halving_interval;

    return halvings < 63 ? net->initial_subsidy >> halvings : 0;
}

static bool script_is_pools(const struct bitcoin *b, const struct span *script, int64_t time_us)
{
    for (size_t i = 0; i < b->scripts_n; i++) {
        const struct pool_script *p = &b->scripts[i];

        if (script->len == p->script.len && memcmp(script->p, p->script.b, script->len) == 0)
            return time_us < p->until_us;
    }
    return false;
}

const char *bitcoin_pays_pool(const struct bitcoin *b, const struct tx *coinbase, int64_t time_us,
                              int64_t *ret_sum)
{
    struct tx_output out;
    int64_t sum = 0;
    size_t pos = 0;

    while (tx_next_output(coinbase, &pos, &out)) {
        if (out.value == 0)
            continue;
        if (!script_is_pools(b, &out.script, time_us))
            return "an output does not pay the pool";
        if (out.value > (uint64_t)(INT64_MAX - sum))
            return "the outputs exceed all money";
        sum += (int64_t)out.value;
    }
    *ret_sum = sum;
    return NULL;
}

static void rule_decodes(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    share_decode_block(s);
    if (s->block_result != PARSE_OK)
        share_reject(s, reason, "block_hex: %s", parse_result_name(s->block_result));
    else if (s->transaction_result != PARSE_OK)
        share_reject(s, reason, "transaction_hex: %s", parse_result_name(s->transaction_result));
    else if (!s->block.coinbase.is_coinbase)
        share_reject(s, reason, "the block's first transaction is no coinbase");
}

static void rule_block_hash(struct share *s, const struct rule_input *in, enum reason reason)
{
    const struct text *field = &s->msg->field[SOLUTION_BLOCK_HASH];
    struct u256 claimed;
    char hex[65];

    (void)in;
    if (u256_from_hex(field->p, field->len, &claimed) && u256_cmp(&claimed, &s->block.hash) == 0)
        return;
    u256_to_hex(&s->block.hash, hex);
    share_reject(s, reason, "block_hash is not the header's %s", hex);
}

static void rule_bits(struct share *s, const struct rule_input *in, enum reason reason)
{
    const struct parent *p = in->parent;

    if (p->has_bits && p->bits != s->header.bits)
        share_reject(s, reason, "bits are %08x, the chain demands %08x", s->header.bits, p->bits);
}

static void rule_recipient(struct share *s, const struct rule_input *in, enum reason reason)
{
    int64_t height = coinbase_height(&s->block.coinbase);
    int64_t subsidy = bitcoin_subsidy(in->net, height > 0 ? height : 0);
    int64_t sum;
    const char *wrong = bitcoin_pays_pool(in->data, &s->block.coinbase, s->received_us, &sum);

    if (wrong != NULL)
        share_reject(s, reason, "recipient: %s", wrong);
    else if (sum < subsidy)
        share_reject(s, reason, "recipient: the outputs pay %lld, the subsidy is %lld",
                     (long long)sum, (long long)subsidy);
}

static void rule_height(struct share *s, const struct rule_input *in, enum reason reason)
{
    int64_t height = coinbase_height(&s->block.coinbase);
    uint64_t claimed;

    (void)in;
    if (!solution_number(&s->msg->field[SOLUTION_PREV_HEIGHT], &claimed))
        share_reject(s, reason, "height: prev_height is no number");
    else if (height < 1 || claimed != (uint64_t)height - 1)
        share_reject(s, reason, "height: prev_height is %llu, the coinbase states %lld",
                     (unsigned long long)claimed, (long long)height);
}

static void rule_parent(struct share *s, const struct rule_input *in, enum reason reason)
{
    const struct parent *p = in->parent;
    int64_t height = share_height(s);

    if (p->state == PARENT_SIDE)
        share_reject(s, reason, "height: the parent block is on a side chain");
    else if (parent_judge(p) == STALE)
        share_reject(s, reason, "height: parent at %lld, the pool had seen %lld",
                     (long long)p->height, (long long)p->seen_before);
    else if (p->state == PARENT_KNOWN && p->height != height - 1)
        share_reject(s, reason, "height: the parent is at %lld, the coinbase states %lld",
                     (long long)p->height, (long long)height);
}

struct rule {
    enum reason reason;
    rule_fn *rule;
};

static const struct rule rules[] = {
    {REASON_TRANSACTION_INVALID, rule_decodes},
    {REASON_HEADER_TIME, rule_header_time},
    {REASON_BLOCK_MISMATCH, rule_block_hash},
    {REASON_BLOCK_MISMATCH, rule_block_time},
    {REASON_BLOCK_MISMATCH, rule_nonce},
    {REASON_BLOCK_MISMATCH, rule_merkle},
    {REASON_BLOCK_MISMATCH, rule_transaction},
    {REASON_BLOCK_MISMATCH, rule_bits},
    {REASON_WORK_MISMATCH, rule_miner_tag},
    {REASON_TAMPERED, rule_recipient},
    {REASON_TAMPERED, rule_height},
    {REASON_TAMPERED, rule_parent},
};

/* A job is the pool's own, so what it says is right (backend/share/rules.c compares). */
static const struct rule job_rules[] = {
    {REASON_HEADER_TIME, rule_header_time},
    {REASON_STALE, rule_parent},
};

void bitcoin_rules(struct chain *c, struct share *s, const struct parent *p)
{
    const struct rule_input in = {c->net, p, c->data};
    const struct rule *r = s->of_job ? job_rules : rules;
    const size_t n = s->of_job ? sizeof(job_rules) / sizeof(*r) : sizeof(rules) / sizeof(*r);

    for (size_t i = 0; s->state == SHARE_OPEN && i < n; i++)
        r[i].rule(s, &in, r[i].reason);
}
