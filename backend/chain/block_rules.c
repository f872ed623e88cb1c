/* Rules about a block that all families have. */
#include "backend/chain/block_rules.h"

#include <stdlib.h>
#include <string.h>

void rule_header_time(struct share *s, const struct rule_input *in, enum reason reason)
{
    int64_t ahead = (int64_t)s->header.time - s->received_us / 1000000;

    if (ahead > in->net->header_time_ahead_s || -ahead > in->net->header_time_back_s)
        share_reject(s, reason, "the header's time is %lld s %s its receipt", llabs(ahead),
                     ahead > 0 ? "after" : "before");
}

static void must_equal(struct share *s, enum reason reason, const char *name,
                       enum solution_field field, uint64_t truth)
{
    uint64_t claimed;

    if (!solution_number(&s->msg->field[field], &claimed))
        share_reject(s, reason, "%s is no number", name);
    else if (claimed != truth)
        share_reject(s, reason, "%s is %llu, the block says %llu", name,
                     (unsigned long long)claimed, (unsigned long long)truth);
}

void rule_block_time(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    must_equal(s, reason, "block_time", SOLUTION_BLOCK_TIME, s->header.time);
}

void rule_nonce(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    must_equal(s, reason, "nonce", SOLUTION_NONCE, s->header.nonce);
}

void rule_merkle(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    if (!s->block.merkle_ok)
        share_reject(s, reason, "the transactions do not yield the header's merkle root");
}

void rule_transaction(struct share *s, const struct rule_input *in, enum reason reason)
{
    (void)in;
    if (u256_cmp(&s->transaction.txid, &s->block.coinbase.txid) != 0)
        share_reject(s, reason, "transaction_hex is not the block's coinbase");
}

/* A miner that names itself in its coinbase is safe from whoever copies its solutions on their way
 * and sends them with an id of his own. */
void rule_miner_tag(struct share *s, const struct rule_input *in, enum reason reason)
{
    static const char tag[] = "<MINERGUID>";
    const struct tx *coinbase = &s->block.coinbase;
    const struct span *in_tx =
        coinbase->form == TX_BIBLEPAY ? &coinbase->raw : &coinbase->coinbase_sig;
    const uint8_t *found = memmem(in_tx->p, in_tx->len, tag, strlen(tag));
    struct uuid named;

    (void)in;
    if (found == NULL)
        return;
    found += strlen(tag);
    if ((size_t)(in_tx->p + in_tx->len - found) >= UUID_TEXT_LEN &&
        uuid_parse((const char *)found, UUID_TEXT_LEN, &named) &&
        !uuid_equal(&named, &s->work.miner_id))
        share_reject(s, reason, "the coinbase names another miner");
}
