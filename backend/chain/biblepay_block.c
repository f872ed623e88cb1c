/* Blocks of the chain, as `exec subsidy` and getblock tell them. */
#include "backend/chain/biblepay.h"

#include "common/base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECIMALS 8
#define COIN     100000000

/* A number of whole coins, or of coins with decimals (which arrive as text). */
static bool read_coins(const json_t *x, uint64_t *ret)
{
    int64_t amount;

    if (json_is_integer(x)) {
        amount = json_integer_value(x);
        if (amount < 0 || amount > INT64_MAX / COIN)
            return false;
        *ret = (uint64_t)amount * COIN;
        return true;
    }
    if (!json_is_string(x) || !rpc_amount(json_string_value(x), DECIMALS, &amount))
        return false;
    *ret = (uint64_t)amount;
    return true;
}

static void copy_text(const json_t *x, char *out, size_t size)
{
    printable_copy(out, size, json_is_string(x) ? json_string_value(x) : "");
}

/* NULL, or what is wrong. A reply without `subsidy` is sound: it only tells nothing. */
const char *biblepay_read_subsidy(const struct backend_network *net, const json_t *reply,
                                  struct chain_block *ret)
{
    const json_t *subsidy = json_object_get(reply, "subsidy");
    const char *guid = json_string_value(json_object_get(reply, "minerguid"));

    if (!json_is_object(reply))
        return "its subsidy is no object";
    if (subsidy == NULL)
        return NULL;
    if (!read_coins(subsidy, &ret->subsidy))
        return "its subsidy is no amount";
    ret->has_subsidy = true;
    copy_text(json_object_get(reply, "recipient"), ret->recipient, sizeof(ret->recipient));
    copy_text(json_object_get(reply, "blockversion"), ret->version_text, sizeof(ret->version_text));
    ret->pool_block = chain_is_pool_address(net, ret->recipient);
    ret->has_finder = guid != NULL && uuid_parse(guid, strlen(guid), &ret->finder);
    return NULL;
}

/* The protocol document promises `time` only; the rest is what any getblock has. */
const char *biblepay_read_block(const json_t *reply, struct chain_block *ret)
{
    const json_t *time = json_object_get(reply, "time");
    const json_t *version = json_object_get(reply, "version");
    const char *prev = json_string_value(json_object_get(reply, "previousblockhash"));
    const char *bits = json_string_value(json_object_get(reply, "bits"));
    struct u256 target;
    char *end;

    if (!json_is_integer(time) || json_integer_value(time) < 0 ||
        json_integer_value(time) > UINT32_MAX)
        return "its getblock has no time";
    ret->time = json_integer_value(time);
    ret->version = json_is_integer(version) ? json_integer_value(version) : 0;
    ret->has_prev = prev != NULL && u256_from_hex(prev, strlen(prev), &ret->prev);
    if (bits != NULL && strlen(bits) == 8) {
        uint32_t compact = (uint32_t)strtoul(bits, &end, 16);

        if (*end == '\0' && u256_from_compact(compact, &target))
            ret->difficulty = u256_expected_hashes(&target);
    }
    return NULL;
}

/* getblock goes by the hash and `exec subsidy` by the height, so the height's hash is asked for
 * once more behind them: had the chain changed in between, the two could be of different blocks. */
enum chain_result biblepay_block(struct chain *c, struct wallet *w, struct chain_block *ret)
{
    char height[24], hex[65];
    struct rpc_call call[2] = {{.method = "exec"}, {.method = "getblock"}};
    const char *wrong = NULL;
    struct u256 again;
    bool found;

    snprintf(height, sizeof(height), "%lld", (long long)ret->height);
    u256_to_hex(&ret->hash, hex);
    call[0].params = json_pack("[s,s]", "subsidy", height);
    call[1].params = json_pack("[s]", hex);
    rpc_perform(w->rpc, call, 2);
    FAULT_POINT("biblepay.block");
    for (size_t i = 0; i < 2 && wrong == NULL; i++)
        if (!wallet_note(w, &call[i]) || call[i].result == RPC_ERROR)
            wrong = call[i].message;
    if (wrong == NULL && ((wrong = biblepay_read_subsidy(c->net, call[0].reply, ret)) != NULL ||
                          (wrong = biblepay_read_block(call[1].reply, ret)) != NULL))
        wallet_fault(w, "exec subsidy", wrong);
    if (wrong != NULL)
        chain_hold(c, "wallet %s: block %s: %s", w->conf->label, height, wrong);
    for (size_t i = 0; i < 2; i++)
        json_decref(call[i].params);
    rpc_calls_clear(call, 2);
    if (wrong != NULL || chain_hash_at(c, ret->height, &found, &again) != CHAIN_OK)
        return CHAIN_HOLD;
    if (!found || u256_cmp(&again, &ret->hash) != 0)
        return chain_hold(c, "wallet %s: block %s was replaced meanwhile", w->conf->label, height);
    return CHAIN_OK;
}
