#include "common/coin/writer.h"

enum { OP_0 = 0x00, OP_1 = 0x51 };

static void put(uint8_t *to, uint64_t x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(x >> (8 * i));
}

bool write_u32(struct buf *b, uint32_t x)
{
    uint8_t bytes[4];

    put(bytes, x, sizeof(bytes));
    return buf_add(b, bytes, sizeof(bytes));
}

bool write_u64(struct buf *b, uint64_t x)
{
    uint8_t bytes[8];

    put(bytes, x, sizeof(bytes));
    return buf_add(b, bytes, sizeof(bytes));
}

bool write_compact_size(struct buf *b, uint64_t x)
{
    uint8_t bytes[9];
    const size_t n = x < 0xfd ? 0 : x <= UINT16_MAX ? 2 : x <= UINT32_MAX ? 4 : 8;

    bytes[0] = n == 0 ? (uint8_t)x : n == 2 ? 0xfd : n == 4 ? 0xfe : 0xff;
    put(bytes + 1, x, n);
    return buf_add(b, bytes, 1 + n);
}

bool write_script_number(struct buf *b, uint32_t x)
{
    uint8_t bytes[6];
    size_t n = 0;

    if (x <= 16) {
        bytes[0] = x == 0 ? OP_0 : (uint8_t)(OP_1 + x - 1);
        return buf_add(b, bytes, 1);
    }
    for (uint64_t rest = x; rest != 0; rest >>= 8)
        bytes[++n] = (uint8_t)rest;
    if (bytes[n] & 0x80) /* would read as the sign */
        bytes[++n] = 0;
    bytes[0] = (uint8_t)n;
    return buf_add(b, bytes, 1 + n);
}
