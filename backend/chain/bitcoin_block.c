/* Blocks of the chain, read from the serialised block: the wallets' own descriptions of outputs
 * differ from release to release, and our parser vouches for the coinbase by the merkle root. */
#include "backend/chain/bitcoin.h"

#include "common/base/fault.h"
#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* All pool scripts count as one recipient, without regard to their time: the wallet holds the key
 * of each. */
static bool is_pool_script(const struct bitcoin *b, const struct span *script)
{
    for (size_t i = 0; script->p != NULL && i < b->scripts_n; i++)
        if (b->scripts[i].script.len == script->len &&
            memcmp(b->scripts[i].script.b, script->p, script->len) == 0)
            return true;
    return false;
}

static bool same_span(const struct span *a, const struct span *b)
{
    return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

/* What goes to SCRIPT, or to the pool when it is NULL, or with ALL to anyone. UINT64_MAX: more than
 * there can be. */
static uint64_t sum_to(const struct bitcoin *b, const struct tx *coinbase, const struct span *to,
                       bool all)
{
    struct tx_output out;
    uint64_t sum = 0;
    size_t pos = 0;

    while (tx_next_output(coinbase, &pos, &out)) {
        if (!all && !(to != NULL ? same_span(&out.script, to) : is_pool_script(b, &out.script)))
            continue;
        if (out.value > INT64_MAX || sum > INT64_MAX - out.value)
            return UINT64_MAX;
        sum += out.value;
    }
    return sum;
}

static struct tx_output largest_output(const struct tx *coinbase)
{
    struct tx_output out, largest = {0};
    size_t pos = 0;

    while (tx_next_output(coinbase, &pos, &out))
        if (out.value > largest.value)
            largest = out;
    return largest;
}

bool bitcoin_read_coinbase(const struct bitcoin *b, const struct tx *coinbase,
                           struct chain_block *ret)
{
    uint64_t all = sum_to(b, coinbase, NULL, true), pool = sum_to(b, coinbase, NULL, false);
    struct tx_output to = largest_output(coinbase);

    if (all == UINT64_MAX)
        return false;
    ret->pool_block = pool > all / 2;
    ret->subsidy = ret->pool_block ? pool
                   : to.value != 0 ? sum_to(b, coinbase, &to.script, false)
                                   : 0;
    ret->has_subsidy = true;
    if (ret->pool_block && !is_pool_script(b, &to.script)) { /* several of ours together */
        const struct script *ours = &b->scripts[0].script;

        to.script = (struct span){ours->b, ours->len};
    }
    if (to.value == 0 ||
        !address_from_script(&b->rules, to.script.p, to.script.len, ret->recipient))
        ret->recipient[0] = '\0';
    return true;
}

/* NULL, or what is wrong with the wallet's answer. */
static const char *read_block(const struct bitcoin *b, const char *hex, struct chain_block *ret)
{
    size_t len = hex != NULL ? strlen(hex) : 0;
    uint8_t *bytes = mem_zalloc(len / 2 + 1);
    const char *wrong = NULL;
    struct block block;
    struct u256 target;

    if (len == 0 || !hex_decode(hex, len, bytes) || block_parse(bytes, len / 2, &block) != PARSE_OK)
        wrong = "its getblock is no block";
    else if (u256_cmp(&block.hash, &ret->hash) != 0 || !block.merkle_ok)
        wrong = "its getblock is another block";
    else if (!block.coinbase.is_coinbase || !u256_from_compact(block.header.bits, &target) ||
             !bitcoin_read_coinbase(b, &block.coinbase, ret))
        wrong = "its getblock is no sound block";
    if (wrong == NULL) {
        ret->has_prev = true;
        ret->prev = block.header.prev;
        ret->time = block.header.time;
        ret->version = block.header.version;
        ret->difficulty = u256_expected_hashes(&target);
    }
    free(bytes);
    return wrong;
}

enum chain_result bitcoin_block(struct chain *c, struct wallet *w, struct chain_block *ret)
{
    struct rpc_call call = {.method = "getblock", .large = true};
    enum chain_result r = CHAIN_OK;
    const char *wrong;
    char hex[65];

    u256_to_hex(&ret->hash, hex);
    call.params = json_pack("[s,i]", hex, 0);
    rpc_perform(w->rpc, &call, 1);
    FAULT_POINT("bitcoin.block");
    if (!wallet_note(w, &call) || call.result == RPC_ERROR) {
        r = chain_hold(c, "wallet %s: getblock: %s: %s", w->conf->label,
                       rpc_result_name(call.result), call.message);
    } else if ((wrong = read_block(c->data, json_string_value(call.reply), ret)) != NULL) {
        wallet_fault(w, call.method, wrong);
        r = chain_hold(c, "wallet %s: %s", w->conf->label, wrong);
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}
