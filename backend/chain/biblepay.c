/* The biblepay family: what its wallets say of their tip. Its miners submit the blocks that they
 * find themselves, so there is nothing to submit. */
#include "backend/chain/biblepay.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *biblepay_open(struct chain *c)
{
    struct biblepay *b = mem_zalloc(sizeof(*b));

    b->info = mem_zalloc(c->wallets->n * sizeof(*b->info));
    b->pace = mem_zalloc(c->wallets->n * sizeof(*b->pace));
    c->data = b;
    return NULL;
}

static void biblepay_close(struct chain *c)
{
    struct biblepay *b = c->data;

    free(b->info);
    free(b->pace);
    free(b);
    c->data = NULL;
}

static struct wallet_info *info_of(const struct chain *c, const struct wallet *w)
{
    struct biblepay *b = c->data;

    return &b->info[w - c->wallets->wallet];
}

const struct wallet_info *biblepay_info(const struct chain *c, const struct wallet *w)
{
    return info_of(c, w);
}

struct pace *biblepay_pace(const struct chain *c, const struct wallet *w)
{
    struct biblepay *b = c->data;

    return &b->pace[w - c->wallets->wallet];
}

bool biblepay_time_of(const struct biblepay *b, const struct u256 *hash, int64_t *ret)
{
    for (size_t i = 0; i < BLOCK_TIMES_KEPT; i++) {
        if (b->time[i].time == 0 || u256_cmp(&b->time[i].hash, hash) != 0)
            continue;
        *ret = b->time[i].time;
        return true;
    }
    return false;
}

void biblepay_keep_time(struct biblepay *b, const struct u256 *hash, int64_t time)
{
    b->time[b->times_next++ % BLOCK_TIMES_KEPT] = (struct block_time){*hash, time};
}

static bool is_count(const json_t *x)
{
    return json_is_integer(x) && json_integer_value(x) >= 0;
}

static const char *read_pinfo(const json_t *reply, struct wallet_info *ret)
{
    const json_t *height = json_object_get(reply, "height");
    const json_t *pinfo = json_object_get(reply, "pinfo");
    const json_t *elapsed = json_object_get(reply, "elapsed");

    if (!is_count(height) || json_integer_value(height) > INT32_MAX || !is_count(pinfo))
        return "its pinfo lacks members";
    ret->height = json_integer_value(height);
    ret->pinfo = json_integer_value(pinfo);
    ret->elapsed = is_count(elapsed) ? json_integer_value(elapsed) : -1;
    return NULL;
}

/* The protocol document does not promise these two calls: a wallet without them is believed. */
static const char *unfit(const struct rpc_call *connections, const struct rpc_call *chain)
{
    const json_t *blocks = json_object_get(chain->reply, "blocks");
    const json_t *headers = json_object_get(chain->reply, "headers");

    if (connections->result == RPC_OK && json_is_integer(connections->reply) &&
        json_integer_value(connections->reply) < 1)
        return "it has no peers";
    if (chain->result != RPC_OK)
        return NULL;
    if (json_is_true(json_object_get(chain->reply, "initialblockdownload")))
        return "it is in initial block download";
    if (json_is_integer(blocks) && json_is_integer(headers) &&
        json_integer_value(blocks) < json_integer_value(headers))
        return "it knows headers of blocks that it does not have yet";
    return NULL;
}

static const char *wrong_answer(struct wallet *w, const struct rpc_call *call, const char *wrong)
{
    wallet_fault(w, call->method, wrong);
    return wrong;
}

/* NULL, or what is wrong; MESSAGE keeps it alive. */
static const char *ask_pinfo(struct wallet *w, int64_t timeout_ms, struct wallet_info *ret,
                             char *message, size_t size)
{
    json_t *params = json_pack("[s]", "pinfo");
    struct rpc_call call[] = {
        {.method = "exec", .params = params, .timeout_ms = timeout_ms},
        {.method = "getconnectioncount", .timeout_ms = timeout_ms},
        {.method = "getblockchaininfo", .timeout_ms = timeout_ms},
    };
    const char *wrong = NULL;

    ret->asked_us = clock_real_us();
    rpc_perform(w->rpc, call, 3);
    FAULT_POINT("biblepay.tip");
    if (!wallet_note(w, &call[0]) || call[0].result == RPC_ERROR) {
        snprintf(message, size, "%s", call[0].message);
        wrong = message;
    }
    if (wrong == NULL && (wrong = read_pinfo(call[0].reply, ret)) != NULL)
        wrong_answer(w, &call[0], wrong);
    if (wrong == NULL)
        wrong = unfit(&call[1], &call[2]);
    json_decref(params);
    rpc_calls_clear(call, 3);
    return wrong;
}

static const char *ask_tip_hash(struct wallet *w, int64_t timeout_ms, struct wallet_info *info,
                                char *message, size_t size)
{
    struct rpc_call call = {.method = "getblockhash",
                            .params = json_pack("[I]", (json_int_t)info->height),
                            .timeout_ms = timeout_ms};
    const char *wrong = NULL, *hash;

    rpc_perform(w->rpc, &call, 1);
    FAULT_POINT("biblepay.tip_hash");
    hash = json_string_value(call.reply);
    if (!wallet_note(w, &call) || call.result == RPC_ERROR) {
        snprintf(message, size, "%s", call.message);
        wrong = message;
    } else if (hash == NULL || !u256_from_hex(hash, strlen(hash), &info->tip)) {
        wrong = wrong_answer(w, &call, "its getblockhash is no hash");
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return wrong;
}

/* Without it prev_block_time goes unchecked; the wallet is none the worse. */
static void learn_time(struct biblepay *b, struct wallet *w, int64_t timeout_ms,
                       const struct u256 *hash)
{
    struct rpc_call call = {.method = "getblock", .timeout_ms = timeout_ms};
    const json_t *when;
    char hex[65];
    int64_t known;

    if (biblepay_time_of(b, hash, &known))
        return;
    u256_to_hex(hash, hex);
    call.params = json_pack("[s]", hex);
    rpc_perform(w->rpc, &call, 1);
    FAULT_POINT("biblepay.tip_time");
    when = json_object_get(call.reply, "time");
    if (json_is_integer(when))
        biblepay_keep_time(b, hash, json_integer_value(when));
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
}

bool biblepay_tip(struct chain *c, struct wallet *w, int64_t timeout_ms, struct tip *ret, char *why,
                  size_t why_size)
{
    struct wallet_info *info = info_of(c, w);
    char message[256];
    const char *wrong = ask_pinfo(w, timeout_ms, info, message, sizeof(message));

    if (wrong == NULL)
        wrong = ask_tip_hash(w, timeout_ms, info, message, sizeof(message));
    if (wrong != NULL) {
        snprintf(why, why_size, "wallet %s: %s", w->conf->label, wrong);
        return false;
    }
    learn_time(c->data, w, timeout_ms, &info->tip);
    *ret = (struct tip){.hash = info->tip, .height = info->height, .seen_us = clock_real_us()};
    return true;
}

static enum chain_result biblepay_submit(struct chain *c, struct share **shares, size_t n)
{
    (void)c;
    for (size_t i = 0; i < n; i++)
        shares[i]->candidate = CANDIDATE_NONE;
    return CHAIN_OK;
}

const struct chain_ops biblepay_ops = {
    .family = "biblepay",
    .open = biblepay_open,
    .close = biblepay_close,
    .tip = biblepay_tip,
    .block = biblepay_block,
    .check = biblepay_check,
    .submit = biblepay_submit,
};
