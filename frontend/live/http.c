#include "frontend/live/http.h"

#include "common/base/buf.h"
#include "common/base/mem.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME 31 /* of the headers that are kept; no other is as long, or it is none of them */

enum field {
    FIELD_OTHER,
    FIELD_AUTHORIZATION,
    FIELD_AGENT,
    FIELD_FORWARDED,
    FIELD_HOST,
    FIELD_SCHEME,
    FIELD_EXPECT
};

struct http_reader {
    http_parser parser;
    struct http_ask ask;
    int status; /* 0: nothing is wrong */
    bool begun, done, tell;
    size_t head; /* bytes of it so far */
    char name[MAX_NAME + 1];
    size_t name_len; /* may exceed MAX_NAME: it is none that is kept */
    bool in_value;
    enum field field;
    char expect[16];
    struct buf body;
};

/* http-parser ends where a callback returns non-zero. */
static int refuse(struct http_reader *r, int status)
{
    r->status = status;
    return 1;
}

static bool too_much_head(struct http_reader *r, size_t len)
{
    r->head += len;
    return r->head > HTTP_READER_MAX_HEAD;
}

/* --- what the library calls --- */

static int on_begin(http_parser *p)
{
    struct http_reader *r = p->data;

    r->begun = true;
    return 0;
}

/* The target up to its query. */
static int on_url(http_parser *p, const char *at, size_t len)
{
    struct http_reader *r = p->data;
    size_t have = strlen(r->ask.path);

    if (too_much_head(r, len) || have + len > HTTP_READER_MAX_PATH)
        return refuse(r, 414);
    memcpy(r->ask.path + have, at, len);
    return 0;
}

static enum field known_field(const char *name)
{
    static const struct {
        const char *name;
        enum field field;
    } known[] = {{"authorization", FIELD_AUTHORIZATION}, {"user-agent", FIELD_AGENT},
                 {"x-forwarded-for", FIELD_FORWARDED},   {"x-forwarded-host", FIELD_HOST},
                 {"x-forwarded-proto", FIELD_SCHEME},    {"expect", FIELD_EXPECT}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(name, known[i].name) == 0)
            return known[i].field;
    return FIELD_OTHER;
}

static int on_name(http_parser *p, const char *at, size_t len)
{
    struct http_reader *r = p->data;

    if (too_much_head(r, len))
        return refuse(r, 431);
    if (r->in_value) {
        r->in_value = false;
        r->name_len = 0;
    }
    for (size_t i = 0; i < len && r->name_len + i < MAX_NAME; i++)
        r->name[r->name_len + i] = at[i];
    r->name_len += len;
    return 0;
}

/* Appends to TEXT; KEEP_END: what does not fit is cut off the front, not the end. */
static bool append(char text[HTTP_READER_MAX_FIELD + 1], const char *at, size_t len, bool keep_end)
{
    size_t have = strlen(text), room = HTTP_READER_MAX_FIELD - have;

    if (len > room && keep_end) {
        size_t skip = len > HTTP_READER_MAX_FIELD ? len - HTTP_READER_MAX_FIELD : 0;
        size_t drop = len - skip - room < have ? len - skip - room : have;

        memmove(text, text + drop, have - drop);
        have -= drop;
        at += skip;
        room = len -= skip;
    }
    size_t n = len < room ? len : room;
    memcpy(text + have, at, n);
    text[have + n] = '\0';
    return n == len;
}

/* Two proxies write one list as two headers; for all others a second one is a trick. */
static int begin_value(struct http_reader *r)
{
    r->in_value = true;
    r->name[r->name_len < MAX_NAME ? r->name_len : MAX_NAME] = '\0';
    r->field = r->name_len <= MAX_NAME ? known_field(r->name) : FIELD_OTHER;
    if (r->field == FIELD_FORWARDED && r->ask.forwarded[0])
        append(r->ask.forwarded, ",", 1, true);
    if (r->field == FIELD_AUTHORIZATION && r->ask.authorization[0])
        return refuse(r, 400);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct http_reader *r = p->data;

    if (too_much_head(r, len))
        return refuse(r, 431);
    if (memchr(at, '\0', len) !=
        NULL) /* the library lets it pass; all else here takes it for an end */
        return refuse(r, 400);
    if (!r->in_value && begin_value(r) != 0)
        return 1;
    switch (r->field) {
    case FIELD_AUTHORIZATION:
        return append(r->ask.authorization, at, len, false) ? 0 : refuse(r, 431);
    case FIELD_AGENT:
        append(r->ask.agent, at, len, false);
        return 0;
    case FIELD_FORWARDED:
        append(r->ask.forwarded, at, len, true);
        return 0;
    case FIELD_HOST:
        append(r->ask.host, at, len, true);
        return 0;
    case FIELD_SCHEME:
        append(r->ask.scheme, at, len, true);
        return 0;
    case FIELD_EXPECT:
        if (strlen(r->expect) + len >= sizeof r->expect)
            return refuse(r, 417);
        strncat(r->expect, at, len);
        return 0;
    case FIELD_OTHER:
        break;
    }
    return 0;
}

static int on_head(http_parser *p)
{
    struct http_reader *r = p->data;

    if (p->upgrade || p->http_major != 1)
        return refuse(r, 400);
    if (r->expect[0] && strcasecmp(r->expect, "100-continue") != 0)
        return refuse(r, 417);
    if (!(p->flags & F_CHUNKED) && (p->flags & F_CONTENTLENGTH) &&
        p->content_length > HTTP_READER_MAX_BODY)
        return refuse(r, 413);
    r->ask.expects = r->expect[0] != '\0';
    r->tell = r->ask.expects;
    r->ask.method = http_method_str((enum http_method)p->method);
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t len)
{
    struct http_reader *r = p->data;

    r->tell = false; /* it did not wait */
    return buf_add(&r->body, at, len) ? 0 : refuse(r, 413);
}

/* A chunk's length line, and its own extensions, count too: a body of empty space ends. */
static int on_chunk(http_parser *p)
{
    struct http_reader *r = p->data;

    return too_much_head(r, 1) ? refuse(r, 413) : 0;
}

static int on_done(http_parser *p)
{
    struct http_reader *r = p->data;

    r->ask.keep_alive = http_should_keep_alive(p) != 0;
    r->ask.path[strcspn(r->ask.path, "?")] = '\0';
    r->ask.body = r->body.data ? r->body.data : "";
    r->ask.body_len = r->body.len;
    r->done = true;
    http_parser_pause(p, 1); /* what follows is looked at by nobody */
    return 0;
}

static const http_parser_settings callbacks = {.on_message_begin = on_begin,
                                               .on_url = on_url,
                                               .on_header_field = on_name,
                                               .on_header_value = on_value,
                                               .on_headers_complete = on_head,
                                               .on_body = on_body,
                                               .on_chunk_header = on_chunk,
                                               .on_message_complete = on_done};

/* --- the reader --- */

static void begin(struct http_reader *r)
{
    *r = (struct http_reader){.body = {.max = HTTP_READER_MAX_BODY}};
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.allow_chunked_length =
        1; /* some miners send both; the chunks count (RFC 9112, 6.3) */
    r->parser.data = r;
}

struct http_reader *http_reader_new(void)
{
    struct http_reader *r = mem_zalloc(sizeof *r);

    begin(r);
    return r;
}

void http_reader_free(struct http_reader **r)
{
    if (!*r)
        return;
    buf_free(&(*r)->body);
    free(*r);
    *r = NULL;
}

enum http_state http_feed(struct http_reader *r, const char *data, size_t len)
{
    if (r->status == 0 && r->done && len > 0)
        r->status = 400;
    if (r->status != 0)
        return HTTP_READ_BAD;
    size_t taken = http_parser_execute(&r->parser, &callbacks, data, len);
    if (r->status == 0 && !r->done && HTTP_PARSER_ERRNO(&r->parser) != HPE_OK)
        r->status = HTTP_PARSER_ERRNO(&r->parser) == HPE_HEADER_OVERFLOW ? 431 : 400;
    if (r->status == 0 && r->done && taken < len)
        r->status = 400;
    if (r->status != 0)
        return HTTP_READ_BAD;
    if (r->done)
        return HTTP_READ_DONE;
    bool tell = r->tell;
    r->tell = false;
    return tell ? HTTP_READ_WAITS : HTTP_READ_PART;
}

const struct http_ask *http_reader_ask(const struct http_reader *r)
{
    return &r->ask;
}

int http_reader_status(const struct http_reader *r)
{
    return r->status;
}

bool http_reader_busy(const struct http_reader *r)
{
    return r->begun && !r->done;
}

void http_next(struct http_reader *r)
{
    buf_free(&r->body);
    begin(r);
}
