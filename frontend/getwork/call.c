#include "frontend/getwork/call.h"

#include "common/base/hex.h"
#include "common/message/json_bound.h"
#include "frontend/getwork/getwork.h"

#include <jansson.h>
#include <string.h>

const struct call_error_text call_errors[CALL_ERRORS] = {
    [CALL_OK] = {0, "", ""},
    [CALL_NO_JSON] = {-32700, "call_no_json", "The body is not JSON"},
    [CALL_TOO_DEEP] = {-32700, "call_too_deep", "The JSON nests too deep or has too many values"},
    [CALL_BATCH] = {-32600, "call_batch", "Batches are not taken; send one call at a time"},
    [CALL_NO_CALL] = {-32600, "call_invalid",
                      "The body is no call: {\"method\":...,\"params\":[...],"
                      "\"id\":...}"},
    [CALL_UNKNOWN] = {-32601, "call_unknown_method",
                      "Method not found; there are getwork, getblocktemplate and submitblock"},
    [CALL_PARAMS] = {-32602, "call_invalid_params", "Invalid params"},
};

/* What a method makes of its parameters, which are an array or NULL. */
typedef enum call_error read_fn(const json_t *params, struct call *ret);

static enum call_error read_getwork(const json_t *params, struct call *ret)
{
    const json_t *data = json_array_get(params, 0);

    ret->method = data ? CALL_SUBMIT_WORK : CALL_GETWORK;
    if (!data)
        return CALL_OK;
    if (json_array_size(params) > 1 || !json_is_string(data))
        return CALL_PARAMS;
    ret->form = getwork_parse(json_string_value(data), json_string_length(data), ret->header);
    return CALL_OK;
}

static bool names_segwit(const json_t *rules)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *rule = json_string_value(json_array_get(rules, i));

        if (rule && (strcmp(rule, "segwit") == 0 || strcmp(rule, "!segwit") == 0))
            return true;
    }
    return false;
}

/* A member that is missing, or null, or of that type. */
static bool may_be(const json_t *member, json_type type)
{
    return !member || json_is_null(member) || json_typeof(member) == type;
}

static enum call_error read_request(const json_t *rq, struct call *ret)
{
    const json_t *mode = json_object_get(rq, "mode"), *rules = json_object_get(rq, "rules");
    const json_t *longpollid = json_object_get(rq, "longpollid");

    if (!may_be(mode, JSON_STRING) || !may_be(rules, JSON_ARRAY) ||
        !may_be(longpollid, JSON_STRING))
        return CALL_PARAMS;
    if (json_is_string(mode) && strcmp(json_string_value(mode), "proposal") == 0)
        ret->method = CALL_PROPOSAL;
    else if (json_is_string(mode) && strcmp(json_string_value(mode), "template") != 0)
        return CALL_PARAMS;
    ret->segwit = names_segwit(rules);
    if (json_is_string(longpollid) && json_string_length(longpollid) <= CALL_MAX_LONGPOLLID)
        memcpy(ret->longpollid, json_string_value(longpollid), json_string_length(longpollid) + 1);
    return CALL_OK;
}

static enum call_error read_template(const json_t *params, struct call *ret)
{
    const json_t *rq = json_array_get(params, 0);

    ret->method = CALL_TEMPLATE;
    if (json_array_size(params) > 1 || !may_be(rq, JSON_OBJECT))
        return CALL_PARAMS;
    return json_is_object(rq) ? read_request(rq, ret) : CALL_OK;
}

static enum call_error read_block(const json_t *params, struct call *ret)
{
    const json_t *block = json_array_get(params, 0);

    ret->method = CALL_SUBMIT_BLOCK;
    if (json_array_size(params) > 2 || !json_is_string(block) ||
        !may_be(json_array_get(params, 1), JSON_OBJECT))
        return CALL_PARAMS;
    size_t len = json_string_length(block);
    ret->form = len >= 2 * HEADER_SIZE && len % 2 == 0 &&
                hex_decode(json_string_value(block), 2 * HEADER_SIZE, ret->header);
    return CALL_OK;
}

static const struct {
    const char *name;
    read_fn *read;
} methods[] = {
    {"getwork", read_getwork},
    {"getblocktemplate", read_template},
    {"submitblock", read_block},
};

/* Objects and arrays are no ids. */
static void note_id(const json_t *id, struct call *ret)
{
    size_t len;

    if (!id || json_is_object(id) || json_is_array(id))
        return;
    char text[CALL_MAX_ID];
    len = json_dumpb(id, text, sizeof text, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    if (len == 0 || len > sizeof text)
        return;
    memcpy(ret->id, text, len);
    ret->id[len] = '\0';
}

static enum call_error read_call(const json_t *json, struct call *ret)
{
    const char *name = json_string_value(json_object_get(json, "method"));
    const json_t *params = json_object_get(json, "params");

    if (json_is_array(json))
        return CALL_BATCH;
    note_id(json_object_get(json, "id"), ret);
    if (!name)
        return CALL_NO_CALL;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (strcmp(name, methods[i].name) != 0)
            continue;
        return may_be(params, JSON_ARRAY) ? methods[i].read(params, ret) : CALL_PARAMS;
    }
    return CALL_UNKNOWN;
}

enum call_error call_read(const char *body, size_t len, struct call *ret)
{
    *ret = (struct call){.id = "null"};
    if (!json_within(body, len, CALL_MAX_DEPTH, CALL_MAX_VALUES))
        return CALL_TOO_DEEP;
    json_t *json = json_loadb(body, len, JSON_DECODE_ANY, NULL);
    if (!json)
        return CALL_NO_JSON;
    enum call_error e = read_call(json, ret);
    json_decref(json);
    return e;
}
