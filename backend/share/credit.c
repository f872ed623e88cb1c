#include "backend/share/credit.h"

#include "common/base/buf.h"
#include "common/base/hex.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char member[] = ",\"credit\":";

/* --- writing --- */

/* TEXT is UTF-8, as the database keeps it. */
static void add_text(struct buf *b, const char *name, const char *text)
{
    buf_addf(b, ",\"%s\":\"", name);
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == '"' || *text == '\\' || *text == 0x7f)
            buf_addf(b, "\\u%04x", (unsigned char)*text);
        else
            buf_add(b, text, 1);
    buf_add(b, "\"", 1);
}

static void add_job(struct buf *b, const struct work *w)
{
    char id[UUID_TEXT_LEN + 1], extranonce[2 * JOB_MAX_EXTRANONCE + 1];

    if (!w->of_job)
        return;
    uuid_format(&w->job_id, id);
    hex_encode(w->extranonce, w->extranonce_len, extranonce);
    buf_addf(b, ",\"job\":\"%s\",\"extranonce\":\"%s\"", id, extranonce);
}

char *credit_build(const struct share *s)
{
    struct buf b = BUF_INIT(CREDIT_MAX);
    const struct work *w = &s->work;
    char id[UUID_TEXT_LEN + 1], target[65];

    buf_addf(&b, "%s", member);
    if (!w->found) {
        buf_addf(&b, "null");
        return b.data;
    }
    uuid_format(&s->work_id, id);
    u256_to_hex(&w->target, target);
    buf_addf(&b,
             "{\"received_us\":%" PRId64 ",\"work\":\"%s\",\"created_us\":%" PRId64
             ",\"target\":\"%s\"",
             s->received_set ? s->received_us : 0, id, w->created_us, target);
    uuid_format(&w->miner_id, id);
    add_text(&b, "miner", id);
    add_text(&b, "address", w->address);
    add_text(&b, "worker", w->worker);
    add_job(&b, w);
    buf_add(&b, "}", 1);
    assert(b.data[b.len - 1] == '}'); /* CREDIT_MAX holds the longest of both, six bytes a letter */
    return b.data;
}

/* --- reading --- */

/* The last member of that name: nothing of what the miner sent is behind it. */
static const char *find_member(const char *line, size_t len)
{
    size_t n = strlen(member), window = len < 2 * CREDIT_MAX ? len : 2 * CREDIT_MAX;
    const char *found = NULL;

    for (const char *p = line + len - window; (size_t)(line + len - p) > n; p++)
        if (memcmp(p, member, n) == 0)
            found = p + n;
    return found;
}

static bool take_uuid(const json_t *json, const char *name, struct uuid *ret)
{
    const char *text = json_string_value(json_object_get(json, name));

    return text != NULL && uuid_parse(text, strlen(text), ret);
}

static bool take_text(const json_t *json, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (text == NULL || strlen(text) >= size)
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

/* Both members, or none. */
static bool take_job(const json_t *json, struct credit *ret)
{
    const json_t *extranonce = json_object_get(json, "extranonce");
    const size_t len = json_string_length(extranonce);

    ret->of_job = json_object_get(json, "job") != NULL;
    ret->extranonce_len = len / 2;
    return !ret->of_job || (take_uuid(json, "job", &ret->job_id) && json_is_string(extranonce) &&
                            len <= 2 * sizeof(ret->extranonce) &&
                            hex_decode(json_string_value(extranonce), len, ret->extranonce));
}

static bool take(const json_t *json, struct credit *ret)
{
    const char *target = json_string_value(json_object_get(json, "target"));

    ret->received_us = json_integer_value(json_object_get(json, "received_us"));
    ret->created_us = json_integer_value(json_object_get(json, "created_us"));
    return ret->created_us > 0 && ret->received_us >= 0 && target != NULL &&
           u256_from_hex(target, strlen(target), &ret->target) &&
           take_uuid(json, "work", &ret->work_id) && take_uuid(json, "miner", &ret->miner_id) &&
           take_text(json, "address", ret->address, sizeof(ret->address)) &&
           take_text(json, "worker", ret->worker, sizeof(ret->worker)) && take_job(json, ret);
}

bool credit_read(const char *line, size_t len, struct credit *ret)
{
    const char *text = find_member(line, len);
    json_t *json;
    bool ok;

    if (text == NULL)
        return false;
    /* behind it comes the end of the message */
    json = json_loadb(text, (size_t)(line + len - text),
                      JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
    ok = json_is_object(json) && take(json, ret);
    json_decref(json);
    return ok;
}
