/* Replies of a hostile wallet: number quoting, single and batch replies, amounts. */
#include "common/base/mem.h"
#include "common/rpc/exchange.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Quoting must not turn an invalid text into a valid one. */
static void check_quoting(const char *text, size_t len)
{
    size_t quoted_len;
    char *quoted = rpc_quote_numbers(text, len, &quoted_len);
    if (quoted == NULL)
        return;
    json_error_t error;
    json_t *ours = json_loadb(quoted, quoted_len, JSON_DECODE_ANY, NULL);
    if (ours != NULL) {
        json_t *plain = json_loadb(text, len, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
        assert(plain != NULL || json_error_code(&error) == json_error_numeric_overflow);
        json_decref(plain);
    }
    json_decref(ours);
    free(quoted);
}

static void check_replies(const char *text, size_t len, size_t n, long status)
{
    struct rpc_call calls[3] = {
        {.http_status = status}, {.http_status = status}, {.http_status = status}};

    exchange_decode(calls, n, 1, text, len);
    for (size_t i = 0; i < n; i++) {
        assert((calls[i].result == RPC_OK) == (calls[i].reply != NULL));
        assert(strnlen(calls[i].message, sizeof(calls[i].message)) < sizeof(calls[i].message));
        assert(calls[i].code == 0 || calls[i].result == RPC_ERROR ||
               calls[i].result == RPC_UNAVAILABLE);
    }
    for (size_t i = 0; i < n; i++)
        json_decref(calls[i].reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long status[] = {200, 500, 404, 401};
    if (size == 0)
        return 0;
    const char *text = (const char *)data + 1;
    size_t len = size - 1;

    check_quoting(text, len);
    check_replies(text, len, data[0] & 4 ? 3 : 1, status[data[0] & 3]);

    char *amount_text = mem_strndup(text, len);
    int64_t amount;
    if (rpc_amount(amount_text, 8, &amount))
        assert(amount >= 0 && strlen(amount_text) <= 20);
    free(amount_text);
    return 0;
}
