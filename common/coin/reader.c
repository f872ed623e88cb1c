#include "common/coin/block-private.h"

#include <assert.h>

void reader_fail(struct reader *r, enum parse_result why)
{
    if (r->result == PARSE_OK)
        r->result = why;
    r->left = 0;
}

struct span reader_bytes(struct reader *r, size_t n)
{
    if (n > r->left)
        reader_fail(r, PARSE_TRUNCATED);
    if (r->result != PARSE_OK)
        return (struct span){r->p, 0};
    r->p += n;
    r->left -= n;
    return (struct span){r->p - n, n};
}

/* Little-endian. */
static uint64_t read_number(struct reader *r, size_t n)
{
    const struct span s = reader_bytes(r, n);
    uint64_t x = 0;

    for (size_t i = s.len; i > 0; i--)
        x = x << 8 | s.p[i - 1];
    return x;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)read_number(r, 1);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)read_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return read_number(r, 8);
}

static uint64_t read_compact_size(struct reader *r)
{
    static const struct {
        size_t bytes;
        uint64_t least;
    } forms[] = {{2, 0xfd}, {4, 0x10000}, {8, UINT64_C(0x100000000)}};
    const uint8_t first = reader_u8(r);

    if (first < 0xfd)
        return first;
    const uint64_t x = read_number(r, forms[first - 0xfd].bytes);
    if (x < forms[first - 0xfd].least)
        reader_fail(r, PARSE_BAD);
    return r->result == PARSE_OK ? x : 0;
}

uint32_t reader_count(struct reader *r, uint32_t max, size_t min_size)
{
    const uint64_t n = read_compact_size(r);

    assert(min_size > 0);
    if (n > max)
        reader_fail(r, PARSE_OVERSIZE);
    else if (n > r->left / min_size)
        reader_fail(r, PARSE_TRUNCATED);
    return r->result == PARSE_OK ? (uint32_t)n : 0;
}

struct span reader_string(struct reader *r)
{
    return reader_bytes(r, reader_count(r, BLOCK_MAX_BYTES, 1));
}

const char *parse_result_name(enum parse_result r)
{
    static const char *const names[] = {
        [PARSE_OK] = "ok",
        [PARSE_TRUNCATED] = "truncated",
        [PARSE_TRAILING] = "trailing bytes",
        [PARSE_OVERSIZE] = "oversize",
        [PARSE_BAD] = "bad form",
    };

    assert((size_t)r < sizeof(names) / sizeof(names[0]));
    return names[r];
}
