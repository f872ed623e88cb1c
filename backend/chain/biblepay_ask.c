/* The questions about shares, and what the answers mean.
 *
 * An answer is the wallet's verdict when it is complete and of the documented form, be it that a
 * member is missing, or an error whose code speaks of the input. Everything else (no answer, half
 * of one, other types, other errors) says something about the wallet, and never about the share. */
#include "backend/chain/biblepay.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE       128 /* calls of one turn */
#define REQUESTS_MOST 32  /* that they make up: a silent wallet costs one turn's time-outs */
#define BATCH_MOST    32
#define QUICK_MS      500 /* a turn that is over so soon may be followed by larger batches */
#define AT_ONCE_MS                                                                                 \
    1000                /* a failure that comes so soon was no silence: the batch may be to blame  \
                         */
#define SINGLY_MS 60000 /* after a failure */

/* What makes up a question. */
struct question {
    enum reason refused; /* when the wallet's error speaks of the input; or it stays open */
    bool (*wanted)(const struct chain *c, const struct claim *claim); /* NULL: of every open one */
    const char *method;
    /* A JSON array as malloc'd text, of texts that the rules found to be hex, and of numbers. */
    char *(*params)(const struct chain *c, const struct claim *claim);
    const char *(*read)(struct chain *c, struct claim *claim, const json_t *reply);
};

/* JSON-RPC errors of Bitcoin's descendants about what was given to them: invalid type, address or
 * key, parameter, deserialization. */
static bool speaks_of_input(int64_t code)
{
    return code == -3 || code == -5 || code == -8 || code == -22;
}

/* The share is left for later, or when it cannot be, all of them. */
static enum chain_result fail_on(struct chain *c, struct share *s, const char *method,
                                 const char *error)
{
    s->unanswered = true;
    if (s->may_park) {
        s->state = SHARE_PARKED;
        return CHAIN_OK;
    }
    return chain_hold(c, "wallet %s: %s: %s", c->best->conf->label, method, error);
}

static enum chain_result take_answer(struct chain *c, const struct question *q, struct claim *claim,
                                     const struct rpc_call *call)
{
    const char *wrong;

    if (!wallet_note(c->best, call))
        return fail_on(c, claim->s, q->method, call->message);
    if (call->result == RPC_ERROR && speaks_of_input(call->code) && q->refused == REASON_NONE)
        return CHAIN_OK;
    if (call->result == RPC_ERROR && speaks_of_input(call->code)) {
        share_reject(claim->s, q->refused, "the wallet refuses it: %s", call->message);
        return CHAIN_OK;
    }
    wrong = call->result == RPC_ERROR ? call->message : q->read(c, claim, call->reply);
    if (wrong == NULL)
        return CHAIN_OK;
    wallet_fault(c->best, q->method, wrong);
    return fail_on(c, claim->s, q->method, wrong);
}

static size_t batch_of(const struct pace *p)
{
    return p->batch > 1 && clock_mono_ms() >= p->singly_until ? p->batch : 1;
}

static bool is_unclear(const struct rpc_call *call)
{
    return call->result == RPC_UNCERTAIN || call->result == RPC_MALFORMED;
}

/* False: the calls should be made again, each by itself, before anything is made of the failure. */
static bool perform(struct chain *c, struct rpc_call *call, size_t n)
{
    struct pace *p = biblepay_pace(c, c->best);
    size_t batch = batch_of(p);
    int64_t start = clock_mono_ms(), took;
    bool unclear = false;

    rpc_perform_batched(c->best->rpc, call, n, batch);
    FAULT_POINT("biblepay.asked");
    took = clock_mono_ms() - start;
    for (size_t i = 0; i < n; i++)
        unclear |= is_unclear(&call[i]);
    if (unclear || took > QUICK_MS)
        p->batch = batch / 2;
    else if (batch < BATCH_MOST)
        p->batch = 2 * batch;
    if (!unclear || batch == 1)
        return true;
    p->singly_until = start + took + SINGLY_MS;
    return took > AT_ONCE_MS;
}

/* *RET_AGAIN: nothing has been made of the answers. */
static enum chain_result ask_group(struct chain *c, const struct question *q, struct claim **group,
                                   size_t n, bool *ret_again)
{
    struct rpc_call call[AT_ONCE];
    char *params[AT_ONCE];
    enum chain_result r = CHAIN_OK;

    for (size_t i = 0; i < n; i++) {
        params[i] = q->params(c, group[i]);
        call[i] = (struct rpc_call){.method = q->method, .params_text = params[i]};
    }
    *ret_again = !perform(c, call, n);
    for (size_t i = 0; i < n; i++) {
        if (!*ret_again && take_answer(c, q, group[i], &call[i]) != CHAIN_OK)
            r = CHAIN_HOLD;
        free(params[i]);
    }
    rpc_calls_clear(call, n);
    return r;
}

static size_t group_most(const struct chain *c)
{
    size_t most = REQUESTS_MOST * batch_of(biblepay_pace(c, c->best));

    return most < AT_ONCE ? most : AT_ONCE;
}

/* The next ones to be asked about, from *AT on. */
static size_t next_group(struct chain *c, const struct question *q, struct claim *claims, size_t n,
                         size_t *at, struct claim **group, enum chain_result *r)
{
    size_t found = 0, most = group_most(c);

    for (; *at < n && found < most && *r == CHAIN_OK; ++*at) {
        struct claim *claim = &claims[*at];

        if (claim->s->state != SHARE_OPEN || (q->wanted != NULL && !q->wanted(c, claim)))
            continue;
        if (c->best->away) /* it failed on another one just now */
            *r = fail_on(c, claim->s, q->method, "not asked");
        else
            group[found++] = claim;
    }
    return found;
}

static enum chain_result ask(struct chain *c, const struct question *q, struct claim *claims,
                             size_t n)
{
    struct claim *group[AT_ONCE];
    enum chain_result r = CHAIN_OK;

    for (size_t at = 0; at < n && r == CHAIN_OK;) {
        size_t start = at, m = next_group(c, q, claims, n, &at, group, &r);
        bool again = false;

        if (m > 0 && r == CHAIN_OK)
            r = ask_group(c, q, group, m, &again);
        if (again)
            at = start;
    }
    return r;
}

/* --- exec biblehash --- */

static char *biblehash(const struct claim *claim, uint64_t prev_time, uint64_t prev_height)
{
    const struct text *field = &claim->s->msg->field[SOLUTION_BLOCK_HASH];
    struct u256 block_hash;
    char hash[65];

    u256_from_hex(field->p, field->len, &block_hash); /* the rules saw to it that it is one */
    u256_to_hex(&block_hash, hash);
    return mem_sprintf("[\"biblehash\",\"%s\",\"%llu\",\"%llu\",\"%llu\",\"%llu\"]", hash,
                       (unsigned long long)claim->block_time, (unsigned long long)prev_time,
                       (unsigned long long)prev_height, (unsigned long long)claim->nonce);
}

static char *hash_params(const struct chain *c, const struct claim *claim)
{
    (void)c;
    return biblehash(claim, claim->prev_time, claim->prev_height);
}

/* What is wrong with the answer; or NULL, with *RET_ANY false when it holds no hash. */
static const char *read_biblehash(const json_t *reply, bool *ret_any, struct u256 *ret)
{
    const json_t *hash = json_object_get(reply, "BibleHash");

    if (!json_is_object(reply))
        return "its biblehash is no object";
    *ret_any = hash != NULL;
    if (hash == NULL)
        return NULL;
    if (!json_is_string(hash) ||
        !u256_from_hex(json_string_value(hash), json_string_length(hash), ret))
        return "its BibleHash is no hash";
    return NULL;
}

const char *biblepay_read_hash(struct chain *c, struct claim *claim, const json_t *reply)
{
    struct u256 hash;
    bool any;
    const char *wrong = read_biblehash(reply, &any, &hash);
    char hex[65];

    (void)c;
    if (wrong != NULL)
        return wrong;
    if (!any) {
        share_reject(claim->s, REASON_HASH_WRONG, "the wallet computes no BibleHash of it");
    } else if (u256_cmp(&hash, &claim->s->pow_hash) != 0) {
        u256_to_hex(&hash, hex);
        share_reject(claim->s, REASON_HASH_WRONG, "the BibleHash is %s", hex);
    }
    return NULL;
}

enum chain_result biblepay_ask_hash(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_HASH_WRONG,
                                      .method = "exec",
                                      .params = hash_params,
                                      .read = biblepay_read_hash};

    return ask(c, &q, claims, n);
}

/* --- exec hexblocktocoinbase --- */

static char *coinbase_params(const struct chain *c, const struct claim *claim)
{
    const struct text *block = &claim->s->msg->field[SOLUTION_BLOCK_HEX];
    const struct text *tx = &claim->s->msg->field[SOLUTION_TRANSACTION_HEX];

    (void)c;
    return mem_sprintf("[\"hexblocktocoinbase\",\"%.*s\",\"%.*s\"]", (int)block->len, block->p,
                       (int)tx->len, tx->p);
}

static bool is_pools(const struct backend_network *net, const char *address, int64_t time_us)
{
    if (strcmp(address, net->base.pool_address) == 0)
        return true;
    for (size_t i = 0; i < net->former_pool_addresses.n; i++) {
        const char *word = net->former_pool_addresses.word[i];
        int64_t until;
        size_t len;

        if (former_address_parse(word, &len, &until) && strlen(address) == len &&
            memcmp(address, word, len) == 0)
            return time_us < until;
    }
    return false;
}

/* The CPID's owner may have found a block meanwhile, perhaps with this very share, and the wallet
 * speaks of now: on an older tip its word that the CPID is not allowed proves nothing. */
static bool legality_is_of_now(const struct chain *c, const struct claim *claim)
{
    return parent_judge(&claim->parent) == TIMELY &&
           claim->parent.height < biblepay_info(c, c->best)->height;
}

static void rule_cpid(struct chain *c, struct claim *claim, const json_t *reply)
{
    const json_t *valid = json_object_get(reply, "cpid_sig_valid");

    if (valid == NULL)
        share_reject(claim->s, REASON_WALLET_OUTDATED, "the wallet reports no cpid_sig_valid");
    else if (!json_is_true(valid))
        share_reject(claim->s, REASON_CPID_INVALID, "the CPID's signature is not valid");
    else if (!json_is_true(json_object_get(reply, "cpid_legal")) && !legality_is_of_now(c, claim))
        share_reject(claim->s, REASON_CPID_ILLEGAL, "the CPID may not solve this block");
}

static bool absent_or_bool(const json_t *x)
{
    return x == NULL || json_is_boolean(x);
}

const char *biblepay_read_coinbase(struct chain *c, struct claim *claim, const json_t *reply)
{
    const json_t *txid = json_object_get(reply, "txid");
    const json_t *recipient = json_object_get(reply, "recipient");
    const char *hash = json_string_value(json_object_get(reply, "biblehash"));

    if (!json_is_object(reply))
        return "its hexblocktocoinbase is no object";
    if (txid == NULL || recipient == NULL) {
        share_reject(claim->s, REASON_TRANSACTION_INVALID, "the wallet cannot read the coinbase");
        return NULL;
    }
    if (!json_is_string(txid) || !json_is_string(recipient) ||
        !absent_or_bool(json_object_get(reply, "cpid_sig_valid")) ||
        !absent_or_bool(json_object_get(reply, "cpid_legal")))
        return "its hexblocktocoinbase has members of other types";
    claim->has_block_hash =
        hash != NULL && u256_from_hex(hash, strlen(hash), &claim->block_pow_hash);
    if (is_pools(c->net, json_string_value(recipient), claim->s->received_us))
        rule_cpid(c, claim, reply);
    else
        share_reject(claim->s, REASON_TAMPERED, "recipient: it pays %s",
                     json_string_value(recipient));
    return NULL;
}

enum chain_result biblepay_ask_coinbase(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_TRANSACTION_INVALID,
                                      .method = "exec",
                                      .params = coinbase_params,
                                      .read = biblepay_read_coinbase};

    return ask(c, &q, claims, n);
}

/* --- block_hash against the header --- */

/* The wallet computed `biblehash` on top of its own tip, which for most shares is their parent:
 * then exec biblehash has said already what it must be. */
static bool header_in_doubt(const struct chain *c, const struct claim *claim)
{
    int64_t time;

    return claim->s->block.coinbase.form == TX_BIBLEPAY && claim->has_block_hash &&
           u256_cmp(&claim->block_pow_hash, &claim->s->pow_hash) != 0 &&
           biblepay_time_of(c->data, &biblepay_info(c, c->best)->tip, &time);
}

static char *header_params(const struct chain *c, const struct claim *claim)
{
    const struct wallet_info *info = biblepay_info(c, c->best);
    int64_t time = 0;

    biblepay_time_of(c->data, &info->tip, &time);
    return biblehash(claim, (uint64_t)time, (uint64_t)info->height);
}

static const char *read_header(struct chain *c, struct claim *claim, const json_t *reply)
{
    struct u256 hash;
    bool any;
    const char *wrong = read_biblehash(reply, &any, &hash);

    (void)c;
    if (wrong != NULL)
        return wrong;
    if (!any || u256_cmp(&hash, &claim->block_pow_hash) != 0)
        share_reject(claim->s, REASON_BLOCK_MISMATCH, "block_hash is not the header's");
    return NULL;
}

enum chain_result biblepay_ask_header(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_BLOCK_MISMATCH,
                                      .wanted = header_in_doubt,
                                      .method = "exec",
                                      .params = header_params,
                                      .read = read_header};
    struct u256 before = biblepay_info(c, c->best)->tip;
    bool doubt = false;
    struct tip tip;
    char why[200];

    for (size_t i = 0; i < n && !doubt; i++)
        doubt = claims[i].s->state == SHARE_OPEN && header_in_doubt(c, &claims[i]);
    if (!doubt)
        return CHAIN_OK;
    if (ask(c, &q, claims, n) != CHAIN_OK)
        return CHAIN_HOLD;
    /* A tip that moved on in between would explain every difference. */
    if (!biblepay_tip(c, c->best, 0, &tip, why, sizeof(why)))
        return chain_hold(c, "%s", why);
    if (u256_cmp(&before, &tip.hash) != 0)
        return chain_hold(c, "wallet %s: its tip has just moved on", c->best->conf->label);
    return CHAIN_OK;
}

/* --- the time of a parent that was not the tip under this process's eyes --- */

static bool time_unknown(const struct chain *c, const struct claim *claim)
{
    int64_t time;

    return !biblepay_time_of(c->data, &claim->s->header.prev, &time);
}

static char *time_params(const struct chain *c, const struct claim *claim)
{
    char hex[65];

    (void)c;
    u256_to_hex(&claim->s->header.prev, hex);
    return mem_sprintf("[\"%s\"]", hex);
}

static const char *read_time(struct chain *c, struct claim *claim, const json_t *reply)
{
    const json_t *when = json_object_get(reply, "time");
    int64_t known;

    if (!json_is_integer(when))
        return "its getblock lacks the time";
    if (!biblepay_time_of(c->data, &claim->s->header.prev, &known))
        biblepay_keep_time(c->data, &claim->s->header.prev, json_integer_value(when));
    return NULL;
}

enum chain_result biblepay_ask_time(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_NONE,
                                      .wanted = time_unknown,
                                      .method = "getblock",
                                      .params = time_params,
                                      .read = read_time};

    return ask(c, &q, claims, n);
}

/* --- a parent that never was the tip --- */

static bool parent_unseen(const struct chain *c, const struct claim *claim)
{
    (void)c;
    return claim->parent.state == PARENT_UNSEEN;
}

static char *parent_params(const struct chain *c, const struct claim *claim)
{
    int64_t tip = biblepay_info(c, c->best)->height;
    int64_t height = claim->prev_height < (uint64_t)tip ? (int64_t)claim->prev_height : tip;

    return mem_sprintf("[%lld]", (long long)height);
}

static const char *read_parent(struct chain *c, struct claim *claim, const json_t *reply)
{
    const char *hex = json_string_value(reply);
    struct u256 hash;

    if (hex == NULL || !u256_from_hex(hex, strlen(hex), &hash))
        return "its getblockhash is no hash";
    if (u256_cmp(&hash, &claim->s->header.prev) != 0 ||
        (int64_t)claim->prev_height > biblepay_info(c, c->best)->height)
        return NULL;
    claim->parent.state = PARENT_KNOWN;
    claim->parent.height = (int64_t)claim->prev_height;
    return NULL;
}

enum chain_result biblepay_ask_parent(struct chain *c, struct claim *claims, size_t n)
{
    static const struct question q = {.refused = REASON_NONE,
                                      .wanted = parent_unseen,
                                      .method = "getblockhash",
                                      .params = parent_params,
                                      .read = read_parent};

    return ask(c, &q, claims, n);
}
