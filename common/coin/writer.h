/* Writing what the parsers of block.h read: little-endian numbers and CompactSize. False, with the
 * buffer unchanged, when its bound would be passed. */
#ifndef PENSTOCK_COMMON_COIN_WRITER_H
#define PENSTOCK_COMMON_COIN_WRITER_H

#include "common/base/buf.h"

#include <stdint.h>

bool write_u32(struct buf *b, uint32_t x);
bool write_u64(struct buf *b, uint64_t x);
bool write_compact_size(struct buf *b, uint64_t x); /* the shortest form */

/* The push of a number onto the script stack, as BIP 34 demands it of a coinbase's height: an
 * opcode of its own up to 16, else the length and as few bytes as it takes. */
bool write_script_number(struct buf *b, uint32_t x);

#endif
