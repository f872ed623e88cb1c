#include "common/base/uuid.h"

#include "common/base/clock.h"
#include "common/base/hex.h"

#include <stdlib.h>
#include <string.h>

/* The text is five groups of hexadecimal digits with '-' between them. */
static const struct {
    size_t text, byte, bytes;
} groups[] = {{0, 0, 4}, {9, 4, 2}, {14, 6, 2}, {19, 8, 2}, {24, 10, 6}};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

void uuid_v7(struct uuid *ret)
{
    uint64_t ms = (uint64_t)clock_real_us() / 1000;

    for (int i = 0; i < 6; i++)
        ret->b[i] = (uint8_t)(ms >> (40 - 8 * i));
    arc4random_buf(ret->b + 6, 10); /* asks the kernel and aborts if that fails */
    ret->b[6] = (ret->b[6] & 0x0f) | 0x70;
    ret->b[8] = (ret->b[8] & 0x3f) | 0x80;
}

int64_t uuid_v7_ms(const struct uuid *id)
{
    int64_t ms = 0;

    if (id->b[6] >> 4 != 7 || id->b[8] >> 6 != 2)
        return -1;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->b[i];
    return ms;
}

bool uuid_parse(const char *text, size_t len, struct uuid *ret)
{
    struct uuid id;

    if (len != UUID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < GROUPS; i++) {
        if (i > 0 && text[groups[i].text - 1] != '-')
            return false;
        if (!hex_decode(text + groups[i].text, 2 * groups[i].bytes, id.b + groups[i].byte))
            return false;
    }
    *ret = id;
    return true;
}

void uuid_format(const struct uuid *id, char out[UUID_TEXT_LEN + 1])
{
    for (size_t i = 0; i < GROUPS; i++) {
        if (i > 0)
            out[groups[i].text - 1] = '-'; /* over the NUL of the group before */
        hex_encode(id->b + groups[i].byte, groups[i].bytes, out + groups[i].text);
    }
}

bool uuid_is_storable(const struct uuid *id)
{
    return id->b[6] < 0x80;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}
