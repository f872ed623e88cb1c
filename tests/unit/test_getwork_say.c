/* frontend/getwork: a piece of search handed out, and the answers that carry it. */
#include "frontend/getwork/getwork.h"
#include "frontend/getwork/say.h"
#include "tests/unit/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MADE_US INT64_C(1764000000000000)

static json_t *vectors;

/* The job of V5, whose transactions are a peg-in and a HogEx, with its transactions and ids. */
struct v5 {
    struct job job;
    struct bytes transactions;
    uint8_t txids[2][32];
};

static void take_part(struct job_bytes *part, const char *hex)
{
    part->len = strlen(hex) / 2;
    assert_true(hex_decode(hex, strlen(hex), part->b));
}

static struct v5 v5_job(void)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");
    const json_t *branch = vectors_member(v, "branch"), *txs = vectors_member(v, "transactions");
    struct v5 x = {.job = {.made_us = MADE_US,
                           .height = 432,
                           .version = 0x20000000,
                           .bits = 0x207fffff,
                           .time = 0x6b00c895,
                           .min_time = 0x6b00c890,
                           .transactions = 2,
                           .witness = true,
                           .extranonce_size = 8,
                           .branch_n = 2}};

    take_part(&x.job.coinbase1, vectors_text(v, "coinbase1"));
    take_part(&x.job.coinbase2, vectors_text(v, "coinbase2"));
    assert_true(u256_from_hex(vectors_text(v, "previous"), 64, &x.job.prev));
    for (size_t i = 0; i < 2; i++) {
        const json_t *tx = json_array_get(txs, i);
        struct u256 id, internal;

        assert_true(hex_decode(json_string_value(json_array_get(branch, i)), 64, x.job.branch[i]));
        assert_true(u256_from_hex(vectors_text(tx, "txid"), 64, &id));
        u256_reverse(id.be, &internal);
        memcpy(x.txids[i], internal.be, 32);
        bytes_add_hex(&x.transactions, vectors_text(tx, "data"));
    }
    return x;
}

static struct say_body body_of(const struct v5 *x)
{
    return (struct say_body){{x->transactions.p, x->transactions.len},
                             {x->txids[0], sizeof x->txids}};
}

static const struct u256 target = {{[1] = 0xff, [2] = 0xee}};
#define TARGET "00ffee0000000000000000000000000000000000000000000000000000000000"

static void test_hand_out(void **state)
{
    struct v5 x = v5_job();
    struct handout a, b;
    struct header h;
    struct uuid id;

    (void)state;
    handout_make(&x.job, &target, MADE_US + 7999999, &a);
    handout_make(&x.job, &target, MADE_US - 5000000, &b);
    assert_memory_not_equal(a.extranonce, b.extranonce, 8);
    assert_false(uuid_equal(&a.work_id, &b.work_id));
    assert_int_equal(a.time, 0x6b00c895 + 7);
    assert_int_equal(b.time, 0x6b00c895);
    header_parse(a.header, &h);
    assert_int_equal(h.time, a.time);
    assert_int_equal(h.nonce, 0);
    assert_int_equal(h.version, 0x20000000);
    assert_int_equal(h.bits, 0x207fffff);
    assert_int_equal(u256_cmp(&h.prev, &x.job.prev), 0);
    uint8_t root[32];
    job_merkle_root(&x.job, a.extranonce, root);
    assert_memory_equal(a.header + 36, root, 32);
    job_work_id(root, &id);
    assert_true(uuid_equal(&a.work_id, &id));
    handout_make(&x.job, &target, INT64_MAX, &a); /* a clock that is all wrong */
    assert_int_equal(a.time, 0x6b00c895);
    free(x.transactions.p);
}

/* Two of all that are ever handed out are the same only by a chance of 2^-64 for each pair. */
static void test_no_two_are_the_same(void **state)
{
    struct v5 x = v5_job();
    struct handout first, h;

    (void)state;
    handout_make(&x.job, &target, MADE_US, &first);
    for (int i = 0; i < 200; i++) {
        handout_make(&x.job, &target, MADE_US, &h);
        assert_memory_not_equal(h.header + 36, first.header + 36, 32);
    }
    free(x.transactions.p);
}

/* What is answered, as a miner's JSON parser reads it. */
static json_t *answer(struct buf *b)
{
    json_error_t e;
    json_t *json = json_loadb(b->data, b->len, 0, &e);

    if (!json)
        fail_msg("%s: %s", e.text, b->data);
    assert_int_equal(json_object_size(json), 3);
    buf_clear(b);
    return json;
}

static void answers(struct buf *b, const char *text)
{
    assert_string_equal(b->data, text);
    buf_clear(b);
}

static void test_texts(void **state)
{
    struct buf b = BUF_INIT(SAY_MAX_SHORT);

    (void)state;
    say_bool(&b, "1", true);
    answers(&b, "{\"result\":true,\"error\":null,\"id\":1}\n");
    say_bool(&b, "\"x\"", false);
    answers(&b, "{\"result\":false,\"error\":null,\"id\":\"x\"}\n");
    say_word(&b, "4", NULL);
    answers(&b, "{\"result\":null,\"error\":null,\"id\":4}\n");
    say_word(&b, "4", "stale-prevblk");
    answers(&b, "{\"result\":\"stale-prevblk\",\"error\":null,\"id\":4}\n");
    say_error(&b, "null", -32601, "\"<x>\\");
    answers(&b, "{\"result\":null,\"error\":{\"code\":-32601,\"message\":"
                "\"\\u0022\\u003cx\\u003e\\u005c\"},\"id\":null}\n");
    buf_free(&b);
}

static void test_work(void **state)
{
    struct v5 x = v5_job();
    struct buf b = BUF_INIT(SAY_MAX_SHORT);
    uint8_t header[HEADER_SIZE];
    struct handout h;

    (void)state;
    handout_make(&x.job, &target, MADE_US, &h);
    say_work(&b, "0", &h);
    json_t *json = answer(&b);
    const json_t *result = vectors_member(json, "result");
    const char *data = vectors_text(result, "data");
    assert_true(getwork_parse(data, strlen(data), header));
    assert_memory_equal(header, h.header, HEADER_SIZE);
    assert_string_equal(vectors_text(result, "target"),
                        "0000000000000000000000000000000000000000000000000000000000eeff00");
    json_decref(json);
    buf_free(&b);
    free(x.transactions.p);
}

static void id_of(const json_t *tx, const char *key, uint8_t ret[32])
{
    struct u256 id, internal;

    assert_true(u256_from_hex(vectors_text(tx, key), 64, &id));
    u256_reverse(id.be, &internal);
    memcpy(ret, internal.be, 32);
}

/* As minerd does it: the coinbase's hash, and the ids that the template says. */
static void root_of(const json_t *template, uint8_t root[32])
{
    const json_t *txs = vectors_member(template, "transactions");
    struct bytes coinbase =
        bytes_from_hex(vectors_text(vectors_member(template, "coinbasetxn"), "data"));
    uint8_t ids[2][32], branch[MERKLE_MAX_BRANCH][32], id[32];

    assert_int_equal(json_array_size(txs), 2);
    for (size_t i = 0; i < 2; i++)
        id_of(json_array_get(txs, i), "txid", ids[i]);
    sha256d(coinbase.p, coinbase.len, id);
    merkle_fold(id, branch, merkle_branch(ids, 2, branch), root);
    free(coinbase.p);
}

static void check_template(const json_t *result, const struct v5 *x, const struct handout *h)
{
    const json_t *v = vectors_named(vectors, "blocks", "V5");
    const json_t *txs = vectors_member(v, "transactions");
    uint8_t root[32];

    root_of(result, root);
    assert_memory_equal(root, h->header + 36, 32);
    for (size_t i = 0; i < 2; i++) {
        const json_t *tx = json_array_get(vectors_member(result, "transactions"), i);

        assert_string_equal(vectors_text(tx, "data"), vectors_text(json_array_get(txs, i), "data"));
        assert_string_equal(vectors_text(tx, "txid"), vectors_text(json_array_get(txs, i), "txid"));
    }
    assert_string_equal(vectors_text(result, "previousblockhash"), vectors_text(v, "previous"));
    assert_string_equal(vectors_text(result, "target"), TARGET);
    assert_string_equal(vectors_text(result, "bits"), "207fffff");
    assert_int_equal(json_integer_value(vectors_member(result, "height")), 432);
    assert_int_equal(json_integer_value(vectors_member(result, "version")), 0x20000000);
    assert_int_equal(json_integer_value(vectors_member(result, "curtime")), h->time);
    assert_int_equal(json_integer_value(vectors_member(result, "mintime")), x->job.min_time);
    char work_id[UUID_TEXT_LEN + 1];
    uuid_format(&h->work_id, work_id);
    assert_string_equal(vectors_text(result, "workid"), work_id);
    assert_string_equal(json_string_value(json_array_get(vectors_member(result, "rules"), 0)),
                        "segwit");
}

static void test_template(void **state)
{
    struct v5 x = v5_job();
    struct say_body body = body_of(&x), computed = body;
    struct buf b = BUF_INIT(1 << 20);
    struct handout h;

    (void)state;
    computed.txids = (struct span){NULL, 0}; /* by a program that did not keep them */
    handout_make(&x.job, &target, MADE_US, &h);
    assert_true(say_template(&b, "0", &x.job, &h, &body, NULL));
    json_t *json = answer(&b);
    const json_t *result = vectors_member(json, "result");
    check_template(result, &x, &h);
    assert_null(json_object_get(result, "longpollid"));
    assert_null(json_object_get(result, "longpolluri"));
    json_decref(json);

    assert_true(say_template(&b, "0", &x.job, &h, &computed, "https://x.example/lp/\"x"));
    json = answer(&b);
    result = vectors_member(json, "result");
    check_template(result, &x, &h);
    assert_string_equal(vectors_text(result, "longpolluri"), "https://x.example/lp/\"x");
    assert_string_equal(vectors_text(result, "longpollid"),
                        vectors_text(result, "previousblockhash"));
    json_decref(json);
    buf_free(&b);
    free(x.transactions.p);
}

/* A body that is none of the job's, and one that there is no room for, at any length. */
static void test_unfit_templates(void **state)
{
    struct v5 x = v5_job();
    struct say_body body = body_of(&x), wrong = body;
    struct buf b = BUF_INIT(1 << 20);
    struct handout h;

    (void)state;
    handout_make(&x.job, &target, MADE_US, &h);
    assert_true(say_template(&b, "0", &x.job, &h, &body, "/lp/x"));
    const size_t whole = b.len;
    for (size_t room = 0; room < whole; room += 37) {
        struct buf small = BUF_INIT(room);

        assert_false(say_template(&small, "0", &x.job, &h, &body, "/lp/x"));
        buf_free(&small);
    }
    wrong.txids.len -= 32;
    assert_false(say_template(&b, "0", &x.job, &h, &wrong, NULL));
    wrong = body;
    wrong.transactions.len--;
    assert_false(say_template(&b, "0", &x.job, &h, &wrong, NULL));
    x.job.transactions = 1;
    wrong = (struct say_body){body.transactions, {NULL, 0}};
    assert_false(say_template(&b, "0", &x.job, &h, &wrong, NULL));
    x.job.transactions = 3;
    assert_false(say_template(&b, "0", &x.job, &h, &wrong, NULL));
    buf_free(&b);
    free(x.transactions.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hand_out), cmocka_unit_test(test_no_two_are_the_same),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_work),
        cmocka_unit_test(test_template), cmocka_unit_test(test_unfit_templates),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("getwork_say", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
