/* Shared by the parsers of transactions and blocks: a reader over bytes that nobody vouches for.
 *
 * The first failure sticks: it empties the reader, so every later read yields zeros at once, and
 * callers look at the result only where they act on what they read. */
#ifndef PENSTOCK_COMMON_COIN_BLOCK_PRIVATE_H
#define PENSTOCK_COMMON_COIN_BLOCK_PRIVATE_H

#include "common/coin/block.h"

struct reader {
    const uint8_t *p;
    size_t left;
    enum parse_result result;
    enum tx_form form;
};

#define READER(data, size) ((struct reader){(data), (size), PARSE_OK, TX_BITCOIN})

/* The bytes stay where they are: spans point into them. */
struct span reader_bytes(struct reader *r, size_t n);
uint8_t reader_u8(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* A CompactSize that announces elements of at least MIN_SIZE bytes each. More than MAX is
 * PARSE_OVERSIZE, more than can follow PARSE_TRUNCATED, a longer form than needed PARSE_BAD. */
uint32_t reader_count(struct reader *r, uint32_t max, size_t min_size);

/* A CompactSize and that many bytes. */
struct span reader_string(struct reader *r);

void reader_fail(struct reader *r, enum parse_result why);

/* The MWEB part of a block, up to the end of the reader. */
struct span mweb_read(struct reader *r);

/* One transaction in the reader's form; *RET is complete only when the reader has not failed. */
void tx_read(struct reader *r, struct tx *ret);

#endif
