/* A wallet's block template (BIP 22, 23, 145; wallet.md A.2, B), taken apart and checked. */
#ifndef PENSTOCK_BACKEND_JOB_TEMPLATE_H
#define PENSTOCK_BACKEND_JOB_TEMPLATE_H

#include "common/coin/block.h"

#include <jansson.h>

#define TEMPLATE_MAX_FLAGS      64
#define TEMPLATE_MAX_COMMITMENT 128
#define TEMPLATE_MAX_LONGPOLLID 256

/* All rules that this program knows; a wallet that does not know one ignores it. */
#define TEMPLATE_REQUEST                                                                           \
    "\"capabilities\":[\"coinbasevalue\",\"longpoll\"],\"rules\":[\"mweb\",\"segwit\"]"

struct block_template {
    uint32_t height, version, bits;
    uint32_t time, min_time; /* MIN_TIME is 0 when the wallet does not say, and never above TIME */
    struct u256 prev;        /* display order */
    uint64_t value;          /* at most INT64_MAX */
    uint8_t flags[TEMPLATE_MAX_FLAGS]; /* belong into the coinbase's scriptSig (coinbaseaux) */
    size_t flags_len;
    uint8_t commitment[TEMPLATE_MAX_COMMITMENT];  /* script of the witness commitment's output */
    size_t commitment_len;                        /* 0: none, and no witness */
    char longpollid[TEMPLATE_MAX_LONGPOLLID + 1]; /* "": the wallet has no longpoll */
    uint32_t tx_n;
    uint8_t (*tx_id)[32]; /* internal order */
    uint8_t *tx_bytes;    /* all transactions, one behind the other */
    size_t tx_len;
    uint8_t *mweb; /* NULL: the block ends behind its transactions */
    size_t mweb_len;
};

/* NULL, with a reason in ERR, when REPLY is no template that a block can be made from: a member is
 * missing, of a wrong type or beyond its bound, bits and target differ, or a rule is demanded that
 * this program does not know. REPLY is not changed, and not needed afterwards. */
struct block_template *template_parse(const json_t *reply, char *err, size_t err_size);
void template_free(struct block_template **t);

#endif
