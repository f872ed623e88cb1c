/* Whole blocks put together from tests/vectors/wallet.json, as bytes. */
#ifndef PENSTOCK_TESTS_UNIT_BLOCKS_H
#define PENSTOCK_TESTS_UNIT_BLOCKS_H

#include "tests/unit/vectors.h"

#define MARKER_LEN 8 /* digits of the version that stand before marker and flag */

/* The coinbase with its witness: marker, flag, one item of 32 zero bytes. */
static inline void add_coinbase(struct bytes *b, const char *without_witness)
{
    const size_t len = strlen(without_witness);
    char *hex = mem_sprintf("%.*s0001%.*s0120%064d%s", MARKER_LEN, without_witness,
                            (int)(len - 2 * MARKER_LEN), without_witness + MARKER_LEN, 0,
                            without_witness + len - MARKER_LEN);

    bytes_add_hex(b, hex);
    free(hex);
}

/* V4 and V7: a header and a coinbase. */
static inline struct bytes block_of_coinbase(const json_t *vectors, const char *name)
{
    const json_t *v = vectors_named(vectors, "blocks", name);
    struct bytes b = bytes_from_hex(vectors_text(v, "header"));

    bytes_add_hex(&b, "01");
    add_coinbase(&b, vectors_text(v, "coinbase_without_witness"));
    return b;
}

static inline char *v5_coinbase(const json_t *vectors)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");

    return mem_sprintf("%s%s%s%s", vectors_text(v, "coinbase1"), vectors_text(v, "extranonce1"),
                       vectors_text(v, "extranonce2"), vectors_text(v, "coinbase2"));
}

static inline const char *v5_transaction(const json_t *vectors, size_t i)
{
    const json_t *list = vectors_member(vectors_named(vectors, "blocks", "V5"), "transactions");

    return vectors_text(json_array_get(list, i), "data");
}

/* V5: a coinbase, a peg-in, the HogEx; TAIL behind them. */
static inline struct bytes block_v5(const json_t *vectors, const char *tail)
{
    struct bytes b = bytes_from_hex(vectors_text(vectors_named(vectors, "blocks", "V5"), "header"));
    char *coinbase = v5_coinbase(vectors);

    bytes_add_hex(&b, "03");
    add_coinbase(&b, coinbase);
    free(coinbase);
    bytes_add_hex(&b, v5_transaction(vectors, 0));
    bytes_add_hex(&b, v5_transaction(vectors, 1));
    bytes_add_hex(&b, tail);
    return b;
}

/* V5's own MWEB part is not among the vectors; any does where it is opaque. */
static inline struct bytes block_v5_mweb(const json_t *vectors)
{
    char *tail = mem_sprintf("01%s", vectors_text(vectors, "mweb_blob_height_433"));
    struct bytes b = block_v5(vectors, tail);

    free(tail);
    return b;
}

#endif
