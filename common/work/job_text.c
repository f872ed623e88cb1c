/* A job as JSON. Reading is strict: what a member must be is said once, in the table. */
#include "common/base/hex.h"
#include "common/message/json_bound.h"
#include "common/work/job.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#define KIND "job"

static void add_hex(struct buf *b, const char *name, const uint8_t *data, size_t len)
{
    char hex[2 * JOB_MAX_COINBASE + 1];

    assert(len <= JOB_MAX_COINBASE);
    hex_encode(data, len, hex);
    buf_addf(b, "\"%s\":\"%s\",", name, hex);
}

static void add_branch(struct buf *b, const struct job *job)
{
    char hex[65];

    buf_addf(b, "\"branch\":[");
    for (size_t i = 0; i < job->branch_n; i++) {
        hex_encode(job->branch[i], 32, hex);
        buf_addf(b, "%s\"%s\"", i > 0 ? "," : "", hex);
    }
    buf_addf(b, "]}");
}

void job_encode(const struct job *job, struct buf *b)
{
    char id[UUID_TEXT_LEN + 1];
    const size_t before = b->len;

    uuid_format(&job->id, id);
    buf_addf(b, "{\"v\":%d,\"kind\":\"" KIND "\",\"id\":\"%s\",\"network\":\"%s\",", JOB_VERSION,
             id, job->network);
    buf_addf(b, "\"made_us\":%lld,\"height\":%u,\"version\":%u,\"bits\":%u,\"time\":%u,",
             (long long)job->made_us, job->height, job->version, job->bits, job->time);
    buf_addf(b, "\"min_time\":%u,\"value\":%llu,\"transactions\":%u,", job->min_time,
             (unsigned long long)job->value, job->transactions);
    buf_addf(b, "\"witness\":%s,\"extranonce\":%zu,", job->witness ? "true" : "false",
             job->extranonce_size);
    add_hex(b, "prev", job->prev.be, sizeof(job->prev.be));
    add_hex(b, "coinbase1", job->coinbase1.b, job->coinbase1.len);
    add_hex(b, "coinbase2", job->coinbase2.b, job->coinbase2.len);
    add_branch(b, job);
    assert(b->len - before <= JOB_MAX_TEXT && b->len > before && b->data[b->len - 1] == '}');
}

/* --- reading --- */

/* False, with *RET unchanged, unless member NAME is an integer within the bounds. */
static bool get_number(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    const json_t *x = json_object_get(o, name);

    if (!json_is_integer(x) || json_integer_value(x) < min || json_integer_value(x) > max)
        return false;
    *ret = json_integer_value(x);
    return true;
}

static bool get_u32(const json_t *o, const char *name, uint32_t min, uint32_t max, uint32_t *ret)
{
    int64_t x;

    if (!get_number(o, name, min, max, &x))
        return false;
    *ret = (uint32_t)x;
    return true;
}

static bool get_bool(const json_t *o, const char *name, bool *ret)
{
    const json_t *x = json_object_get(o, name);

    *ret = json_is_true(x);
    return json_is_boolean(x);
}

/* Hex of MIN to MAX bytes. */
static bool hex_bytes(const json_t *x, size_t min, size_t max, uint8_t *to, size_t *ret_len)
{
    const size_t len = json_string_length(x); /* 0 when it is no string */

    if (!json_is_string(x) || len < 2 * min || len > 2 * max)
        return false;
    *ret_len = len / 2;
    return hex_decode(json_string_value(x), len, to);
}

static bool get_bytes(const json_t *o, const char *name, struct job_bytes *ret)
{
    return hex_bytes(json_object_get(o, name), 1, JOB_MAX_COINBASE, ret->b, &ret->len);
}

static bool get_id(const json_t *o, struct uuid *ret)
{
    const json_t *x = json_object_get(o, "id");

    return json_is_string(x) && uuid_parse(json_string_value(x), json_string_length(x), ret);
}

static bool get_network(const json_t *o, char ret[JOB_MAX_NETWORK + 1])
{
    const json_t *x = json_object_get(o, "network");
    const size_t n = json_string_length(x);

    if (n < 1 || n > JOB_MAX_NETWORK ||
        strspn(json_string_value(x), "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
        return false;
    memcpy(ret, json_string_value(x), n + 1);
    return true;
}

static bool get_branch(const json_t *o, struct job *ret)
{
    const json_t *list = json_object_get(o, "branch");
    size_t len;

    ret->branch_n = json_array_size(list);
    if (!json_is_array(list) || ret->branch_n > MERKLE_MAX_BRANCH)
        return false;
    for (size_t i = 0; i < ret->branch_n; i++)
        if (!hex_bytes(json_array_get(list, i), 32, 32, ret->branch[i], &len))
            return false;
    return true;
}

static const char *read_members(const json_t *o, struct job *j)
{
    int64_t n = 0;
    size_t len;

    if (!get_number(o, "v", JOB_VERSION, JOB_VERSION, &n))
        return "another version";
    if (!get_id(o, &j->id) || !get_network(o, j->network))
        return "no id or network";
    if (!get_number(o, "made_us", 0, INT64_MAX, &j->made_us) ||
        !get_u32(o, "time", 0, UINT32_MAX, &j->time) ||
        !get_u32(o, "min_time", 0, j->time, &j->min_time))
        return "no usable times";
    if (!get_u32(o, "height", 1, JOB_MAX_HEIGHT, &j->height) ||
        !get_u32(o, "version", 0, UINT32_MAX, &j->version) ||
        !get_u32(o, "bits", 1, UINT32_MAX, &j->bits) ||
        !hex_bytes(json_object_get(o, "prev"), 32, 32, j->prev.be, &len))
        return "no usable header";
    if (!get_number(o, "extranonce", JOB_MIN_EXTRANONCE, JOB_MAX_EXTRANONCE, &n) ||
        !get_bytes(o, "coinbase1", &j->coinbase1) || !get_bytes(o, "coinbase2", &j->coinbase2))
        return "no usable coinbase";
    j->extranonce_size = (size_t)n;
    if (!get_number(o, "value", 0, INT64_MAX, &n) ||
        !get_u32(o, "transactions", 0, BLOCK_MAX_TX - 1, &j->transactions) || !get_branch(o, j))
        return "no usable transactions";
    j->value = (uint64_t)n;
    return get_bool(o, "witness", &j->witness) ? NULL : "no flags";
}

const char *job_decode(const char *text, size_t len, struct job *ret)
{
    struct job job = {.made_us = 0};
    const char *wrong;
    json_t *o;

    if (len > JOB_MAX_TEXT || !json_within(text, len, JOB_MAX_DEPTH, JOB_MAX_TEXT_VALUES))
        return "longer or deeper than a job";
    o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const char *kind = json_string_value(json_object_get(o, "kind"));
    wrong = kind != NULL && strcmp(kind, KIND) == 0 ? read_members(o, &job) : "no job";
    json_decref(o);
    if (wrong == NULL)
        *ret = job;
    return wrong;
}
