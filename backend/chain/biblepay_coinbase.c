/* exec hexblocktocoinbase: whom the block pays, and whether its CPID may. */
#include "backend/chain/biblepay_ask.h"

#include "common/base/mem.h"

#include <string.h>

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

    return biblepay_ask(c, &q, claims, n);
}
