/* A growing byte buffer with a hard bound. Always NUL-terminated behind LEN once something was
 * added. */
#ifndef PENSTOCK_COMMON_BASE_BUF_H
#define PENSTOCK_COMMON_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL until the first addition */
    size_t len, cap;
    size_t max; /* LEN never exceeds this */
};

#define BUF_INIT(max_bytes) ((struct buf){NULL, 0, 0, (max_bytes)})

/* False, with the buffer unchanged, when the bound would be passed. Out of memory aborts. */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_clear(struct buf *b); /* empties it, keeps the memory */
void buf_free(struct buf *b);

#endif
