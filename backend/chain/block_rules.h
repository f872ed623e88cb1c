/* Rules about a decoded block, for the tables of the families. */
#ifndef PENSTOCK_BACKEND_CHAIN_BLOCK_RULES_H
#define PENSTOCK_BACKEND_CHAIN_BLOCK_RULES_H

#include "backend/chain/parent.h"

struct rule_input {
    const struct backend_network *net;
    const struct parent *parent;
    const void *data; /* the family's own */
};

/* A rule refuses S with the reason of its row and a detail, or leaves it alone. */
typedef void rule_fn(struct share *s, const struct rule_input *in, enum reason reason);

rule_fn rule_header_time; /* within the network's limits around the receipt */
rule_fn rule_block_time;  /* the field is that of the header */
rule_fn rule_nonce;       /* the field is that of the header */
rule_fn rule_merkle;      /* the header vouches for the transactions */
rule_fn rule_transaction; /* transaction_hex is the block's coinbase */
rule_fn rule_miner_tag;   /* a coinbase that names its miner names the owner of the work */

#endif
