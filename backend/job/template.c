#include "backend/job/template.h"

#include "common/base/hex.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One member: how it is read, and the words for what is wrong when that fails. */
struct member {
    const char *name;
    bool (*read)(const json_t *x, struct block_template *t);
    bool optional;
};

static bool is_u32(const json_t *x, int64_t min, int64_t max)
{
    return json_is_integer(x) && json_integer_value(x) >= min && json_integer_value(x) <= max;
}

/* Bytes of a hex string, allocated; NULL when it is none or has more than MAX bytes. */
static uint8_t *read_hex(const json_t *x, size_t max, size_t *ret_len)
{
    const size_t len = json_string_length(x);

    if (!json_is_string(x) || len % 2 != 0 || len / 2 > max)
        return NULL;
    uint8_t *bytes = mem_zalloc(len / 2);
    *ret_len = len / 2;
    if (!hex_decode(json_string_value(x), len, bytes)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static bool read_small_hex(const json_t *x, size_t min, size_t max, uint8_t *to, size_t *ret_len)
{
    uint8_t *bytes = read_hex(x, max, ret_len);
    const bool ok = bytes != NULL && *ret_len >= min;

    if (ok)
        memcpy(to, bytes, *ret_len);
    free(bytes);
    return ok;
}

static bool read_u256(const json_t *x, struct u256 *ret)
{
    return json_is_string(x) && u256_from_hex(json_string_value(x), json_string_length(x), ret);
}

static bool read_height(const json_t *x, struct block_template *t)
{
    t->height = (uint32_t)json_integer_value(x);
    return is_u32(x, 1, INT32_MAX);
}

/* bcoin writes it unsigned, Bitcoin as the signed number that it is on the chain. */
static bool read_version(const json_t *x, struct block_template *t)
{
    t->version = (uint32_t)json_integer_value(x);
    return is_u32(x, INT32_MIN, UINT32_MAX);
}

static bool read_time(const json_t *x, struct block_template *t)
{
    t->time = (uint32_t)json_integer_value(x);
    return is_u32(x, 1, UINT32_MAX);
}

static bool read_min_time(const json_t *x, struct block_template *t)
{
    t->min_time = (uint32_t)json_integer_value(x);
    return is_u32(x, 0, t->time);
}

static bool read_bits(const json_t *x, struct block_template *t)
{
    uint8_t b[4];
    struct u256 target;
    size_t len;

    if (!read_small_hex(x, sizeof(b), sizeof(b), b, &len))
        return false;
    t->bits = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return u256_from_compact(t->bits, &target);
}

static bool read_target(const json_t *x, struct block_template *t)
{
    struct u256 stated, meant;

    return read_u256(x, &stated) && u256_from_compact(t->bits, &meant) &&
           u256_cmp(&stated, &meant) == 0;
}

static bool read_prev(const json_t *x, struct block_template *t)
{
    return read_u256(x, &t->prev);
}

static bool read_value(const json_t *x, struct block_template *t)
{
    t->value = (uint64_t)json_integer_value(x);
    return json_is_integer(x) && json_integer_value(x) >= 0;
}

static bool read_aux(const json_t *x, struct block_template *t)
{
    const json_t *flags = json_object_get(x, "flags");

    return json_is_object(x) &&
           (flags == NULL || read_small_hex(flags, 0, sizeof(t->flags), t->flags, &t->flags_len));
}

/* BIP 141: OP_RETURN, a push of at least 36 bytes, four of them fixed. */
static bool read_commitment(const json_t *x, struct block_template *t)
{
    static const uint8_t start[] = {0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed};

    return read_small_hex(x, 38, sizeof(t->commitment), t->commitment, &t->commitment_len) &&
           memcmp(t->commitment, start, sizeof(start)) == 0;
}

static bool read_longpollid(const json_t *x, struct block_template *t)
{
    const size_t len = json_string_length(x);

    if (!json_is_string(x) || len > TEMPLATE_MAX_LONGPOLLID || strlen(json_string_value(x)) != len)
        return false;
    memcpy(t->longpollid, json_string_value(x), len + 1);
    return true;
}

/* BIP 9: '!' in front of a rule means that who does not know it cannot make a valid block. bcoin
 * gives the commitment before segwit is in force, too, when a block with a witness is not valid. */
static bool read_rules(const json_t *x, struct block_template *t)
{
    static const char *const known[] = {"!segwit", "!mweb"};
    bool segwit = false;

    for (size_t i = 0; i < json_array_size(x); i++) {
        const char *rule = json_string_value(json_array_get(x, i));
        bool ok = rule != NULL && rule[0] != '!';

        for (size_t k = 0; rule != NULL && k < sizeof(known) / sizeof(known[0]); k++)
            ok = ok || strcmp(rule, known[k]) == 0;
        if (!ok)
            return false;
        segwit = segwit || strcmp(rule, "segwit") == 0 || strcmp(rule, "!segwit") == 0;
    }
    if (!segwit)
        t->commitment_len = 0;
    return json_is_array(x);
}

static bool read_mweb(const json_t *x, struct block_template *t)
{
    t->mweb = read_hex(x, BLOCK_MAX_BYTES, &t->mweb_len);
    return t->mweb != NULL && t->mweb_len > 0;
}

/* The bytes that all transactions have together; 0 is also for a list that is none. */
static size_t bytes_of_all(const json_t *list)
{
    size_t sum = 0;

    for (size_t i = 0; i < json_array_size(list); i++)
        sum += json_string_length(json_object_get(json_array_get(list, i), "data")) / 2;
    return sum;
}

/* The id is the wallet's word: it knows forms of transactions that nobody here does. Old wallets
 * give it as `hash` only, which is the same as long as there are no witnesses. */
static bool read_transaction(const json_t *x, struct block_template *t)
{
    const json_t *data = json_object_get(x, "data"), *id = json_object_get(x, "txid");
    const size_t len = json_string_length(data);
    struct u256 shown, internal;

    if (id == NULL)
        id = json_object_get(x, "hash");
    if (len < 2 || len % 2 != 0 || !read_u256(id, &shown) ||
        !hex_decode(json_string_value(data), len, t->tx_bytes + t->tx_len))
        return false;
    t->tx_len += len / 2;
    u256_reverse(shown.be, &internal);
    memcpy(t->tx_id[t->tx_n++], internal.be, 32);
    return true;
}

static bool read_transactions(const json_t *x, struct block_template *t)
{
    const size_t n = json_array_size(x), bytes = bytes_of_all(x);

    if (!json_is_array(x) || n >= BLOCK_MAX_TX || bytes > BLOCK_MAX_BYTES)
        return false;
    t->tx_id = mem_zalloc((n + 1) * sizeof(*t->tx_id));
    t->tx_bytes = mem_zalloc(bytes);
    for (size_t i = 0; i < n; i++)
        if (!read_transaction(json_array_get(x, i), t))
            return false;
    return true;
}

/* In this order: some need what was read before. */
static const struct member members[] = {
    {"height", read_height, false},
    {"version", read_version, false},
    {"curtime", read_time, false},
    {"mintime", read_min_time, true},
    {"bits", read_bits, false},
    {"target", read_target, true},
    {"previousblockhash", read_prev, false},
    {"coinbasevalue", read_value, false},
    {"coinbaseaux", read_aux, true},
    {"default_witness_commitment", read_commitment, true},
    {"longpollid", read_longpollid, true},
    {"rules", read_rules, true},
    {"transactions", read_transactions, false},
    {"mweb", read_mweb, true},
};

struct block_template *template_parse(const json_t *reply, char *err, size_t err_size)
{
    struct block_template *t = mem_zalloc(sizeof(*t));

    for (size_t i = 0; t != NULL && i < sizeof(members) / sizeof(members[0]); i++) {
        const json_t *x = json_object_get(reply, members[i].name);

        if (x == NULL && members[i].optional)
            continue;
        if (x != NULL && members[i].read(x, t))
            continue;
        snprintf(err, err_size, "the template's %s is %s", members[i].name,
                 x == NULL ? "missing" : "not usable");
        template_free(&t);
    }
    return t;
}

void template_free(struct block_template **t)
{
    if (*t == NULL)
        return;
    free((*t)->tx_id);
    free((*t)->tx_bytes);
    free((*t)->mweb);
    free(*t);
    *t = NULL;
}
