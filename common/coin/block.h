/*
 * Bitcoin-family transactions and blocks: a parser that copies nothing and believes nothing.
 *
 * Formats: BIP 144 (witness serialisation, flag 01), Litecoin's MWEB (LIP 2/3: flag 08 on the
 * HogEx, `01 || mweb` behind the transactions of a block, wallet.md A.2), BiblePay's texts. All
 * results point into the caller's bytes.
 */
#ifndef PENSTOCK_COMMON_COIN_BLOCK_H
#define PENSTOCK_COMMON_COIN_BLOCK_H

#include "common/coin/hash.h"

#define BLOCK_MAX_BYTES  (8u * 1024 * 1024) /* weight 4M plus an MWEB part */
#define TX_MAX_INPUTS    100000u
#define TX_MAX_OUTPUTS   100000u
#define BLOCK_MAX_TX     100000u
#define COINBASE_MIN_SIG 2u /* scriptSig of a coinbase, in bytes; else no PARSE_OK */
#define COINBASE_MAX_SIG 100u

enum parse_result {
    PARSE_OK,
    PARSE_TRUNCATED,
    PARSE_TRAILING, /* bytes left behind the end */
    PARSE_OVERSIZE, /* a count or length beyond its bound */
    PARSE_BAD, /* a form that no encoder writes: a longer length than needed, an unknown flag, a
                  superfluous witness, no inputs or outputs, a HogEx out of place */
};
const char *parse_result_name(enum parse_result r);

/* How transactions are written. */
enum tx_form {
    TX_BITCOIN,
    TX_BIBLEPAY, /* each output has a text behind its script, transactions of version 3 with a type
                    (upper half of the version) have a payload behind the locktime; no witness */
};

#define TX_MAX_TEXT 3000u /* bytes of an output's text */

struct tx {
    struct span raw; /* the whole transaction as given */
    struct u256
        txid; /* display order; hashed without witness and MWEB flag, so also right for a HogEx */
    uint32_t version, locktime;
    uint32_t inputs, outputs;
    enum tx_form form;
    bool has_witness, is_hogex;
    bool is_coinbase;         /* one input, spending nothing */
    struct span coinbase_sig; /* scriptSig of input 0 when is_coinbase */
    struct span input_bytes;  /* for tx_next_input() */
    struct span output_bytes; /* for tx_next_output() */
};

/* What an input spends. */
struct tx_outpoint {
    struct u256 txid; /* display order */
    uint32_t index;
};

struct tx_output {
    uint64_t value; /* base units; any 64 bits, so add with care */
    struct span script;
};

struct header {
    uint32_t version, time, bits, nonce;
    struct u256 prev, merkle_root; /* display order */
};

struct block {
    const uint8_t *header_bytes; /* HEADER_SIZE of them */
    struct header header;
    struct u256 hash;   /* sha256d of the header, display order */
    struct tx coinbase; /* transaction 0; not yet known to be a coinbase: look at is_coinbase */
    uint32_t tx_count;
    bool has_mweb; /* `01 || mweb` follows */
    struct span mweb;
    bool merkle_ok; /* the transactions' ids yield the header's merkle root, and the list has
                       no duplicated tail (CVE-2012-2459) */
};

void header_parse(const uint8_t bytes[HEADER_SIZE], struct header *ret);
void header_write(const struct header *h, uint8_t bytes[HEADER_SIZE]);

/* Exactly LEN bytes. */
enum parse_result tx_parse(const uint8_t *data, size_t len, struct tx *ret);
enum parse_result tx_parse_form(enum tx_form form, const uint8_t *data, size_t len, struct tx *ret);

/* Walks transactions that stand behind each other: start with POS = 0; false at the end, and at
 * what is none. POS is then the length of BYTES, or less. */
bool tx_next(struct span bytes, size_t *pos, struct tx *ret);

/* Walk the inputs, the outputs: start with POS = 0; false at the end. */
bool tx_next_input(const struct tx *tx, size_t *pos, struct tx_outpoint *ret);
bool tx_next_output(const struct tx *tx, size_t *pos, struct tx_output *ret);

/* Exactly LEN bytes. A block with trailing bytes is accepted only when they are an MWEB part and
 * its last transaction is a HogEx. */
enum parse_result block_parse(const uint8_t *data, size_t len, struct block *ret);
enum parse_result block_parse_form(enum tx_form form, const uint8_t *data, size_t len,
                                   struct block *ret);

/* The height that a coinbase's scriptSig starts with (BIP 34, minimal push). -1 when it has none.
 */
int64_t coinbase_height(const struct tx *coinbase);

#endif
