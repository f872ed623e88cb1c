/* What miners who wait send, by way of the proxy or past it: requests as HTTP, whole and in pieces,
 * and whom penstock-live takes them for. The first byte says how long the pieces are. */
#include "tests/fuzz/fuzz.h"

#include "frontend/live/ask.h"

#include <stdlib.h>
#include <string.h>

static enum http_state feed(struct http_reader *r, const uint8_t *data, size_t len, size_t piece)
{
    enum http_state s = HTTP_READ_PART;

    for (size_t at = 0; at < len && s != HTTP_READ_BAD; at += piece)
        s = http_feed(r, (const char *)data + at, piece < len - at ? piece : len - at);
    return s;
}

static void check_status(const struct http_reader *r)
{
    const int status = http_reader_status(r);

    assert(status == 400 || status == 413 || status == 414 || status == 417 || status == 431);
    assert(http_feed((struct http_reader *)(uintptr_t)r, "x", 1) == HTTP_READ_BAD);
}

static void check_same(const struct http_ask *a, const struct http_ask *b)
{
    assert(strcmp(a->method, b->method) == 0 && strcmp(a->path, b->path) == 0);
    assert(strcmp(a->authorization, b->authorization) == 0);
    assert(strcmp(a->forwarded, b->forwarded) == 0 && strcmp(a->agent, b->agent) == 0);
    assert(strcmp(a->host, b->host) == 0 && strcmp(a->scheme, b->scheme) == 0);
    assert(a->body_len == b->body_len && memcmp(a->body, b->body, a->body_len) == 0);
    assert(a->keep_alive == b->keep_alive && a->expects == b->expects);
    assert(a->body_len <= HTTP_READER_MAX_BODY && a->body[a->body_len] == '\0');
}

static void check_caller(const struct http_ask *ask)
{
    static const struct conf_words none = {0};
    static struct net net = {.name = "litecoin", .aliases = &none};
    const struct ask_rules rules = {&net, 1, NULL, 0};
    struct caller *c = calloc(1, sizeof *c);

    assert(c);
    net.rules = (struct address_rules){.hrp = "rltc"};
    const struct refusal *r = ask_read(&rules, ask, "127.0.0.1", c);
    assert(c->call.id[0] != '\0' && strlen(c->call.id) <= CALL_MAX_ID);
    if (r) {
        assert(r->status >= 200 && r->reason && r->text && refusal_headers(r));
    } else {
        assert(c->auth.address[0] && c->ip_text[0] && c->uri[0]);
        assert(strstr(c->uri, "/lp/litecoin") && strpbrk(c->uri, "\r\n \"") == NULL);
        assert(c->call.method == CALL_GETWORK || c->call.method == CALL_TEMPLATE);
    }
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    struct http_reader *whole = http_reader_new(), *parts = http_reader_new();
    const enum http_state a = feed(whole, data + 1, len - 1, len);
    const enum http_state b = feed(parts, data + 1, len - 1, 1 + (size_t)data[0] % 64);

    assert((a == HTTP_READ_DONE) == (b == HTTP_READ_DONE));
    assert((a == HTTP_READ_BAD) == (b == HTTP_READ_BAD));
    if (a == HTTP_READ_BAD) {
        check_status(whole);
        check_status(parts);
    }
    if (a == HTTP_READ_DONE) {
        check_same(http_reader_ask(whole), http_reader_ask(parts));
        check_caller(http_reader_ask(whole));
        http_next(whole);
        assert(!http_reader_busy(whole));
    }
    http_reader_free(&whole);
    http_reader_free(&parts);
    return 0;
}
