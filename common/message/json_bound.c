#include "common/message/json_bound.h"

#include <string.h>

/* P is behind the opening quote; returns the closing one, or END. */
static const char *string_end(const char *p, const char *end)
{
    const char *const start = p;

    while ((p = memchr(p, '"', (size_t)(end - p)))) {
        const char *before = p;

        while (before > start && before[-1] == '\\')
            before--;
        if ((p - before) % 2 == 0)
            return p;
        p++;
    }
    return end;
}

bool json_within(const char *text, size_t len, unsigned max_depth, unsigned max_values)
{
    const char *const end = text + len;
    unsigned depth = 0, values = 1;

    for (const char *p = text; p < end; p++) {
        switch (*p) {
        case '"':
            p = string_end(p + 1, end);
            break;
        case '[':
        case '{':
            if (++depth > max_depth)
                return false;
            /* fall through */ /* to its first value */
        case ',':
            if (++values > max_values)
                return false;
            break;
        case ']':
        case '}':
            depth -= depth > 0;
            break;
        default:
            break;
        }
    }
    return true;
}
