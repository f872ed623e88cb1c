#include "common/rpc/exchange.h"

#include "common/base/buf.h"
#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RPC_IN_WARMUP -28
#define REQUEST_MAX   (1u << 30)

static void set_message(struct rpc_call *call, const char *text)
{
    size_t i = 0;

    for (; text[i] != '\0' && i < sizeof(call->message) - 1; i++)
        call->message[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    call->message[i] = '\0';
}

void exchange_fail(struct rpc_call *calls, size_t n, enum rpc_result result, const char *message)
{
    for (size_t i = 0; i < n; i++) {
        calls[i].result = result;
        set_message(&calls[i], message);
    }
}

/* Text by text: a tree of JSON values and its way back to text cost more than all else of a call.
 * "1.0" because recent Bitcoin nodes change their replies when told "2.0". */
static void encode_call(struct buf *b, const struct rpc_call *call, int64_t id)
{
    char *made = call->params != NULL ? json_dumps(call->params, JSON_COMPACT) : NULL;
    const char *params = made != NULL ? made : call->params_text != NULL ? call->params_text : "[]";

    if (call->params != NULL && made == NULL)
        abort(); /* out of memory, or a parameter that is no JSON */
    if (!buf_addf(b, "{\"jsonrpc\":\"1.0\",\"id\":%lld,\"method\":\"%s\",\"params\":",
                  (long long)id, call->method) ||
        !buf_add(b, params, strlen(params)) || !buf_add(b, "}", 1))
        abort(); /* beyond any request */
    free(made);
}

char *exchange_encode(const struct rpc_call *calls, size_t n, int64_t first_id, size_t *ret_len)
{
    struct buf b = BUF_INIT(REQUEST_MAX);
    bool ok = true;

    assert(n > 0);
    for (size_t i = 0; i < n; i++) {
        if (n > 1)
            ok = ok && buf_add(&b, i == 0 ? "[" : ",", 1);
        encode_call(&b, &calls[i], first_id + (int64_t)i);
    }
    if (n > 1)
        ok = ok && buf_add(&b, "]", 1);
    assert(ok);
    *ret_len = b.len;
    return b.data;
}

static void malformed(struct rpc_call *call, const char *why)
{
    exchange_fail(call, 1, RPC_MALFORMED, why);
}

static void decode_error(struct rpc_call *call, const json_t *error)
{
    const json_t *code = json_object_get(error, "code");
    const char *text = json_string_value(json_object_get(error, "message"));

    if (!json_is_integer(code)) {
        malformed(call, "reply has an error without a code");
        return;
    }
    call->code = json_integer_value(code);
    call->result = call->code == RPC_IN_WARMUP ? RPC_UNAVAILABLE : RPC_ERROR;
    set_message(call, text ? text : "(no message)");
}

/* REPLY is known to be meant for CALL. */
static void decode_reply(struct rpc_call *call, json_t *reply)
{
    json_t *result = json_object_get(reply, "result");
    json_t *error = json_object_get(reply, "error");

    if (error != NULL && !json_is_null(error)) {
        if (result != NULL && !json_is_null(result))
            malformed(call, "reply has both a result and an error");
        else
            decode_error(call, error);
    } else if (result == NULL) {
        malformed(call, "reply has no result");
    } else if (call->http_status != 200) {
        malformed(call, "reply has a result although its HTTP status is not 200");
    } else {
        call->result = RPC_OK;
        call->reply = json_incref(result);
    }
}

static void decode_single(struct rpc_call *call, int64_t id, json_t *root)
{
    json_t *reply_id = json_object_get(root, "id");

    /* A server that could not read the request answers an error with id null. */
    if (json_is_null(reply_id) && json_is_object(json_object_get(root, "error")))
        decode_reply(call, root);
    else if (json_is_integer(reply_id) && json_integer_value(reply_id) == id)
        decode_reply(call, root);
    else
        malformed(call, "reply does not carry the id of the call");
}

static void decode_batch(struct rpc_call *calls, size_t n, int64_t first_id, json_t *root)
{
    json_t **answer = mem_zalloc(n * sizeof(json_t *));
    bool *twice = mem_zalloc(n * sizeof(bool));

    for (size_t i = 0; i < json_array_size(root); i++) {
        json_t *id = json_object_get(json_array_get(root, i), "id");
        json_int_t at = json_integer_value(id);
        if (!json_is_integer(id) || at < first_id || (uint64_t)(at - first_id) >= n)
            continue;
        twice[at - first_id] = answer[at - first_id] != NULL;
        answer[at - first_id] = json_array_get(root, i);
    }
    for (size_t i = 0; i < n; i++) {
        if (answer[i] == NULL)
            malformed(&calls[i], "batch reply lacks an answer to this call");
        else if (twice[i])
            malformed(&calls[i], "batch reply answers this call twice");
        else
            decode_reply(&calls[i], answer[i]);
    }
    free(answer);
    free(twice);
}

/* False when BODY is no JSON of the right outer form. */
static bool decode_body(struct rpc_call *calls, size_t n, int64_t first_id, const char *body,
                        size_t len)
{
    size_t quoted_len;
    char *quoted = rpc_quote_numbers(body, len, &quoted_len);
    if (quoted == NULL)
        return false;
    json_t *root = json_loadb(quoted, quoted_len, 0, NULL);
    free(quoted);

    bool ok = true;
    if (json_is_object(root) && n == 1)
        decode_single(&calls[0], first_id, root);
    else if (json_is_object(root) && json_is_object(json_object_get(root, "error")))
        for (size_t i = 0; i < n; i++) /* the batch as a whole was refused */
            decode_reply(&calls[i], root);
    else if (json_is_array(root) && n > 1)
        decode_batch(calls, n, first_id, root);
    else
        ok = false;
    json_decref(root);
    return ok;
}

/* What an answer without JSON means. The wallet, or a proxy before it, refused the first group
 * before looking at the call; a proxy of the second group may have passed it on. */
static const struct status_meaning {
    long status;
    enum rpc_result result;
    const char *text;
} status_table[] = {
    {401, RPC_UNAVAILABLE, "HTTP 401: the wallet does not accept the user or the password"},
    {403, RPC_UNAVAILABLE, "HTTP 403: the wallet does not allow this host (rpcallowip)"},
    {404, RPC_UNAVAILABLE, "HTTP 404: no RPC service under this URL"},
    {405, RPC_UNAVAILABLE, "HTTP 405: no RPC service under this URL"},
    {429, RPC_UNAVAILABLE, "HTTP 429: too many requests"},
    {503, RPC_UNAVAILABLE, "HTTP 503: service unavailable"},
    {502, RPC_UNCERTAIN, "HTTP 502: a proxy lost the wallet"},
    {504, RPC_UNCERTAIN, "HTTP 504: a proxy got no answer from the wallet"},
};

static bool contains(const char *body, size_t len, const char *text)
{
    return memmem(body, len, text, strlen(text)) != NULL;
}

static void decode_status(struct rpc_call *calls, size_t n, long status, const char *body,
                          size_t len)
{
    for (size_t i = 0; i < sizeof(status_table) / sizeof(status_table[0]); i++) {
        if (status_table[i].status == status) {
            exchange_fail(calls, n, status_table[i].result, status_table[i].text);
            return;
        }
    }
    if (status == 500 && len < 256 && contains(body, len, "Work queue depth exceeded"))
        exchange_fail(calls, n, RPC_UNAVAILABLE, "Work queue depth exceeded");
    else
        exchange_fail(calls, n, RPC_MALFORMED, "answer is not JSON-RPC");
}

void exchange_decode(struct rpc_call *calls, size_t n, int64_t first_id, const char *body,
                     size_t len)
{
    long status = calls[0].http_status;
    bool refused = status == 401 || status == 403; /* unseen, whatever page comes along */

    if (refused || len == 0 || !decode_body(calls, n, first_id, body, len))
        decode_status(calls, n, status, body, len);
}
