/* What becomes an item, what is poison, and several deliveries of one message. */
#include "backend/worker/item.h"
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;

static struct broker_delivery *delivery(uint64_t generation, uint64_t tag, const char *body,
                                        size_t len)
{
    struct broker_delivery *d = mem_zalloc(sizeof(*d));

    d->generation = generation;
    d->tag = tag;
    d->body = mem_zalloc(len + 1);
    memcpy(d->body, body, len);
    d->len = len;
    return d;
}

/* A message as a frontend builds it. */
static char *body_of(struct good *g, size_t *ret_len)
{
    char *body = solution_build(&g->msg, ret_len);

    assert_non_null(body);
    return body;
}

static void test_good(void **state)
{
    struct good g;
    const char *wrong = "untouched";
    size_t len;

    (void)state;
    good_new(&g, vectors);
    char *body = body_of(&g, &len);
    struct item *item = item_new(delivery(1, 1, body, len), "litecoin", false, &wrong);
    assert_non_null(item);
    assert_string_equal(wrong, "untouched");
    assert_true(uuid_equal(&item->in.msg.id, &g.msg.id));
    assert_true(item->share.has_pow_hash && item->share.has_header && item->share.has_work_id);
    assert_false(item->share.redelivered);
    item_free(&item);
    assert_null(item);
    free(body);
    good_free(&g);
}

static void test_redelivered(void **state)
{
    struct good g;
    const char *wrong;
    size_t len;

    (void)state;
    good_new(&g, vectors);
    char *body = body_of(&g, &len);
    struct broker_delivery *d = delivery(1, 1, body, len);
    d->delivery_count = 1; /* a quorum queue counts, and need not set the flag */
    struct item *item = item_new(d, "litecoin", false, &wrong);
    assert_true(item->share.redelivered);
    item_free(&item);
    free(body);
    good_free(&g);
}

static void assert_poison_among(bool of_jobs, const char *body, size_t len, const char *network)
{
    struct broker_delivery *d = delivery(1, 1, body, len);
    const char *wrong = NULL;

    assert_null(item_new(d, network, of_jobs, &wrong));
    assert_non_null(wrong);
    broker_delivery_free(&d); /* still ours */
}

static void assert_poison(const char *body, size_t len, const char *network)
{
    assert_poison_among(false, body, len, network);
    assert_poison_among(true, body, len, network);
}

/* What a frontend sends of a miner of jobs. */
static char *job_share(size_t *ret_len)
{
    struct share_message m = {.from = {.network = "litecoin",
                                       .received_us = INT64_C(1764000000123456),
                                       .host = "front1"}};

    uuid_v7(&m.from.id);
    for (size_t i = 0; i < HEADER_SIZE; i++)
        m.header[i] = (uint8_t)i;
    char *body = share_build(&m, ret_len);
    assert_non_null(body);
    return body;
}

static void test_share_of_job(void **state)
{
    static const char work[] =
        "24252627-2829-4a2b-ac2d-2e2f30313233"; /* 0x24 is the root's first */
    const char *wrong;
    char text[UUID_TEXT_LEN + 1];
    size_t len;
    char *body = job_share(&len);

    (void)state;
    struct item *item = item_new(delivery(1, 1, body, len), "litecoin", true, &wrong);
    assert_non_null(item);
    assert_true(item->share.of_job && item->share.has_header && item->share.has_work_id);
    assert_false(item->share.has_pow_hash); /* nobody has hashed it */
    uuid_format(&item->share.work_id, text);
    assert_string_equal(text, work);
    assert_int_equal(item->share.header.nonce, 0x4f4e4d4c);
    assert_int_equal(solution_hash_rate(item->share.msg), 0);
    item_free(&item);
    free(body);
}

/* Each kind has queues of its own. */
static void test_misplaced(void **state)
{
    struct good g;
    size_t len;
    char *body = job_share(&len);

    (void)state;
    assert_poison_among(false, body, len, "litecoin");
    assert_poison_among(true, body, len, "litecoin-b");
    free(body);
    good_new(&g, vectors);
    body = body_of(&g, &len);
    assert_poison_among(true, body, len, "litecoin");
    free(body);
    good_free(&g);
}

static void test_poison(void **state)
{
    struct good g;
    size_t len;

    (void)state;
    good_new(&g, vectors);
    char *body = body_of(&g, &len);
    assert_poison(body, len, "litecoin-b");
    assert_poison(body, len - 1, "litecoin");
    assert_poison("", 0, "litecoin");
    assert_poison("{}", 2, "litecoin");
    assert_poison("\0", 1, "litecoin");
    free(body);
    good_free(&g);
}

static struct item *twin(struct good *g, uint64_t generation, uint64_t tag)
{
    const char *wrong;
    size_t len;
    char *body = body_of(g, &len);
    struct item *item = item_new(delivery(generation, tag, body, len), "litecoin", false, &wrong);

    free(body);
    return item;
}

static void test_twins(void **state)
{
    struct good g, other;
    struct item *items[4];

    (void)state;
    good_new(&g, vectors);
    good_new(&other, vectors);
    items[0] = twin(&g, 1, 10);
    items[1] = twin(&other, 1, 11);
    items[2] = twin(&g, 2, 1); /* after a reconnect */
    items[3] = twin(&g, 2, 2);
    items_find_twins(items, 4);
    assert_null(items[0]->twin_of);
    assert_null(items[1]->twin_of);
    assert_ptr_equal(items[2]->twin_of, items[0]);
    assert_ptr_equal(items[3]->twin_of, items[0]);
    /* the one that is judged holds a delivery that the broker will take an answer for */
    assert_int_equal(items[0]->delivery->generation, 2);
    assert_int_equal(items[0]->delivery->tag, 1);
    assert_int_equal(items[2]->delivery->generation, 1);
    assert_int_equal(items[2]->delivery->tag, 10);
    assert_int_equal(items[3]->delivery->tag, 2);
    assert_int_equal(items[1]->delivery->generation, 1);
    items_find_twins(items, 2); /* what was a twin once need not be one again */
    items_find_twins(items + 2, 1);
    assert_null(items[2]->twin_of);
    items_find_twins(items, 0);
    for (size_t i = 0; i < 4; i++)
        item_free(&items[i]);
    good_free(&g);
    good_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_redelivered),
        cmocka_unit_test(test_poison),    cmocka_unit_test(test_share_of_job),
        cmocka_unit_test(test_misplaced), cmocka_unit_test(test_twins),
    };

    vectors = vectors_load("wallet.json");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
