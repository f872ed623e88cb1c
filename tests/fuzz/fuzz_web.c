/* Query strings, If-None-Match, and the writers of JSON, HTML and metrics, whatever text they are
 * given: what JSON says is the text again, and nothing of it is markup. */
#include "tests/fuzz/fuzz.h"

#include "common/base/mem.h"
#include "common/base/prom.h"
#include "frontend/web/answer.h"
#include "frontend/web/html.h"
#include "frontend/web/query.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void check_query(const char *text)
{
    char *query = mem_sprintf("QUERY_STRING=%s", text);
    const struct request rq = {.env = (char *[]){query, NULL}};
    char address[16];
    struct page page;
    uint64_t value;

    if (query_text(&rq, "address", address, sizeof address))
        assert(strlen(address) < sizeof address);
    if (query_page(&rq, &page))
        assert(page.size >= 1 && page.size <= PAGE_MAX_SIZE &&
               page.offset <= (uint64_t)PAGE_MAX_NUMBER * PAGE_MAX_SIZE);
    if (query_uint(&rq, "days", 7, 3650, &value))
        assert(value <= 3650);
    if (query_number(text, strlen(text), UINT64_MAX, &value))
        assert(strspn(text, "0123456789") == strlen(text));
    free(query);
}

static void check_json(const char *text)
{
    struct buf b = BUF_INIT(1u << 20);
    struct jsonw j = JSONW_INIT(&b);

    jsonw_object_begin(&j, NULL);
    jsonw_text(&j, text, text);
    jsonw_object_end(&j);
    assert(!j.full && strpbrk(b.data, "<>&\n") == NULL);
    json_t *read = json_loads(b.data, 0, NULL); /* NULL: the text is no UTF-8 */
    if (read) {
        const char *same = json_string_value(json_object_get(read, text));

        assert(same && strcmp(same, text) == 0);
    }
    json_decref(read);
    buf_free(&b);
}

static void check_html(const char *text)
{
    struct buf b = BUF_INIT(1u << 20);
    struct html h = HTML_INIT(&b);

    html_text(&h, text);
    assert(!h.full);
    assert(!b.data || strpbrk(b.data, "<>\"'`") == NULL);
    buf_free(&b);
}

static void check_metrics(const char *text)
{
    struct buf b = BUF_INIT(1u << 20);
    struct prom p = {.out = &b, .name = "x"};

    prom_value(&p, "", PROM_LABELS("label", text), 1);
    assert(!p.full && strchr(b.data, '\n') == b.data + b.len - 1);
    buf_free(&b);
}

static void check_etag(const char *text)
{
    char *header = mem_sprintf("HTTP_IF_NONE_MATCH=%s", text);
    const struct request rq = {.env = (char *[]){header, NULL}};
    struct reply reply = REPLY_INIT;

    assert(buf_add(&reply.body, "x", 1));
    answer_keep(&rq, &reply, 30);
    assert(reply.status == 304 ? reply.body.len == 0 : reply.body.len == 1);
    buf_free(&reply.body);
    free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size < 4096 ? size : 4096);

    check_query(text);
    check_json(text);
    check_html(text);
    check_metrics(text);
    check_etag(text);
    free(text);
    return 0;
}
