#include "common/message/solution.h"

#include "common/base/mem.h"
#include "common/message/envelope.h"
#include "common/message/json_bound.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 3, MAX_VALUES = 256 };

#define HEAD_MAX 2048 /* longer than all in front of the fields, in the usual form */

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
        if (!envelope_is_printable(field[i].p, field[i].len))
            return false;
        p = last ? end : comma + 1;
    }
    return true;
}

static bool add_fields(struct buf *b, const struct solution_message *m)
{
    bool ok = buf_addf(b, ",\"solution\":[");

    for (size_t i = 0; ok && i < SOLUTION_FIELDS; i++) {
        const struct text *f = &m->field[i];

        ok = envelope_is_printable(f->p, f->len) && (i == 0 || buf_add(b, ",", 1)) &&
             envelope_add_string(b, f->p, f->len);
    }
    return ok && buf_add(b, "]}", 2);
}

/* As text at once, without a tree of JSON values: frontends do this all day. */
char *solution_build(const struct solution_message *m, size_t *ret_len)
{
    const struct envelope e = {m->id,    m->network, m->received_us, m->host, m->ip,
                               m->agent, m->os,      m->miner,       m->pid};
    struct buf b = BUF_INIT(SOLUTION_MAX_BODY);

    if (envelope_build(&b, SOLUTION_KIND, &e) && add_fields(&b, m)) {
        *ret_len = b.len;
        return b.data;
    }
    buf_free(&b);
    return NULL;
}

/* --- reading: NULL, or what is wrong with the message --- */

static const char *read_envelope(const json_t *json, struct solution_message *m)
{
    struct envelope e;
    const char *wrong = envelope_read(json, SOLUTION_KIND, &e);

    if (wrong != NULL)
        return wrong;
    m->id = e.id;
    m->network = e.network;
    m->received_us = e.received_us;
    m->host = e.host;
    m->ip = e.ip;
    m->agent = e.agent;
    m->os = e.os;
    m->miner = e.miner;
    m->pid = e.pid;
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
        if (!envelope_is_printable(m->field[i].p, m->field[i].len))
            return "solution: a field is not printable ASCII";
    }
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
    return envelope_is_printable(ret->p, ret->len) && memchr(ret->p, '\\', ret->len) == NULL;
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
        !uuid_parse(id.p, id.len, &m->id) || !uuid_is_storable(&m->id) ||
        !skip(c, ",\"network\":\"") || !take_string(c, m->copy, &network) ||
        !envelope_is_network(network.p) || !skip(c, ",\"received_us\":") ||
        !take_number(c, &m->received_us))
        return false;
    m->network = network.p;
    return envelope_is_time(m->received_us);
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
    else if (!(wrong = read_envelope(m.json, &m)))
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
