#include "tests/tools/lib/search.h"

#include "common/base/buf.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/coin/block.h"
#include "common/coin/merkle.h"
#include "common/coin/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_SIZE 128 /* a header, padded as SHA-256 wants it */

static void reverse_words(const uint8_t *in, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i += 4)
        for (size_t k = 0; k < 4; k++)
            out[i + k] = in[i + 3 - k];
}

static bool hex_member(const json_t *object, const char *name, size_t size, uint8_t *ret)
{
    const json_t *x = json_object_get(object, name);

    return json_string_length(x) == 2 * size && hex_decode(json_string_value(x), 2 * size, ret);
}

/* Replaces *RET; a target that none can be must not pass either. */
static const char *finish(struct search *s, struct search *ret)
{
    struct header h;

    header_parse(s->header, &h);
    if (!u256_from_compact(h.bits, &s->network_target) || u256_is_zero(&s->target)) {
        search_clear(s);
        return "bits or target are none";
    }
    search_clear(ret);
    *ret = *s;
    return NULL;
}

const char *search_from_getwork(const json_t *result, struct search *ret)
{
    struct search s = {.protocol = SEARCH_GETWORK};
    uint8_t data[DATA_SIZE], target[32];

    if (!hex_member(result, "data", sizeof(data), data))
        return "data is not 128 bytes of hex";
    if (!hex_member(result, "target", sizeof(target), target))
        return "target is not 32 bytes of hex";
    reverse_words(data, HEADER_SIZE, s.header);
    u256_reverse(target, &s.target);
    return finish(&s, ret);
}

/* Without the rule segwit, ids are computed from the data: what an old client does. */
static bool knows_segwit(const json_t *result)
{
    const json_t *rules = json_object_get(result, "rules");

    for (size_t i = 0; i < json_array_size(rules); i++) {
        const char *rule = json_string_value(json_array_get(rules, i));

        if (rule != NULL && (strcmp(rule, "segwit") == 0 || strcmp(rule, "!segwit") == 0))
            return true;
    }
    return false;
}

static uint8_t *hex_bytes(const json_t *x, size_t *ret_len)
{
    const size_t len = json_string_length(x);
    uint8_t *bytes = mem_zalloc(len / 2 + 1);

    *ret_len = len / 2;
    if (len >= 2 && hex_decode(json_string_value(x), len, bytes))
        return bytes;
    free(bytes);
    return NULL;
}

static bool transaction_id(const json_t *tx, bool segwit, uint8_t id[32])
{
    struct u256 internal;
    size_t len;

    if (segwit) {
        if (!hex_member(tx, "txid", 32, id))
            return false;
        u256_reverse(id, &internal);
        memcpy(id, internal.be, 32);
        return true;
    }
    uint8_t *bytes = hex_bytes(json_object_get(tx, "data"), &len);
    if (bytes != NULL)
        sha256d(bytes, len, id);
    free(bytes);
    return bytes != NULL;
}

/* The ids of all but the coinbase, allocated; NULL when one cannot be had. */
static uint8_t (*transaction_ids(const json_t *list, bool segwit))[32]
{
    const size_t n = json_array_size(list);
    uint8_t(*ids)[32] = mem_zalloc((n + 1) * sizeof(*ids));

    for (size_t i = 0; i < n; i++)
        if (!transaction_id(json_array_get(list, i), segwit, ids[i])) {
            free(ids);
            return NULL;
        }
    return ids;
}

static bool root_of(const json_t *result, const json_t *coinbase, uint8_t root[32])
{
    const json_t *list = json_object_get(result, "transactions");
    uint8_t branch[MERKLE_MAX_BRANCH][32], id[32];
    size_t len;

    if (!json_is_array(list) || json_array_size(list) >= BLOCK_MAX_TX)
        return false;
    uint8_t *bytes = hex_bytes(coinbase, &len);
    uint8_t(*ids)[32] = bytes != NULL ? transaction_ids(list, knows_segwit(result)) : NULL;
    if (ids != NULL) {
        sha256d(bytes, len, id);
        const size_t n = merkle_branch(ids, json_array_size(list), branch);
        merkle_fold(id, (const uint8_t(*)[32])branch, n, root);
    }
    free(bytes);
    free(ids);
    return ids != NULL;
}

static char *block_tail(const json_t *result, const json_t *coinbase)
{
    const json_t *list = json_object_get(result, "transactions");
    struct buf count = BUF_INIT(9), all = BUF_INIT(4 * BLOCK_MAX_BYTES);
    char hex[19];

    write_compact_size(&count, 1 + json_array_size(list));
    hex_encode((const uint8_t *)count.data, count.len, hex);
    buf_free(&count);
    bool ok = buf_addf(&all, "%s", hex) &&
              buf_add(&all, json_string_value(coinbase), json_string_length(coinbase));
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *data = json_object_get(json_array_get(list, i), "data");

        ok = json_is_string(data) &&
             buf_add(&all, json_string_value(data), json_string_length(data));
    }
    if (ok)
        return all.data;
    buf_free(&all);
    return NULL;
}

static void copy_text(const json_t *result, const char *name, char to[SEARCH_MAX_TEXT])
{
    const char *text = json_string_value(json_object_get(result, name));

    snprintf(to, SEARCH_MAX_TEXT, "%s", text != NULL ? text : "");
}

static bool read_header(const json_t *result, const json_t *coinbase, uint8_t header[HEADER_SIZE])
{
    const json_t *version = json_object_get(result, "version");
    const json_t *time = json_object_get(result, "curtime");
    uint8_t bits[4], prev[32], root[32];
    struct header h = {0};

    if (!json_is_integer(version) || !json_is_integer(time) ||
        !hex_member(result, "bits", sizeof(bits), bits) ||
        !hex_member(result, "previousblockhash", sizeof(prev), prev) ||
        !root_of(result, coinbase, root))
        return false;
    h.version = (uint32_t)json_integer_value(version);
    h.time = (uint32_t)json_integer_value(time);
    h.bits = (uint32_t)bits[0] << 24 | (uint32_t)bits[1] << 16 | (uint32_t)bits[2] << 8 | bits[3];
    memcpy(h.prev.be, prev, sizeof(prev));
    u256_reverse(root, &h.merkle_root);
    header_write(&h, header);
    return true;
}

const char *search_from_template(const json_t *result, struct search *ret)
{
    const json_t *coinbase = json_object_get(json_object_get(result, "coinbasetxn"), "data");
    struct search s = {.protocol = SEARCH_TEMPLATE};

    if (!json_is_string(coinbase))
        return "coinbasetxn is missing: no payout address is known here";
    if (!hex_member(result, "target", sizeof(s.target.be), s.target.be))
        return "target is not 32 bytes of hex";
    if (!read_header(result, coinbase, s.header))
        return "a member that the header needs is missing or not usable";
    s.height = json_integer_value(json_object_get(result, "height"));
    s.submit_old = json_is_true(json_object_get(result, "submitold"));
    copy_text(result, "workid", s.workid);
    copy_text(result, "longpollid", s.longpollid);
    copy_text(result, "longpolluri", s.longpolluri);
    s.block_tail = block_tail(result, coinbase);
    if (s.block_tail == NULL)
        return "a transaction has no data";
    return finish(&s, ret);
}

void search_clear(struct search *s)
{
    free(s->block_tail);
    memset(s, 0, sizeof(*s));
}

void search_copy(const struct search *from, struct search *to)
{
    search_clear(to);
    *to = *from;
    if (from->block_tail != NULL)
        to->block_tail = mem_strdup(from->block_tail);
}

static char *getwork_params(const uint8_t header[HEADER_SIZE])
{
    /* 0x80 ends the message, its length in bits is at the end; both in words read backwards */
    uint8_t data[DATA_SIZE] = {
        [HEADER_SIZE + 3] = 0x80, [DATA_SIZE - 4] = 0x80, [DATA_SIZE - 3] = 2};
    char hex[2 * DATA_SIZE + 1];

    reverse_words(header, HEADER_SIZE, data);
    hex_encode(data, sizeof(data), hex);
    return mem_sprintf("[\"%s\"]", hex);
}

char *search_params(const struct search *s, const uint8_t header[HEADER_SIZE])
{
    char hex[2 * HEADER_SIZE + 1];

    if (s->protocol == SEARCH_GETWORK)
        return getwork_params(header);
    hex_encode(header, HEADER_SIZE, hex);
    if (s->workid[0] == '\0')
        return mem_sprintf("[\"%s%s\"]", hex, s->block_tail);
    json_t *object = json_pack("{s:s}", "workid", s->workid);
    char *text = json_dumps(object, 0);
    char *params = mem_sprintf("[\"%s%s\",%s]", hex, s->block_tail, text);
    json_decref(object);
    free(text);
    return params;
}
