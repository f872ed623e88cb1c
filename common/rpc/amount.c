#include "common/rpc/rpc.h"

#include <assert.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool append_digit(int64_t *n, char c)
{
    return !__builtin_mul_overflow(*n, 10, n) && !__builtin_add_overflow(*n, c - '0', n);
}

bool rpc_amount(const char *text, unsigned decimals, int64_t *ret)
{
    assert(decimals <= 18);
    int64_t n = 0;
    unsigned places = 0;

    if (!is_digit(*text) || (text[0] == '0' && is_digit(text[1])))
        return false;
    for (; is_digit(*text); text++) {
        if (!append_digit(&n, *text))
            return false;
    }
    if (*text == '.') {
        text++;
        for (; is_digit(*text); text++, places++) {
            if (places == decimals || !append_digit(&n, *text))
                return false;
        }
        if (places == 0)
            return false;
    }
    if (*text != '\0')
        return false;
    for (; places < decimals; places++) {
        if (!append_digit(&n, '0'))
            return false;
    }
    *ret = n;
    return true;
}
