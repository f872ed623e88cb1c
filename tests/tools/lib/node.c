#include "tests/tools/lib/node.h"

#include "common/base/clock.h"
#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed(struct node *node, const char *method, const char *why)
{
    snprintf(node->message, sizeof(node->message), "%s: %s", method, why);
    return false;
}

/* The reply's new reference, or NULL with the message set. PARAMS is taken over. */
static json_t *ask(struct node *node, const char *method, json_t *params, bool large)
{
    struct rpc_call call = {.method = method, .params = params, .large = large};

    rpc_perform(node->rpc, &call, 1);
    json_decref(params);
    if (call.result == RPC_OK)
        return call.reply;
    snprintf(node->message, sizeof(node->message), "%s: %s: %s", method,
             rpc_result_name(call.result), call.message);
    return NULL;
}

static bool hash_member(json_t *object, const char *name, struct u256 *ret)
{
    const char *hex = json_string_value(json_object_get(object, name));

    return hex != NULL && u256_from_hex(hex, strlen(hex), ret);
}

static bool number_member(json_t *object, const char *name, int64_t *ret)
{
    json_t *value = json_object_get(object, name);

    *ret = json_integer_value(value);
    return json_is_integer(value) && *ret >= 0;
}

bool node_tip(struct node *node, char hash[65])
{
    json_t *reply = ask(node, "getbestblockhash", NULL, false);
    if (reply == NULL)
        return false;
    bool ok = json_string_length(reply) == 64;
    if (ok)
        memcpy(hash, json_string_value(reply), 65);
    json_decref(reply);
    return ok || failed(node, "getbestblockhash", "not a hash");
}

static bool decode_transactions(struct template *t)
{
    json_t *tx;
    size_t i;

    t->transactions = json_object_get(t->json, "transactions");
    if (!json_is_array(t->transactions))
        return false;
    t->tx_count = json_array_size(t->transactions);
    t->txid = mem_resize(NULL, t->tx_count + 1, sizeof(*t->txid));
    json_array_foreach(t->transactions, i, tx)
    {
        if (!json_is_string(json_object_get(tx, "data")) || !hash_member(tx, "txid", &t->txid[i]))
            return false;
    }
    return true;
}

static bool decode_template(struct template *t)
{
    int64_t version, value;
    const char *bits = json_string_value(json_object_get(t->json, "bits"));
    uint8_t b[4];

    if (!number_member(t->json, "version", &version) ||
        !number_member(t->json, "height", &t->height) ||
        !number_member(t->json, "curtime", &t->time) ||
        !number_member(t->json, "mintime", &t->mintime) ||
        !number_member(t->json, "coinbasevalue", &value) || bits == NULL || strlen(bits) != 8 ||
        !hex_decode(bits, 8, b) || !hash_member(t->json, "previousblockhash", &t->prev))
        return false;
    t->version = (uint32_t)version;
    t->value = (uint64_t)value;
    t->bits = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    t->commitment = json_string_value(json_object_get(t->json, "default_witness_commitment"));
    t->mweb = json_string_value(json_object_get(t->json, "mweb"));
    t->flags = json_string_value(json_object_get(json_object_get(t->json, "coinbaseaux"), "flags"));
    return u256_from_compact(t->bits, &t->network_target) && decode_transactions(t);
}

static bool previous_time(struct node *node, struct template *t)
{
    char prev[65];

    u256_to_hex(&t->prev, prev);
    json_t *header = ask(node, "getblockheader", json_pack("[s]", prev), false);
    if (header == NULL)
        return false;
    bool ok = number_member(header, "time", &t->prev_time);
    json_decref(header);
    return ok || failed(node, "getblockheader", "no time in the reply");
}

bool node_template(struct node *node, struct template *t)
{
    struct template new = {.fetched_ms = clock_mono_ms()};
    bool ok;

    new.json =
        ask(node, "getblocktemplate", json_pack("[{s:[s,s]}]", "rules", "mweb", "segwit"), true);
    if (new.json == NULL)
        return false;
    ok = decode_template(&new) || failed(node, "getblocktemplate", "unexpected reply");
    ok = ok && previous_time(node, &new);
    if (ok) {
        template_clear(t);
        *t = new;
    } else {
        template_clear(&new);
    }
    return ok;
}

void template_clear(struct template *t)
{
    free(t->txid);
    json_decref(t->json);
    memset(t, 0, sizeof(*t));
}

bool node_script(struct node *node, const char *address, uint8_t script[NODE_MAX_SCRIPT],
                 size_t *ret_len)
{
    json_t *reply = ask(node, "validateaddress", json_pack("[s]", address), false);
    if (reply == NULL)
        return false;
    const char *hex = json_string_value(json_object_get(reply, "scriptPubKey"));
    size_t len = hex ? strlen(hex) : 0;
    bool ok = json_is_true(json_object_get(reply, "isvalid")) && len > 0 &&
              len <= 2 * NODE_MAX_SCRIPT && hex_decode(hex, len, script);
    json_decref(reply);
    *ret_len = len / 2;
    return ok || failed(node, "validateaddress", "the pool's address is not one of this chain");
}

bool node_submit(struct node *node, const char *block_hex)
{
    json_t *reply = ask(node, "submitblock", json_pack("[s]", block_hex), false);
    if (reply == NULL)
        return false;
    const char *text = json_string_value(reply);
    snprintf(node->message, sizeof(node->message), "%s", text ? text : "accepted");
    json_decref(reply);
    return text == NULL;
}
