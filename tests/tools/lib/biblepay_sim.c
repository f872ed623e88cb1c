#include "tests/tools/lib/biblepay_sim.h"

#include "common/base/clock.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "common/coin/base58.h"
#include "common/coin/block.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_TIME 1500000000
#define SPACING_S  420
#define COIN       100000000u
#define MISC       (-1)
#define NOT_FOUND  (-5)
#define BAD_VALUE  (-8)
#define UNDECODED  (-22)
#define NO_METHOD  (-32601)

/* --- the chain --- */

static void add_block(struct sim *s, int64_t time)
{
    uint64_t seed[2] = {s->blocks, s->forks};
    uint8_t hash[32];

    s->block = mem_resize(s->block, s->blocks + 1, sizeof(*s->block));
    s->block[s->blocks] = s->next;
    sha256d(seed, sizeof(seed), hash);
    u256_reverse(hash, &s->block[s->blocks].hash);
    s->block[s->blocks++].time = time;
}

static int64_t now_s(void)
{
    return clock_real_us() / 1000000;
}

void sim_init(struct sim *s, int64_t height, uint8_t address_version)
{
    *s = (struct sim){.address_version = address_version,
                      .peers = 8,
                      .next.subsidy = 5492,
                      .calls = json_object()};
    sim_money_init(&s->money, address_version);
    for (int64_t i = 0; i < height; i++)
        add_block(s, START_TIME + i * SPACING_S);
    add_block(s, now_s());
}

void sim_free(struct sim *s)
{
    free(s->block);
    sim_money_free(&s->money);
    json_decref(s->calls);
}

void sim_set_height(struct sim *s, int64_t height)
{
    if ((size_t)height + 1 < s->blocks) {
        s->blocks = (size_t)height + 1;
        s->forks++;
    }
    while (s->blocks < (size_t)height + 1)
        add_block(s, now_s());
}

void sim_set_tip_time(struct sim *s, int64_t time)
{
    s->block[s->blocks - 1].time = time;
}

static const struct sim_block *tip(const struct sim *s)
{
    return &s->block[s->blocks - 1];
}

/* --- exec --- */

struct answer {
    struct sim *sim;
    const json_t *params;
    int code;
    const char *message;
};

typedef json_t *answer_fn(struct answer *a);

static json_t *fail(struct answer *a, int code, const char *message)
{
    a->code = code;
    a->message = message;
    return NULL;
}

static const char *text_at(const struct answer *a, size_t i)
{
    const char *text = json_string_value(json_array_get(a->params, i));

    return text ? text : "";
}

static void bible_hash(const char *block_hash, const char *numbers, char out[65])
{
    char text[256];
    uint8_t hash[32];

    snprintf(text, sizeof(text), "%.64s,%s", block_hash, numbers);
    sha256d(text, strlen(text), hash);
    hex_encode(hash, sizeof(hash), out);
}

static json_t *exec_biblehash(struct answer *a)
{
    char numbers[128], hash[65];

    if (json_array_size(a->params) != 6)
        return fail(a, MISC, "You must specify blockhash, blocktime, prevblocktime, prevheight");
    snprintf(numbers, sizeof(numbers), "%.24s,%.24s,%.24s,%.24s", text_at(a, 2), text_at(a, 3),
             text_at(a, 4), text_at(a, 5));
    bible_hash(text_at(a, 1), numbers, hash);
    if (a->sim->wrong_hash)
        hash[63] = hash[63] == '0' ? '1' : '0';
    return json_pack("{s:s,s:s}", "Command", "biblehash", "BibleHash", hash);
}

/* The address of a pay-to-public-key-hash script. */
static void recipient_of(const struct sim *s, const struct tx *coinbase, char *out)
{
    static const uint8_t head[] = {0x76, 0xa9, 0x14};
    struct tx_output first;
    uint8_t payload[21] = {s->address_version};
    size_t pos = 0;

    out[0] = '\0';
    if (!tx_next_output(coinbase, &pos, &first) || first.script.len != 25 ||
        memcmp(first.script.p, head, sizeof(head)) != 0)
        return;
    memcpy(payload + 1, first.script.p + sizeof(head), 20);
    base58check_encode(payload, sizeof(payload), out);
}

static void header_hash(const struct block *b, char out[65])
{
    struct u256 hash = b->hash;
    uint8_t once[32];

    if (b->coinbase.form == TX_BIBLEPAY) {
        SHA256(b->header_bytes, HEADER_SIZE, once);
        u256_reverse(once, &hash);
    }
    u256_to_hex(&hash, out);
}

static void add_cpid(const struct sim *s, json_t *reply)
{
    if (s->cpid == CPID_ABSENT)
        return;
    json_object_set_new(reply, "cpid_sig_valid", json_boolean(s->cpid != CPID_INVALID));
    json_object_set_new(reply, "cpid_legal", json_boolean(s->cpid != CPID_ILLEGAL));
}

static json_t *describe(const struct sim *s, const struct block *b)
{
    char hash[65], bible[65], txid[65], numbers[128], recipient[BASE58_MAX_TEXT + 1];
    struct tx_output first = {0};
    size_t pos = 0;
    json_t *reply;

    header_hash(b, hash);
    snprintf(numbers, sizeof(numbers), "%u,%lld,%zu,%u", b->header.time, (long long)tip(s)->time,
             s->blocks - 1, b->header.nonce);
    bible_hash(hash, numbers, bible);
    u256_to_hex(&b->coinbase.txid, txid);
    recipient_of(s, &b->coinbase, recipient);
    tx_next_output(&b->coinbase, &pos, &first);
    reply = json_pack("{s:s,s:s,s:I,s:s,s:s,s:s}", "Command", "hexblocktocoinbase", "txid", txid,
                      "subsidy", (json_int_t)(first.value / COIN), "blockversion", "1.1.1.1c",
                      "biblehash", bible, "recipient", recipient);
    add_cpid(s, reply);
    return reply;
}

/* Like the real one it looks neither at the merkle root nor at the second parameter. */
static json_t *exec_hexblocktocoinbase(struct answer *a)
{
    const char *hex = text_at(a, 1);
    size_t len = strlen(hex);
    uint8_t *bytes = mem_zalloc(len / 2 + 1);
    json_t *reply = NULL;
    struct block b;

    if (hex_decode(hex, len, bytes) &&
        (block_parse(bytes, len / 2, &b) == PARSE_OK ||
         block_parse_form(TX_BIBLEPAY, bytes, len / 2, &b) == PARSE_OK))
        reply = describe(a->sim, &b);
    free(bytes);
    return reply ? reply : fail(a, UNDECODED, "Block decode failed");
}

static json_t *exec_pinfo(struct answer *a)
{
    int64_t elapsed = now_s() - tip(a->sim)->time;
    int64_t pinfo = elapsed >= 1800 ? 999999999 : elapsed * 256 > 512 ? elapsed * 256 : 512;

    return json_pack("{s:s,s:I,s:I,s:I}", "Command", "pinfo", "height",
                     (json_int_t)a->sim->blocks - 1, "pinfo", (json_int_t)pinfo, "elapsed",
                     (json_int_t)elapsed);
}

static json_t *exec_subsidy(struct answer *a)
{
    long height = strtol(text_at(a, 1), NULL, 10);

    if (height < 0 || (size_t)height >= a->sim->blocks)
        return json_pack("{s:s,s:s}", "Command", "subsidy", "error", "block not found");
    const struct sim_block *b = &a->sim->block[height];
    json_t *reply =
        json_pack("{s:s,s:s,s:s,s:s,s:s}", "Command", "subsidy", "recipient", b->recipient,
                  "blockversion", "1.1.1.1c", "blockversion2", "", "minerguid", b->minerguid);
    if (b->subsidy >= 0)
        json_object_set_new(reply, "subsidy", json_integer(b->subsidy));
    return reply;
}

/* --- the usual methods --- */

static json_t *hash_text(const struct u256 *hash)
{
    char hex[65];

    u256_to_hex(hash, hex);
    return json_string(hex);
}

static json_t *getblockhash(struct answer *a)
{
    json_int_t height = json_integer_value(json_array_get(a->params, 0));

    if (height < 0 || (size_t)height >= a->sim->blocks)
        return fail(a, BAD_VALUE, "Block height out of range");
    return hash_text(&a->sim->block[height].hash);
}

static json_t *getblock(struct answer *a)
{
    const char *hex = text_at(a, 0);
    struct u256 hash;

    if (!u256_from_hex(hex, strlen(hex), &hash))
        return fail(a, BAD_VALUE, "blockhash must be of length 64");
    for (size_t i = a->sim->blocks; i-- > 0;)
        if (u256_cmp(&a->sim->block[i].hash, &hash) == 0)
            return json_pack("{s:s,s:I,s:I,s:I,s:i,s:s,s:o?}", "hash", hex, "height", (json_int_t)i,
                             "time", (json_int_t)a->sim->block[i].time, "confirmations",
                             (json_int_t)(a->sim->blocks - i), "version", 536870912, "bits",
                             "1e0fffff", "previousblockhash",
                             i > 0 ? hash_text(&a->sim->block[i - 1].hash) : NULL);
    return fail(a, NOT_FOUND, "Block not found");
}

static json_t *getblockcount(struct answer *a)
{
    return json_integer((json_int_t)a->sim->blocks - 1);
}

static json_t *getbestblockhash(struct answer *a)
{
    return hash_text(&tip(a->sim)->hash);
}

static json_t *getblockchaininfo(struct answer *a)
{
    json_int_t height = (json_int_t)a->sim->blocks - 1;

    return json_pack("{s:s,s:I,s:I,s:o}", "chain", "test", "blocks", height, "headers",
                     height + a->sim->headers_ahead, "bestblockhash",
                     hash_text(&tip(a->sim)->hash));
}

static json_t *getconnectioncount(struct answer *a)
{
    return json_integer(a->sim->peers);
}

static json_t *exec(struct answer *a);

static const struct method {
    const char *name, *first; /* FIRST: exec's first parameter */
    answer_fn *answer;
} methods[] = {
    {"exec", "biblehash", exec_biblehash},
    {"exec", "hexblocktocoinbase", exec_hexblocktocoinbase},
    {"exec", "pinfo", exec_pinfo},
    {"exec", "subsidy", exec_subsidy},
    {"exec", NULL, exec},
    {"getblockhash", NULL, getblockhash},
    {"getblock", NULL, getblock},
    {"getblockcount", NULL, getblockcount},
    {"getbestblockhash", NULL, getbestblockhash},
    {"getblockchaininfo", NULL, getblockchaininfo},
    {"getconnectioncount", NULL, getconnectioncount},
};

static json_t *exec(struct answer *a)
{
    return fail(a, MISC, "Command not found");
}

static void count_call(struct sim *s, const char *name, const char *first)
{
    char key[64];
    json_t *n;

    snprintf(key, sizeof(key), "%s%s%s", name, first ? " " : "", first ? first : "");
    n = json_object_get(s->calls, key);
    json_object_set_new(s->calls, key, json_integer(json_integer_value(n) + 1));
}

static const struct method *find_method(const char *name, const char *first)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].name, name) == 0 &&
            (methods[i].first == NULL || strcmp(methods[i].first, first) == 0))
            return &methods[i];
    return NULL;
}

json_t *sim_call(struct sim *s, const char *method, const json_t *params, int *ret_code,
                 const char **ret_message)
{
    struct answer a = {.sim = s, .params = params};
    json_t *reply = NULL;
    const struct method *m = find_method(method, text_at(&a, 0));

    if (sim_money_knows(method)) {
        count_call(s, method, NULL);
        return sim_money_call(&s->money, (int64_t)s->blocks - 1, method, params, ret_code,
                              ret_message);
    }
    if (m == NULL) {
        fail(&a, NO_METHOD, "Method not found");
    } else {
        count_call(s, m->name, m->first);
        reply = m->answer(&a);
    }
    *ret_code = a.code;
    *ret_message = a.message;
    /* cppcheck-suppress returnDanglingLifetime; an answer is a value of its own */
    return reply;
}
