#include "frontend/web/query.h"

#include <string.h>

bool query_number(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';

        if (digit > 9 || value > (max - (digit < max ? digit : max)) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *ret = value;
    return true;
}

bool query_uint(const struct request *rq, const char *name, uint64_t deflt, uint64_t max,
                uint64_t *ret)
{
    const char *at = request_variable(rq, "QUERY_STRING");
    size_t name_len = strlen(name);
    bool found = false;

    *ret = deflt;
    while (at && *at) {
        size_t len = strcspn(at, "&");

        if (len > name_len && at[name_len] == '=' && strncasecmp(at, name, name_len) == 0) {
            if (found || !query_number(at + name_len + 1, len - name_len - 1, max, ret))
                return false;
            found = true;
        }
        at += len + (at[len] == '&');
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* LEN bytes of a form's value, decoded. */
static bool decode(const char *value, size_t len, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = value[i] == '+' ? ' ' : value[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_digit(value[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(value[i + 2]) : -1;

            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool query_text(const struct request *rq, const char *name, char *out, size_t size)
{
    const char *at = request_variable(rq, "QUERY_STRING");
    size_t name_len = strlen(name);
    bool found = false;

    out[0] = '\0';
    while (at && *at) {
        size_t len = strcspn(at, "&");

        if (len > name_len && at[name_len] == '=' && strncasecmp(at, name, name_len) == 0) {
            if (found || !decode(at + name_len + 1, len - name_len - 1, out, size))
                return false;
            found = true;
        }
        at += len + (at[len] == '&');
    }
    return true;
}

bool query_page(const struct request *rq, struct page *ret)
{
    uint64_t number;

    if (!query_uint(rq, "page", 0, PAGE_MAX_NUMBER, &number) ||
        !query_uint(rq, "pageSize", PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE, &ret->size) || ret->size == 0)
        return false;
    ret->offset = number * ret->size;
    return true;
}
