/* The miner's own node: block templates and what else a miner must know of the chain. */
#ifndef PENSTOCK_TESTS_TOOLS_NODE_H
#define PENSTOCK_TESTS_TOOLS_NODE_H

#include "common/coin/u256.h"
#include "common/rpc/rpc.h"

#define NODE_MAX_SCRIPT 64

/* A getblocktemplate reply, decoded as far as a miner needs it. */
struct template
{
    uint32_t version, bits;
    int64_t height, time, mintime; /* TIME: the node's at the moment of the reply */
    int64_t prev_time;
    int64_t fetched_ms; /* monotonic */
    uint64_t value;     /* subsidy and fees */
    struct u256 prev, network_target;
    size_t tx_count;   /* without the coinbase */
    struct u256 *txid; /* display order */
    json_t *json;      /* owner of the texts below */
    json_t *transactions;
    const char *commitment, *mweb, *flags; /* hex; NULL when the template has none */
};

struct node {
    struct rpc *rpc;
    char message[320]; /* why the last call failed */
};

/* The current tip's hash. */
bool node_tip(struct node *node, char hash[65]);

/* Replaces *T, which is zeroed or holds an earlier template; unchanged on failure. */
bool node_template(struct node *node, struct template *t);
void template_clear(struct template *t);

/* The script that pays ADDRESS; false when the node does not think it is one of its chain. */
bool node_script(struct node *node, const char *address, uint8_t script[NODE_MAX_SCRIPT],
                 size_t *ret_len);

/* Hands a block to the node; its verdict ("accepted" for null) is left in node->message. */
bool node_submit(struct node *node, const char *block_hex);

#endif
