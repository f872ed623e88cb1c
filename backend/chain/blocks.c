/* What all families' blocks have in common. */
#include "backend/chain/blocks.h"

#include "backend/chain/family.h"
#include "common/base/fault.h"

#include <assert.h>
#include <string.h>

#define OUT_OF_RANGE (-8) /* getblockhash: beyond the tip */

int64_t chain_height(const struct chain *c)
{
    return c->height;
}

enum chain_result chain_hash_at(struct chain *c, int64_t height, bool *ret_found, struct u256 *ret)
{
    struct wallet *w = c->best;
    struct rpc_call call = {.method = "getblockhash",
                            .params = json_pack("[I]", (json_int_t)height)};
    enum chain_result r = CHAIN_OK;
    const char *hash;

    assert(w != NULL); /* after a look */
    rpc_perform(w->rpc, &call, 1);
    FAULT_POINT("chain.hash_at");
    hash = json_string_value(call.reply);
    *ret_found = false;
    if (!wallet_note(w, &call) || (call.result == RPC_ERROR && call.code != OUT_OF_RANGE)) {
        r = chain_hold(c, "wallet %s: getblockhash: %s: %s", w->conf->label,
                       rpc_result_name(call.result), call.message);
    } else if (call.result == RPC_OK) {
        *ret_found = hash != NULL && u256_from_hex(hash, strlen(hash), ret);
        if (!*ret_found) {
            wallet_fault(w, call.method, "its getblockhash is no hash");
            r = chain_hold(c, "wallet %s: its getblockhash is no hash", w->conf->label);
        }
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
    return r;
}

enum chain_result chain_confirmations(struct chain *c, int64_t height, const struct u256 *hash,
                                      int64_t *ret)
{
    struct u256 now;
    bool found;
    enum chain_result r = chain_hash_at(c, height, &found, &now);

    if (r == CHAIN_OK)
        *ret =
            found && u256_cmp(&now, hash) == 0 && height <= c->height ? c->height - height + 1 : 0;
    return r;
}

enum chain_result chain_block_at(struct chain *c, int64_t height, struct chain_block *ret)
{
    struct u256 hash;
    bool found;
    enum chain_result r = chain_hash_at(c, height, &found, &hash);

    if (r != CHAIN_OK)
        return r;
    if (!found)
        return chain_hold(c, "wallet %s: it has no block %lld any more", c->best->conf->label,
                          (long long)height);
    *ret = (struct chain_block){.height = height, .hash = hash};
    return c->ops->block(c, c->best, ret);
}

bool chain_is_pool_address(const struct backend_network *net, const char *address)
{
    size_t len = strlen(address);

    if (strcmp(address, net->base.pool_address) == 0)
        return true;
    for (size_t i = 0; i < net->former_pool_addresses.n; i++) {
        const char *word = net->former_pool_addresses.word[i];
        size_t former;
        int64_t until;

        if (former_address_parse(word, &former, &until) && former == len &&
            memcmp(word, address, len) == 0)
            return true;
    }
    return false;
}
