#include "common/base/buf.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUF_FIRST = 256 };

/* Room for LEN more bytes and the NUL; false when that would pass the bound. */
static bool buf_reserve(struct buf *b, size_t len)
{
    assert(b->len <= b->max && b->max < SIZE_MAX / 2);
    if (len > b->max - b->len)
        return false;

    size_t need = b->len + len + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap * 2 : BUF_FIRST;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    b->data = mem_resize(b->data, cap, 1);
    b->cap = cap;
    return true;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
    if (!buf_reserve(b, len))
        return false;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

bool buf_addf(struct buf *b, const char *format, ...)
{
    va_list args;
    const size_t room = b->cap - b->len; /* where it fits it is written at once */

    va_start(args, format);
    int len = vsnprintf(room > 0 ? b->data + b->len : NULL, room, format, args);
    va_end(args);
    assert(len >= 0);
    if ((size_t)len < room) { /* CAP is at most the bound and the NUL */
        b->len += (size_t)len;
        return true;
    }
    if (room > 0)
        b->data[b->len] = '\0';
    if (!buf_reserve(b, (size_t)len))
        return false;
    va_start(args, format);
    vsnprintf(b->data + b->len, (size_t)len + 1, format, args);
    va_end(args);
    b->len += (size_t)len;
    return true;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
}
