/* A solution that every rule accepts, to be broken by tests: vector V4, a block of Litecoin's
 * regtest at height 2. */
#ifndef PENSTOCK_TESTS_UNIT_GOOD_SHARE_H
#define PENSTOCK_TESTS_UNIT_GOOD_SHARE_H

#include "backend/share/share.h"
#include "common/base/hex.h"
#include "tests/unit/blocks.h"

#define GOOD_MINER "11111111-1111-4111-8111-111111111111"
#define GOOD_WORK  "22222222-2222-4222-8222-222222222222"
#define EASIEST    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

struct good {
    struct solution_message msg;
    struct share share;
    struct backend_network net;
    char *text[SOLUTION_FIELDS];
};

/* After a change of the message: decodes it again, and sets what the database would say. */
static inline void good_init(struct good *g)
{
    struct work work = {.found = true, .worker_id = 7};
    struct u256 target;

    share_clear(&g->share);
    share_init(&g->share, &g->msg, false);
    u256_from_hex(EASIEST, 64, &target);
    uuid_parse(GOOD_MINER, UUID_TEXT_LEN, &work.miner_id);
    work.target = target;
    work.created_us = g->msg.received_us - 1000000;
    g->share.work = work;
    g->share.target = target;
    g->share.received_us = g->msg.received_us;
    g->share.received_set = true;
}

static inline void good_set(struct good *g, enum solution_field field, const char *text)
{
    free(g->text[field]);
    g->text[field] = mem_strdup(text);
    g->msg.field[field] = (struct text){g->text[field], strlen(text)};
    good_init(g);
}

static inline char *hex_of(const uint8_t *p, size_t len)
{
    char *hex = mem_zalloc(2 * len + 1);

    hex_encode(p, len, hex);
    return hex;
}

static inline void good_set_bytes(struct good *g, enum solution_field field, const uint8_t *p,
                                  size_t len)
{
    char *hex = hex_of(p, len);

    good_set(g, field, hex);
    free(hex);
}

static inline void good_set_number(struct good *g, enum solution_field field, uint64_t n)
{
    char *text = mem_sprintf("%llu", (unsigned long long)n);

    good_set(g, field, text);
    free(text);
}

/* The whole block of V4 into fields 14 and 15, and what follows from it into the others. */
static inline void good_new(struct good *g, const json_t *vectors)
{
    const json_t *v4 = vectors_named(vectors, "blocks", "V4");
    struct bytes block = block_of_coinbase(vectors, "V4");

    memset(g, 0, sizeof(*g));
    g->net = (struct backend_network){
        .base = {.label = (char *)"litecoin"},
        .share_target_limit = EASIEST,
        .work_max_age_s = 3600,
        .initial_subsidy = 5000000000,
        .halving_interval = 150,
        .header_time_back_s = 86400,
        .header_time_ahead_s = 7200,
    };
    for (int i = 0; i < SOLUTION_FIELDS; i++)
        good_set(g, (enum solution_field)i, "1");
    uuid_v7(&g->msg.id);
    g->msg.network = "litecoin";
    g->msg.host = "test";
    good_set(g, SOLUTION_BLOCK_HASH, vectors_text(v4, "block_hash"));
    good_set(g, SOLUTION_PREV_HEIGHT, "1");
    good_set(g, SOLUTION_POW_HASH, vectors_text(v4, "pow_hash"));
    good_set(g, SOLUTION_MINER_GUID, GOOD_MINER);
    good_set(g, SOLUTION_WORK_ID, GOOD_WORK);
    good_set_bytes(g, SOLUTION_BLOCK_HEX, block.p, block.len);
    good_set_bytes(g, SOLUTION_TRANSACTION_HEX, block.p + HEADER_SIZE + 1,
                   block.len - HEADER_SIZE - 1);
    good_set_number(g, SOLUTION_BLOCK_TIME, g->share.header.time);
    good_set_number(g, SOLUTION_NONCE, g->share.header.nonce);
    g->msg.received_us = (int64_t)g->share.header.time * 1000000;
    good_init(g);
    free(block.p);
}

static inline void good_free(struct good *g)
{
    share_clear(&g->share);
    for (int i = 0; i < SOLUTION_FIELDS; i++)
        free(g->text[i]);
}

#endif
