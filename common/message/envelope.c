#include "common/message/envelope.h"

#include <stdlib.h>
#include <string.h>

#define RECEIVED_MIN_US INT64_C(1577836800000000) /* 2020-01-01 */
#define RECEIVED_MAX_US INT64_C(4102444800000000) /* 2100-01-01 */

/* Eight bytes, of which one or more are no printable ASCII: above 0x7f, below 0x20, or 0x7f. A
 * byte's borrow reaches only bytes behind one that is to be found anyway. */
static bool is_odd(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    const uint64_t rubout = x ^ 0x7f * ones;

    return ((x | ((x - 0x20 * ones) & ~x) | ((rubout - ones) & ~rubout)) & tops) != 0;
}

/* Every byte of every solution passes here, some of them several times. */
bool envelope_is_printable(const char *p, size_t len)
{
    uint64_t x;
    bool odd = false;

    for (; len >= sizeof x; p += sizeof x, len -= sizeof x) {
        memcpy(&x, p, sizeof x);
        odd |= is_odd(x);
    }
    x = UINT64_C(0x2020202020202020);
    if (len > 0)
        memcpy(&x, p, len);
    return !odd && !is_odd(x);
}

bool envelope_is_network(const char *name)
{
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return name[len] == '\0' && len > 0 && len <= NETWORK_MAX_NAME;
}

bool envelope_is_time(int64_t us)
{
    return us >= RECEIVED_MIN_US && us < RECEIVED_MAX_US;
}

/* Texts of the origin are for people: a long one is cut rather than losing the solution. */
static size_t origin_len(const char *text)
{
    size_t len = strnlen(text, ORIGIN_MAX_TEXT + 1);

    if (len <= ORIGIN_MAX_TEXT)
        return len;
    len = ORIGIN_MAX_TEXT;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) /* inside a UTF-8 character */
        len--;
    return len;
}

bool envelope_add_string(struct buf *b, const char *text, size_t len)
{
    size_t from = 0;

    if (!envelope_is_printable(text, len)) { /* the rare case: jansson knows all about UTF-8 */
        json_t *json = json_stringn(text, len);
        char *quoted = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        bool ok = quoted != NULL && buf_add(b, quoted, strlen(quoted));

        json_decref(json);
        free(quoted);
        return ok;
    }
    bool ok = buf_add(b, "\"", 1);
    bool plain = !memchr(text, '"', len) && !memchr(text, '\\', len);
    for (size_t i = 0; !plain && i < len; i++) {
        if (text[i] != '"' && text[i] != '\\')
            continue;
        ok = ok && buf_add(b, text + from, i - from) && buf_add(b, "\\", 1);
        from = i;
    }
    return ok && buf_add(b, text + from, len - from) && buf_add(b, "\"", 1);
}

static bool add_origin(struct buf *b, const struct envelope *e)
{
    const struct {
        const char *key, *text;
    } rows[] = {
        {"host", e->host}, {"ip", e->ip}, {"agent", e->agent}, {"os", e->os}, {"miner", e->miner}};
    bool ok = buf_addf(b, "\"origin\":{\"pid\":%lld", (long long)e->pid);

    for (size_t i = 0; ok && i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = rows[i].text ? rows[i].text : "";

        ok = buf_addf(b, ",\"%s\":", rows[i].key) && envelope_add_string(b, text, origin_len(text));
    }
    return ok && buf_add(b, "}", 1);
}

bool envelope_build(struct buf *b, const char *kind, const struct envelope *e)
{
    char id[UUID_TEXT_LEN + 1];

    if (!uuid_is_storable(&e->id) || !envelope_is_network(e->network) ||
        !envelope_is_time(e->received_us))
        return false;
    uuid_format(&e->id, id);
    return buf_addf(b,
                    "{\"v\":%d,\"kind\":\"%s\",\"id\":\"%s\",\"network\":\"%s\","
                    "\"received_us\":%lld,",
                    ENVELOPE_VERSION, kind, id, e->network, (long long)e->received_us) &&
           add_origin(b, e);
}

/* --- reading --- */

static const char *read_origin(const json_t *origin, struct envelope *e)
{
    const struct {
        const char *key, **text;
    } rows[] = {{"host", &e->host},
                {"ip", &e->ip},
                {"agent", &e->agent},
                {"os", &e->os},
                {"miner", &e->miner}};
    const json_t *pid = json_object_get(origin, "pid");

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const json_t *text = json_object_get(origin, rows[i].key);

        if (!json_is_string(text))
            return "origin: a text is missing";
        if (json_string_length(text) > ORIGIN_MAX_TEXT)
            return "origin: a text is too long";
        *rows[i].text = json_string_value(text);
    }
    if (!json_is_integer(pid))
        return "origin: pid is missing";
    e->pid = json_integer_value(pid);
    return NULL;
}

const char envelope_other_kind[] = "kind: another one";

static const char *read_head(const json_t *json, const char *kind, struct envelope *e)
{
    const json_t *v = json_object_get(json, "v"), *id = json_object_get(json, "id");
    const json_t *of = json_object_get(json, "kind"), *network = json_object_get(json, "network");
    const json_t *received = json_object_get(json, "received_us");

    if (!json_is_string(of) || strcmp(json_string_value(of), kind) != 0)
        return envelope_other_kind;
    if (!json_is_integer(v) || json_integer_value(v) != ENVELOPE_VERSION)
        return "v: unknown version";
    if (!json_is_string(id) || !uuid_parse(json_string_value(id), json_string_length(id), &e->id) ||
        !uuid_is_storable(&e->id))
        return "id: no UUID";
    if (!json_is_string(network) || !envelope_is_network(json_string_value(network)))
        return "network: no network's name";
    e->network = json_string_value(network);
    e->received_us = json_integer_value(received);
    if (!json_is_integer(received) || !envelope_is_time(e->received_us))
        return "received_us: no time between 2020 and 2100";
    return NULL;
}

const char *envelope_read(const json_t *json, const char *kind, struct envelope *ret)
{
    struct envelope e = {.network = NULL};
    const char *wrong = read_head(json, kind, &e);

    if (wrong == NULL)
        wrong = read_origin(json_object_get(json, "origin"), &e);
    if (wrong == NULL)
        *ret = e;
    return wrong;
}
