#include "common/message/solution.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/message/json_bound.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, MAX_DEPTH = 3, MAX_VALUES = 256 };

#define HEAD_MAX        2048 /* longer than all in front of the fields, in the usual form */
#define RECEIVED_MIN_US INT64_C(1577836800000000) /* 2020-01-01 */
#define RECEIVED_MAX_US INT64_C(4102444800000000) /* 2100-01-01 */

static const char *const route_ends[] = {[SOLUTION_SMALL] = "", [SOLUTION_LARGE] = ".large"};

enum solution_way solution_way(size_t len)
{
    return len > SOLUTION_SMALL_MAX ? SOLUTION_LARGE : SOLUTION_SMALL;
}

void solution_route(const char *network, enum solution_way way, char ret[SOLUTION_ROUTE_SIZE])
{
    snprintf(ret, SOLUTION_ROUTE_SIZE, SOLUTION_KIND ".%.*s%s", NETWORK_MAX_NAME, network,
             route_ends[way]);
}

bool solution_route_network(const char *route, char ret[NETWORK_MAX_NAME + 1])
{
    static const char kind[] = SOLUTION_KIND ".";
    const char *end = route_ends[SOLUTION_LARGE];
    size_t len;

    if (strncmp(route, kind, strlen(kind)) != 0)
        return false;
    route += strlen(kind);
    len = strcspn(route, ".");
    if (len == 0 || len > NETWORK_MAX_NAME || (route[len] != '\0' && strcmp(route + len, end) != 0))
        return false;
    memcpy(ret, route, len);
    ret[len] = '\0';
    return true;
}

/* Eight bytes, of which one or more are no printable ASCII: above 0x7f, below 0x20, or 0x7f. A
 * byte's borrow reaches only bytes behind one that is to be found anyway. */
static bool is_odd(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    const uint64_t rubout = x ^ 0x7f * ones;

    return ((x | ((x - 0x20 * ones) & ~x) | ((rubout - ones) & ~rubout)) & tops) != 0;
}

/* Every byte of every solution passes here, some of them several times. */
static bool is_printable(const char *p, size_t len)
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

static bool is_network_name(const char *name)
{
    const size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return name[len] == '\0' && len > 0 && len <= NETWORK_MAX_NAME;
}

static bool is_received_time(int64_t us)
{
    return us >= RECEIVED_MIN_US && us < RECEIVED_MAX_US;
}

/* Miners may put spaces behind the commas, and a body may end with a newline. */
static struct text trimmed(const char *p, size_t len)
{
    static const char space[] = " \t\r\n\v\f";

    while (len > 0 && memchr(space, p[0], sizeof(space) - 1))
        p++, len--;
    while (len > 0 && memchr(space, p[len - 1], sizeof(space) - 1))
        len--;
    return (struct text){p, len};
}

bool solution_split(const char *text, size_t len, struct text field[SOLUTION_FIELDS])
{
    const char *p = text, *const end = text + len;

    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const bool last = i == SOLUTION_FIELDS - 1;

        if (last != !comma)
            return false;
        field[i] = trimmed(p, (size_t)((last ? end : comma) - p));
        if (!is_printable(field[i].p, field[i].len))
            return false;
        p = last ? end : comma + 1;
    }
    return true;
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

/* Adds TEXT as a JSON string; false when it is not valid UTF-8. */
static bool add_string(struct buf *b, const char *text, size_t len)
{
    size_t from = 0;

    if (!is_printable(text, len)) { /* the rare case: jansson knows all about UTF-8 */
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

static bool add_origin(struct buf *b, const struct solution_message *m)
{
    const struct {
        const char *key, *text;
    } rows[] = {
        {"host", m->host}, {"ip", m->ip}, {"agent", m->agent}, {"os", m->os}, {"miner", m->miner}};
    bool ok = buf_addf(b, "\"origin\":{\"pid\":%lld", (long long)m->pid);

    for (size_t i = 0; ok && i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *text = rows[i].text ? rows[i].text : "";

        ok = buf_addf(b, ",\"%s\":", rows[i].key) && add_string(b, text, origin_len(text));
    }
    return ok && buf_add(b, "}", 1);
}

static bool add_fields(struct buf *b, const struct solution_message *m)
{
    bool ok = buf_addf(b, ",\"solution\":[");

    for (size_t i = 0; ok && i < SOLUTION_FIELDS; i++) {
        const struct text *f = &m->field[i];

        ok = is_printable(f->p, f->len) && (i == 0 || buf_add(b, ",", 1)) &&
             add_string(b, f->p, f->len);
    }
    return ok && buf_add(b, "]}", 2);
}

/* As text at once, without a tree of JSON values: frontends do this all day. */
char *solution_build(const struct solution_message *m, size_t *ret_len)
{
    struct buf b = BUF_INIT(SOLUTION_MAX_BODY);
    char id[UUID_TEXT_LEN + 1];

    if (!is_network_name(m->network) || !is_received_time(m->received_us))
        return NULL;
    uuid_format(&m->id, id);
    if (buf_addf(&b,
                 "{\"v\":%d,\"kind\":\"" SOLUTION_KIND "\",\"id\":\"%s\",\"network\":\"%s\","
                 "\"received_us\":%lld,",
                 VERSION, id, m->network, (long long)m->received_us) &&
        add_origin(&b, m) && add_fields(&b, m)) {
        *ret_len = b.len;
        return b.data;
    }
    buf_free(&b);
    return NULL;
}

/* The readers below return NULL or what is wrong with the message. */

static const char *read_origin(const json_t *origin, struct solution_message *m)
{
    const struct {
        const char *key, **text;
    } rows[] = {{"host", &m->host},
                {"ip", &m->ip},
                {"agent", &m->agent},
                {"os", &m->os},
                {"miner", &m->miner}};
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
    m->pid = json_integer_value(pid);
    return NULL;
}

static const char *read_fields(const json_t *fields, struct solution_message *m)
{
    if (json_array_size(fields) != SOLUTION_FIELDS)
        return "solution: not a list of 16 fields";
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        const json_t *text = json_array_get(fields, i);

        if (!json_is_string(text))
            return "solution: a field is no string";
        m->field[i] = (struct text){json_string_value(text), json_string_length(text)};
        if (!is_printable(m->field[i].p, m->field[i].len))
            return "solution: a field is not printable ASCII";
    }
    return NULL;
}

static const char *read_envelope(const json_t *json, struct solution_message *m)
{
    const json_t *v = json_object_get(json, "v"), *id = json_object_get(json, "id");
    const json_t *kind = json_object_get(json, "kind"), *network = json_object_get(json, "network");
    const json_t *received = json_object_get(json, "received_us");

    if (!json_is_string(kind) || strcmp(json_string_value(kind), SOLUTION_KIND) != 0)
        return "kind: not a solution";
    if (!json_is_integer(v) || json_integer_value(v) != VERSION)
        return "v: unknown version";
    if (!json_is_string(id) || !uuid_parse(json_string_value(id), json_string_length(id), &m->id))
        return "id: no UUID";
    if (!json_is_string(network) || !is_network_name(json_string_value(network)))
        return "network: no network's name";
    m->network = json_string_value(network);
    m->received_us = json_integer_value(received);
    if (!json_is_integer(received) || !is_received_time(m->received_us))
        return "received_us: no time between 2020 and 2100";
    return NULL;
}

/* --- the usual form: what solution_build() writes, when nothing in it needs an escape --- */

struct cursor {
    const char *p, *end;
};

static bool skip(struct cursor *c, const char *literal)
{
    size_t len = strlen(literal);
    bool same = (size_t)(c->end - c->p) >= len && memcmp(c->p, literal, len) == 0;

    c->p += same ? len : 0;
    return same;
}

/* The text up to the next quotation mark. */
static bool take_text(struct cursor *c, struct text *ret)
{
    const char *quote = memchr(c->p, '"', (size_t)(c->end - c->p));

    if (quote == NULL)
        return false;
    *ret = (struct text){c->p, (size_t)(quote - c->p)};
    c->p = quote + 1;
    return is_printable(ret->p, ret->len) && memchr(ret->p, '\\', ret->len) == NULL;
}

/* The same inside COPY, whose quotation mark becomes a NUL. */
static bool take_string(struct cursor *c, char *copy, struct text *ret)
{
    const char *start = c->p;

    if (!take_text(c, ret))
        return false;
    copy[ret->len + (size_t)(start - copy)] = '\0';
    return true;
}

static bool take_number(struct cursor *c, int64_t *ret)
{
    struct text digits = {c->p, strspn(c->p, "0123456789")};
    uint64_t n;

    if (!solution_number(&digits, &n) || n > INT64_MAX || (*c->p == '0' && digits.len > 1))
        return false;
    *ret = (int64_t)n;
    c->p += digits.len;
    return true;
}

static bool take_envelope(struct cursor *c, struct solution_message *m)
{
    struct text id, network;

    if (!skip(c, "{\"v\":1,\"kind\":\"" SOLUTION_KIND "\",\"id\":\"") || !take_text(c, &id) ||
        !uuid_parse(id.p, id.len, &m->id) || !skip(c, ",\"network\":\"") ||
        !take_string(c, m->copy, &network) || !is_network_name(network.p) ||
        !skip(c, ",\"received_us\":") || !take_number(c, &m->received_us))
        return false;
    m->network = network.p;
    return is_received_time(m->received_us);
}

static bool take_origin(struct cursor *c, struct solution_message *m)
{
    const struct {
        const char *key, **text;
    } rows[] = {{",\"host\":\"", &m->host},
                {",\"ip\":\"", &m->ip},
                {",\"agent\":\"", &m->agent},
                {",\"os\":\"", &m->os},
                {",\"miner\":\"", &m->miner}};

    if (!skip(c, ",\"origin\":{\"pid\":") || !take_number(c, &m->pid))
        return false;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct text text;

        if (!skip(c, rows[i].key) || !take_string(c, m->copy, &text) || text.len > ORIGIN_MAX_TEXT)
            return false;
        *rows[i].text = text.p;
    }
    return skip(c, "}");
}

static bool take_fields(struct cursor *c, struct solution_message *m)
{
    bool ok = skip(c, ",\"solution\":[");

    for (size_t i = 0; ok && i < SOLUTION_FIELDS; i++)
        ok = skip(c, i > 0 ? ",\"" : "\"") && take_text(c, &m->field[i]);
    return ok && skip(c, "]}") && c->p == c->end;
}

/* Only the head is copied, for the NULs: the fields stay where they are. False: it has another
 * form, or something is wrong with it, which read_any() will say. */
static bool read_usual(const char *body, size_t len, struct solution_message *ret)
{
    size_t head = len < HEAD_MAX ? len : HEAD_MAX;
    struct solution_message m = {.copy = mem_zalloc(head + 1)};
    struct cursor c = {m.copy, m.copy + head}, fields;

    memcpy(m.copy, body, head);
    bool ok = take_envelope(&c, &m) && take_origin(&c, &m);
    fields = (struct cursor){body + (c.p - m.copy), body + len};
    ok = ok && take_fields(&fields, &m);
    if (ok)
        *ret = m;
    else
        free(m.copy);
    return ok;
}

static const char *read_any(const char *body, size_t len, struct solution_message *ret)
{
    struct solution_message m = {.json = NULL};
    const char *wrong;

    if (!json_within(body, len, MAX_DEPTH, MAX_VALUES))
        return "JSON nested too deep or of too many values";
    m.json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    if (!m.json)
        return "not JSON";
    if (!json_is_object(m.json))
        wrong = "not a JSON object";
    else if (!(wrong = read_envelope(m.json, &m)) &&
             !(wrong = read_origin(json_object_get(m.json, "origin"), &m)))
        wrong = read_fields(json_object_get(m.json, "solution"), &m);
    if (wrong)
        solution_message_clear(&m);
    else
        *ret = m;
    return wrong;
}

/* The tree of a long message needs four times its length while it is made: one at a time, that the
 * lanes of a worker do not all need it at once. */
static const char *read_long(const char *body, size_t len, struct solution_message *ret)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    const char *wrong;

    pthread_mutex_lock(&one);
    wrong = read_any(body, len, ret);
    pthread_mutex_unlock(&one);
    return wrong;
}

/* jansson's tree takes half of a worker's time besides hashing, so the form that nearly all
 * messages have is read without it. */
const char *solution_read(const char *body, size_t len, struct solution_message *ret)
{
    if (len > SOLUTION_MAX_BODY)
        return "longer than any solution";
    if (read_usual(body, len, ret))
        return NULL;
    return len > SOLUTION_SMALL_MAX ? read_long(body, len, ret) : read_any(body, len, ret);
}

void solution_message_clear(struct solution_message *m)
{
    json_decref(m->json);
    free(m->copy);
    free(m->kept);
    *m = (struct solution_message){.json = NULL};
}

void solution_message_keep(struct solution_message *m)
{
    size_t len = 0;
    char *p;

    for (size_t i = 0; i < SOLUTION_FIELDS; i++)
        len += m->field[i].len;
    p = mem_zalloc(len + 1);
    free(m->kept);
    m->kept = p;
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        memcpy(p, m->field[i].p, m->field[i].len);
        m->field[i].p = p;
        p += m->field[i].len;
    }
}

bool solution_number(const struct text *field, uint64_t *ret)
{
    uint64_t x = 0;

    *ret = 0;
    for (size_t i = 0; i < field->len; i++)
        if (field->p[i] < '0' || field->p[i] > '9' || __builtin_mul_overflow(x, 10, &x) ||
            __builtin_add_overflow(x, (uint64_t)(field->p[i] - '0'), &x))
            return false;
    if (field->len == 0)
        return false;
    *ret = x;
    return true;
}

uint64_t solution_hash_rate(const struct solution_message *m)
{
    uint64_t hashes, start, end;

    if (!solution_number(&m->field[SOLUTION_HASH_COUNTER], &hashes) ||
        !solution_number(&m->field[SOLUTION_TIMER_START], &start) ||
        !solution_number(&m->field[SOLUTION_TIMER_END], &end) || end <= start)
        return 0;
    const unsigned __int128 rate = (unsigned __int128)hashes * 1000 / (end - start);
    return rate <= UINT64_MAX ? (uint64_t)rate : 0;
}
