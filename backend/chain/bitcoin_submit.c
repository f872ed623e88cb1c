/* Blocks: which solutions are ones, and what the wallets say to them.
 *
 * A block is the pool's money whatever its share is worth, so this looks only at the block itself:
 * it pays the pool, its proof of work is what the miner claims and meets the chain's target. The
 * claim is compared first; hashing a liar's block costs what a share costs. */
#include "backend/chain/bitcoin.h"

#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 8 /* submissions in flight; bounds the copies of block_hex */

/* Difficulty moves by at most this factor when it changes (Bitcoin, Litecoin). */
#define RETARGET_FACTOR 4

/* Bits that the chain could demand of S. Without this anyone could state the easiest bits and have
 * every hash sent to the wallets. */
static bool bits_plausible(const struct chain *c, const struct share *s, const struct u256 *target)
{
    const struct tip *parent = tips_find(&c->tips, &s->header.prev);
    const struct tip *tip = tips_find(&c->tips, &c->tips.current);
    struct u256 known;

    if (parent != NULL && parent->has_bits)
        return parent->bits == s->header.bits;
    if (tip == NULL || !tip->has_bits || !u256_from_compact(tip->bits, &known))
        return true;
    return u256_expected_hashes(target) >= u256_expected_hashes(&known) / RETARGET_FACTOR;
}

/* Whoever replays a block that is on the chain shall not cost the wallets a call each time.
 * Refusals are not kept: the same header may come again with the right witness. */
static bool is_recent(const struct bitcoin *b, const struct u256 *hash)
{
    for (size_t i = 0; i < RECENT_BLOCKS; i++)
        if (u256_cmp(&b->recent[i], hash) == 0)
            return true;
    return false;
}

/* What the header alone says. */
bool bitcoin_claims_block(const struct chain *c, const struct share *s)
{
    struct u256 target;

    return s->has_pow_hash && s->has_header && share_meets_header(s, &target) &&
           bits_plausible(c, s, &target);
}

/* The claim alone: everything but the proof of work itself. */
static bool claims_block(const struct chain *c, struct share *s)
{
    int64_t sum;

    if (!bitcoin_claims_block(c, s))
        return false;
    share_decode_block(s);
    return s->block_result == PARSE_OK && s->block.coinbase.is_coinbase && s->block.merkle_ok &&
           bitcoin_pays_pool(c->data, &s->block.coinbase, INT64_MIN, &sum) == NULL && sum > 0;
}

/* Collects the candidates that still need a wallet's answer. */
static size_t collect(struct chain *c, struct share **shares, size_t n, struct share **ret)
{
    size_t claims = 0, waiting = 0;

    for (size_t i = 0; i < n; i++) {
        if (shares[i]->candidate != CANDIDATE_UNSEEN)
            continue;
        shares[i]->candidate = CANDIDATE_NONE;
        if (claims_block(c, shares[i]))
            ret[claims++] = shares[i];
    }
    bitcoin_hash(c->data, ret, claims);
    for (size_t i = 0; i < claims; i++)
        if (u256_cmp(&ret[i]->true_hash, &ret[i]->pow_hash) == 0 &&
            !is_recent(c->data, &ret[i]->block.hash))
            ret[i]->candidate = CANDIDATE_WAITING;
    for (size_t i = 0; i < n; i++)
        if (shares[i]->candidate == CANDIDATE_WAITING || shares[i]->candidate == CANDIDATE_ORPHAN)
            ret[waiting++] = shares[i];
    return waiting;
}

/* What submitblock's words mean (BIP 22). What is not here is a refusal. */
static const struct {
    const char *answer;
    bool ask; /* getblockheader tells */
    enum candidate_state state;
} answers[] = {
    {"duplicate", true, 0},
    {"inconclusive", true, 0},
    {"duplicate-inconclusive", true, 0},
    {"inconclusive-not-best-prevblk", true, 0},
    {"prev-blk-not-found", false, CANDIDATE_ORPHAN},
    {"bad-prevblk", false, CANDIDATE_ORPHAN}, /* bcoin */
};

static enum candidate_state ask_where(struct chain *c, struct wallet *w, const struct share *s)
{
    int64_t height, confirmations;
    bool found;

    if (!bitcoin_block_header(c, w, &s->block.hash, &found, &height, &confirmations))
        return CANDIDATE_WAITING;
    if (!found)
        return CANDIDATE_REFUSED;
    return confirmations >= 1 ? CANDIDATE_ON_CHAIN : CANDIDATE_SIDE_CHAIN;
}

/* bcoin takes a side chain's block without a word, too. One on the tip that is known is on none. */
static enum candidate_state where_accepted(struct chain *c, struct wallet *w, const struct share *s)
{
    if (u256_cmp(&s->header.prev, &c->tips.current) == 0)
        return CANDIDATE_ON_CHAIN;
    return ask_where(c, w, s) == CANDIDATE_SIDE_CHAIN ? CANDIDATE_SIDE_CHAIN : CANDIDATE_ON_CHAIN;
}

static enum candidate_state read_answer(struct chain *c, struct wallet *w, const struct share *s,
                                        const struct rpc_call *call, const char **ret_words)
{
    static const char prefix[] = "rejected: "; /* bcoin */

    if (!wallet_note(w, call)) {
        *ret_words = call->message;
        return CANDIDATE_WAITING;
    }
    if (call->result == RPC_OK && json_is_null(call->reply)) {
        *ret_words = "accepted";
        return where_accepted(c, w, s);
    }
    *ret_words = json_is_string(call->reply) ? json_string_value(call->reply) : call->message;
    if (strncmp(*ret_words, prefix, strlen(prefix)) == 0)
        *ret_words += strlen(prefix);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (strcmp(*ret_words, answers[i].answer) == 0)
            return answers[i].ask ? ask_where(c, w, s) : answers[i].state;
    return CANDIDATE_REFUSED;
}

/* The best word counts: one wallet that has the block on its chain is enough. */
static int rank(enum candidate_state state)
{
    static const int ranks[] = {
        [CANDIDATE_WAITING] = 0,    [CANDIDATE_ORPHAN] = 1,   [CANDIDATE_REFUSED] = 2,
        [CANDIDATE_SIDE_CHAIN] = 3, [CANDIDATE_ON_CHAIN] = 4,
    };
    return ranks[state];
}

static void note_answer(struct chain *c, struct wallet *w, struct share *s,
                        const struct rpc_call *call)
{
    static const char *const names[] = {
        [CANDIDATE_WAITING] = "unanswered", [CANDIDATE_ORPHAN] = "parent_unknown",
        [CANDIDATE_REFUSED] = "refused",    [CANDIDATE_SIDE_CHAIN] = "side_chain",
        [CANDIDATE_ON_CHAIN] = "on_chain",
    };
    struct bitcoin *b = c->data;
    const char *words;
    enum candidate_state state = read_answer(c, w, s, call, &words);
    char hash[65];

    if (state == CANDIDATE_WAITING)
        chain_hold(c, "wallet %s: submitblock: %s", w->conf->label, words);
    if (rank(state) <= rank(s->candidate))
        return;
    s->candidate = state;
    printable_copy(s->answer, sizeof(s->answer), words);
    if (state == CANDIDATE_ON_CHAIN)
        b->recent[b->recent_next++ % RECENT_BLOCKS] = s->block.hash;
    u256_to_hex(&s->block.hash, hash);
    log_info("block.candidate", LOG_STR("network", c->net->base.label), LOG_STR("hash", hash),
             LOG_INT("height", share_height(s)), LOG_STR("wallet", w->conf->label),
             LOG_STR("outcome", names[state]), LOG_STR("answer", s->answer));
}

static void submit_to(struct chain *c, struct wallet *w, struct share **shares, size_t n)
{
    struct rpc_call call[AT_ONCE];

    for (size_t i = 0; i < n; i++) {
        const struct text *hex = &shares[i]->block_hex;

        call[i] = (struct rpc_call){.method = "submitblock",
                                    .params = json_pack("[s%]", hex->p, hex->len)};
        if (call[i].params == NULL)
            abort(); /* out of memory: the text was JSON before */
    }
    rpc_perform(w->rpc, call, n);
    FAULT_POINT("bitcoin.submitted");
    for (size_t i = 0; i < n; i++) {
        note_answer(c, w, shares[i], &call[i]);
        json_decref(call[i].params);
    }
    rpc_calls_clear(call, n);
}

static bool all_answered(struct share **shares, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (shares[i]->candidate == CANDIDATE_WAITING)
            return false;
    return true;
}

enum chain_result bitcoin_submit(struct chain *c, struct share **shares, size_t n)
{
    struct share **waiting = mem_zalloc(n * sizeof(struct share *));
    struct wallet *order[c->wallets->n];
    enum chain_result r = CHAIN_OK;
    size_t m = collect(c, shares, n, waiting);

    wallets_order(c->wallets, order);
    for (size_t i = 0; i < m; i += AT_ONCE) {
        size_t group = m - i < AT_ONCE ? m - i : AT_ONCE;

        for (size_t w = 0; w < c->wallets->n; w++)
            if (!order[w]->away || !all_answered(waiting + i, group))
                submit_to(c, order[w], waiting + i, group);
        if (!all_answered(waiting + i, group)) {
            r = CHAIN_HOLD; /* the caller waits, and keeps its heartbeats, before the next try */
            break;
        }
    }
    free(waiting);
    return r;
}
