#include "backend/chain/bitcoin.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_script(struct bitcoin *b, const struct address_rules *rules, const char *address,
                       size_t len, int64_t until_us)
{
    struct pool_script *s = &b->scripts[b->scripts_n++];
    bool ok = address_to_script(rules, address, len, &s->script);

    assert(ok); /* backend_conf_check() */
    s->until_us = until_us;
}

static const char *bitcoin_open(struct chain *c)
{
    const struct backend_network *net = c->net;
    struct bitcoin *b = mem_zalloc(sizeof(*b));
    char *wrong = network_rules(&net->base, &b->rules);

    assert(wrong == NULL); /* backend_conf_check() */
    b->pow = pow_by_name(pow_algorithm_names[net->algorithm]);
    assert(b->pow != NULL); /* a choice of the setting */
    b->scripts = mem_zalloc((1 + net->former_pool_addresses.n) * sizeof(struct pool_script));
    add_script(b, &b->rules, net->base.pool_address, strlen(net->base.pool_address), INT64_MAX);
    for (size_t i = 0; i < net->former_pool_addresses.n; i++) {
        const char *word = net->former_pool_addresses.word[i];
        int64_t until;
        size_t len;

        if (former_address_parse(word, &len, &until))
            add_script(b, &b->rules, word, len, until);
    }
    c->data = b;
    return NULL;
}

static void bitcoin_close(struct chain *c)
{
    struct bitcoin *b = c->data;

    free(b->scripts);
    free(b);
    c->data = NULL;
}

/* What makes the wallet's word about the tip unfit to judge by; NULL when nothing does. */
static const char *unfit(const json_t *info, const json_t *connections)
{
    const json_t *blocks = json_object_get(info, "blocks");
    const json_t *headers = json_object_get(info, "headers");

    if (!json_is_integer(blocks) || !json_is_integer(headers) ||
        !json_is_string(json_object_get(info, "bestblockhash")))
        return "its getblockchaininfo lacks members";
    if (json_is_true(json_object_get(info, "initialblockdownload")))
        return "it is in initial block download";
    if (json_integer_value(blocks) != json_integer_value(headers))
        return "it knows headers of blocks that it does not have yet";
    if (!json_is_integer(connections) || json_integer_value(connections) < 1)
        return "it has no peers";
    return NULL;
}

static bool bitcoin_tip(struct chain *c, struct wallet *w, int64_t timeout_ms, struct tip *ret,
                        char *why, size_t why_size)
{
    struct rpc_call call[2] = {{.method = "getblockchaininfo", .timeout_ms = timeout_ms},
                               {.method = "getconnectioncount", .timeout_ms = timeout_ms}};
    const char *wrong = NULL, *hash;

    (void)c;
    rpc_batch(w->rpc, call, 2);
    FAULT_POINT("bitcoin.tip");
    for (size_t i = 0; i < 2 && wrong == NULL; i++)
        if (!wallet_note(w, &call[i]) || call[i].result == RPC_ERROR)
            wrong = call[i].message;
    if (wrong == NULL)
        wrong = unfit(call[0].reply, call[1].reply);
    if (wrong == NULL) {
        *ret = (struct tip){.seen_us = clock_real_us()};
        ret->height = json_integer_value(json_object_get(call[0].reply, "blocks"));
        hash = json_string_value(json_object_get(call[0].reply, "bestblockhash"));
        if (!u256_from_hex(hash, strlen(hash), &ret->hash))
            wrong = "its bestblockhash is no hash";
    }
    if (wrong != NULL)
        snprintf(why, why_size, "wallet %s: %s", w->conf->label, wrong);
    rpc_calls_clear(call, 2);
    return wrong == NULL;
}

static void bitcoin_next_bits(struct chain *c, struct tip *tip)
{
    struct rpc_call call = {.method = "getblocktemplate",
                            .params = json_pack("[{s:[s,s]}]", "rules", "mweb", "segwit"),
                            .large = true};
    struct u256 prev;
    const char *text;
    char *end;

    rpc_perform(c->best->rpc, &call, 1);
    FAULT_POINT("bitcoin.next_bits");
    /* The tip may have moved on meanwhile; then these are not its bits. */
    text = json_string_value(json_object_get(call.reply, "previousblockhash"));
    if (text != NULL && u256_from_hex(text, strlen(text), &prev) &&
        u256_cmp(&prev, &tip->hash) == 0) {
        text = json_string_value(json_object_get(call.reply, "bits"));
        if (text != NULL && strlen(text) == 8) {
            tip->bits = (uint32_t)strtoul(text, &end, 16);
            tip->has_bits = *end == '\0';
        }
    }
    json_decref(call.params);
    rpc_calls_clear(&call, 1);
}

const struct chain_ops bitcoin_ops = {
    .family = "bitcoin",
    .open = bitcoin_open,
    .close = bitcoin_close,
    .tip = bitcoin_tip,
    .next_bits = bitcoin_next_bits,
    .block = bitcoin_block,
    .check = bitcoin_check,
    .submit = bitcoin_submit,
    .hash_jobs = bitcoin_hash_jobs,
    .claims_block = bitcoin_claims_block,
};
