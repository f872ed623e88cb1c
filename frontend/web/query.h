/* What stands behind the '?' of a URL: the sender's word, taken apart within bounds. */
#ifndef PENSTOCK_FRONTEND_WEB_QUERY_H
#define PENSTOCK_FRONTEND_WEB_QUERY_H

#include "frontend/fcgi/request.h"

#include <stdbool.h>
#include <stdint.h>

/* A number in decimal digits, at most MAX; DEFLT when there is no parameter NAME (in any case).
 * False when it is given twice, or is anything else. Parameters with other names are passed over.
 */
bool query_uint(const struct request *rq, const char *name, uint64_t deflt, uint64_t max,
                uint64_t *ret);

/* The same of a whole text, such as a part of the path. */
bool query_number(const char *text, size_t len, uint64_t max, uint64_t *ret);

/* A text, with what '+' and "%41" stand for; "" when there is no parameter NAME. False when it is
 * given twice, does not fit in SIZE bytes with its NUL, or has a '%' that is no code or means NUL.
 */
bool query_text(const struct request *rq, const char *name, char *out, size_t size);

#define PAGE_MAX_NUMBER   1000
#define PAGE_MAX_SIZE     100
#define PAGE_DEFAULT_SIZE 15

/* Which rows of a list: `page` from 0 on, `pageSize` 1 to PAGE_MAX_SIZE. */
struct page {
    uint64_t offset, size;
};

/* False when one of the two is malformed or out of its bounds. */
bool query_page(const struct request *rq, struct page *ret);

#endif
