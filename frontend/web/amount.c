#include "frontend/web/amount.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void amount_text(int64_t units, unsigned decimals, char out[AMOUNT_TEXT_SIZE])
{
    uint64_t size = units < 0 ? -(uint64_t)units : (uint64_t)units, one = 1;

    assert(decimals <= AMOUNT_MAX_DECIMALS);
    for (unsigned i = 0; i < decimals; i++)
        one *= 10;
    int len = snprintf(out, AMOUNT_TEXT_SIZE, "%s%" PRIu64, units < 0 ? "-" : "", size / one);
    if (size % one == 0)
        return;
    len += snprintf(out + len, AMOUNT_TEXT_SIZE - (size_t)len, ".%0*" PRIu64, (int)decimals,
                    size % one);
    while (out[len - 1] == '0')
        out[--len] = '\0';
}
