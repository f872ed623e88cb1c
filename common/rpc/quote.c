/* Quoting of inexact numbers: a scanner over JSON text that knows strings, numbers and brackets. */
#include "common/base/mem.h"
#include "common/rpc/rpc.h"

#include <stdlib.h>
#include <string.h>

#define EXACT_DIGITS 18 /* what any int64_t holds */

struct cursor {
    const char *p, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_number_char(char c)
{
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static size_t skip_digits(struct cursor *c)
{
    const char *start = c->p;

    while (c->p < c->end && is_digit(*c->p))
        c->p++;
    return (size_t)(c->p - start);
}

/* RFC 8259, section 6. What is not of this form is left for the JSON parser to refuse: quoted, it
 * would become a valid string. */
static bool is_inexact_number(const char *text, size_t len)
{
    struct cursor c = {text, text + len};
    bool integer = true;

    if (*c.p == '-')
        c.p++;
    const char *first = c.p;
    size_t digits = skip_digits(&c);
    if (digits == 0 || (digits > 1 && *first == '0'))
        return false;
    if (c.p < c.end && *c.p == '.') {
        c.p++;
        integer = false;
        if (skip_digits(&c) == 0)
            return false;
    }
    if (c.p < c.end && (*c.p == 'e' || *c.p == 'E')) {
        c.p++;
        integer = false;
        if (c.p < c.end && (*c.p == '+' || *c.p == '-'))
            c.p++;
        if (skip_digits(&c) == 0)
            return false;
    }
    return c.p == c.end && (!integer || digits > EXACT_DIGITS);
}

/* A number in the place of a member's name is an error that quoting would hide. */
static bool colon_follows(const struct cursor *c)
{
    for (const char *p = c->p; p < c->end; p++) {
        if (!strchr(" \t\r\n", *p) || *p == '\0')
            return *p == ':';
    }
    return false;
}

static char *copy_number(struct cursor *in, char *out)
{
    const char *start = in->p;

    while (in->p < in->end && is_number_char(*in->p))
        in->p++;
    size_t len = (size_t)(in->p - start);
    bool quote = is_inexact_number(start, len) && !colon_follows(in);
    if (quote)
        *out++ = '"';
    memcpy(out, start, len);
    out += len;
    if (quote)
        *out++ = '"';
    return out;
}

/* NULL when the string does not end. */
static char *copy_string(struct cursor *in, char *out)
{
    *out++ = *in->p++;
    while (in->p < in->end && *in->p != '"') {
        if (*in->p == '\\') {
            *out++ = *in->p++;
            if (in->p == in->end)
                return NULL;
        }
        *out++ = *in->p++;
    }
    if (in->p == in->end)
        return NULL;
    *out++ = *in->p++;
    return out;
}

char *rpc_quote_numbers(const char *text, size_t len, size_t *ret_len)
{
    struct cursor in = {text, text + len};
    unsigned depth = 0;
    /* Quotes add two bytes to a token of at least three. */
    char *result = mem_resize(NULL, 2 * len + 1, 1), *out = result;

    while (out != NULL && in.p < in.end) {
        char c = *in.p;
        if (c == '"') {
            out = copy_string(&in, out);
        } else if (c == '-' || is_digit(c)) {
            out = copy_number(&in, out);
        } else {
            if ((c == '[' || c == '{') && ++depth > RPC_MAX_DEPTH)
                break;
            if ((c == ']' || c == '}') && depth > 0)
                depth--;
            *out++ = *in.p++;
        }
    }
    if (out == NULL || in.p < in.end) {
        free(result);
        return NULL;
    }
    *out = '\0';
    *ret_len = (size_t)(out - result);
    return result;
}
