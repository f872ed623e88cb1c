#include "common/message/share.h"

#include "common/base/hex.h"
#include "common/message/json_bound.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 3, MAX_VALUES = 64, HEADER_DIGITS = 2 * HEADER_SIZE };

void share_route(const char *network, char ret[SOLUTION_ROUTE_SIZE])
{
    snprintf(ret, SOLUTION_ROUTE_SIZE, SHARE_KIND ".%.*s", NETWORK_MAX_NAME, network);
}

bool share_route_network(const char *route, char ret[NETWORK_MAX_NAME + 1])
{
    static const char kind[] = SHARE_KIND ".";

    if (strncmp(route, kind, strlen(kind)) != 0 || !envelope_is_network(route + strlen(kind)))
        return false;
    memcpy(ret, route + strlen(kind), strlen(route + strlen(kind)) + 1);
    return true;
}

char *share_build(const struct share_message *m, size_t *ret_len)
{
    struct buf b = BUF_INIT(SHARE_MAX_BODY);
    char header[HEADER_DIGITS + 1];

    hex_encode(m->header, HEADER_SIZE, header);
    if (envelope_build(&b, SHARE_KIND, &m->from) && buf_addf(&b, ",\"header\":\"%s\"}", header)) {
        *ret_len = b.len;
        return b.data;
    }
    buf_free(&b);
    return NULL;
}

static const char *read_header(const json_t *header, uint8_t ret[HEADER_SIZE])
{
    if (!json_is_string(header) || json_string_length(header) != HEADER_DIGITS ||
        !hex_decode(json_string_value(header), HEADER_DIGITS, ret))
        return "header: not 160 hexadecimal digits";
    return NULL;
}

const char *share_read(const char *body, size_t len, struct share_message *ret)
{
    struct share_message m = {.json = NULL};
    const char *wrong;

    if (len > SHARE_MAX_BODY)
        return "longer than any share";
    if (!json_within(body, len, MAX_DEPTH, MAX_VALUES))
        return "JSON nested too deep or of too many values";
    m.json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(m.json))
        wrong = "not a JSON object";
    else if (!(wrong = envelope_read(m.json, SHARE_KIND, &m.from)))
        wrong = read_header(json_object_get(m.json, "header"), m.header);
    if (wrong)
        share_message_clear(&m);
    else
        *ret = m;
    return wrong;
}

void share_message_clear(struct share_message *m)
{
    json_decref(m->json);
    *m = (struct share_message){.json = NULL};
}
