/* Where a block is. Wallets answer in dialects: what is different is a row of a table here. */
#include "backend/chain/bitcoin.h"
#include "common/base/fault.h"

#include <string.h>

/* Errors that say that there is no such block; any other says nothing about the block. */
static const struct {
    const char *method;
    int64_t code;
    const char *text; /* NULL: any */
} no_such_block[] = {
    {"getblockheader", -5, NULL},
    {"getblockheader", -1, "Block not found"}, /* bcoin; -1 is its code for all else, too */
    {"getblockhash", -8, NULL},                /* beyond the tip */
};

static bool says_none(const struct rpc_call *call)
{
    for (size_t i = 0; i < sizeof(no_such_block) / sizeof(no_such_block[0]); i++)
        if (call->result == RPC_ERROR && call->code == no_such_block[i].code &&
            strcmp(call->method, no_such_block[i].method) == 0 &&
            (no_such_block[i].text == NULL || strcmp(call->message, no_such_block[i].text) == 0))
            return true;
    return false;
}

/* True when the wallet's answer is a result, or, with *RET_NONE, that there is no such block. */
static bool ask(struct chain *c, struct wallet *w, struct rpc_call *call, bool *ret_none)
{
    rpc_perform(w->rpc, call, 1);
    FAULT_POINT("bitcoin.header");
    const bool answered = wallet_note(w, call);

    *ret_none = answered && says_none(call);
    if (answered && (call->result == RPC_OK || *ret_none))
        return true;
    chain_hold(c, "wallet %s: %s: %s: %s", w->conf->label, call->method,
               rpc_result_name(call->result), call->message);
    return false;
}

/* A side chain's block has confirmations, too, in bcoin's words; what is at its height tells
 * everywhere. */
static bool ask_if_on_chain(struct chain *c, struct wallet *w, const char *hash, int64_t height,
                            bool *ret)
{
    struct rpc_call call = {.method = "getblockhash",
                            .params = json_pack("[I]", (json_int_t)height)};
    bool none;
    const bool answered = ask(c, w, &call, &none);
    const char *there = json_string_value(call.reply);

    *ret = there != NULL && strcmp(there, hash) == 0;
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return answered;
}

bool bitcoin_block_header(struct chain *c, struct wallet *w, const struct u256 *hash,
                          bool *ret_found, int64_t *ret_height, int64_t *ret_confirmations)
{
    struct rpc_call call = {.method = "getblockheader"};
    bool answered, none, on_chain;
    char hex[65];

    u256_to_hex(hash, hex);
    call.params = json_pack("[s]", hex);
    answered = ask(c, w, &call, &none);
    if (answered) {
        *ret_found = !none;
        *ret_height = json_integer_value(json_object_get(call.reply, "height"));
        *ret_confirmations = json_integer_value(json_object_get(call.reply, "confirmations"));
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    if (!answered || none || *ret_confirmations < 1)
        return answered;
    answered = ask_if_on_chain(c, w, hex, *ret_height, &on_chain);
    if (answered && !on_chain)
        *ret_confirmations = -1;
    return answered;
}
