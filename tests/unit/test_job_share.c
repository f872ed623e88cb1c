/* The rules for shares of jobs, each with input that breaks it, and their order; the block of one.
 */
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *vectors;
static struct bytes block; /* of vector V4 */
static struct solution_message msg;
static struct backend_network net;
static struct share share;

/* A share that every rule accepts: the header of V4, as if it had been handed out. */
static int set_up(void **state)
{
    struct u256 root;

    (void)state;
    block = block_of_coinbase(vectors, "V4");
    net = (struct backend_network){.base = {.label = (char *)"litecoin"}, .work_max_age_s = 3600};
    msg = (struct solution_message){.received_us = INT64_C(1764000000000000)};
    share_init_job(&share, &msg, block.p, false);
    assert_true(share.of_job && share.has_header && share.has_work_id && !share.has_pow_hash);
    pow_by_name("scrypt")->hash(share.header_bytes, &share.pow_hash);
    share.has_pow_hash = true;
    share.received_us = msg.received_us;
    share.work =
        (struct work){.found = true, .of_job = true, .created_us = msg.received_us - 1000000};
    u256_reverse(share.header.merkle_root.be, &root);
    share.job = (struct share_job){.found = true,
                                   .height = 2,
                                   .version = share.header.version,
                                   .bits = share.header.bits,
                                   .min_time = share.header.time,
                                   .prev = share.header.prev};
    memcpy(share.job.root, root.be, 32);
    u256_from_hex(EASIEST, 64, &share.target);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    share_clear(&share);
    free(block.p);
    return 0;
}

static void assert_accepted(void)
{
    assert_true(share_check(&share, &net));
    assert_int_equal(share.state, SHARE_OPEN);
}

static void assert_refused(enum reason reason)
{
    assert_false(share_check(&share, &net));
    assert_int_equal(share.state, SHARE_REJECTED);
    assert_string_equal(reason_name(share.reason), reason_name(reason));
    assert_true(share.detail[0] != '\0');
    share.state = SHARE_OPEN;
}

static void test_good(void **state)
{
    (void)state;
    assert_accepted();
}

static void test_work_id_is_of_the_root(void **state)
{
    struct share other;
    uint8_t header[HEADER_SIZE];

    (void)state;
    memcpy(header, block.p, HEADER_SIZE);
    header[76] ^= 1; /* another nonce */
    share_init_job(&other, &msg, header, true);
    assert_true(other.redelivered && uuid_equal(&share.work_id, &other.work_id));
    header[36] ^= 1; /* another root */
    share_init_job(&other, &msg, header, false);
    assert_false(uuid_equal(&share.work_id, &other.work_id));
}

static void test_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < 32; i++) { /* the id has only half of it */
        share.job.root[i] ^= 1;
        assert_refused(REASON_JOB_MISMATCH);
        share.job.root[i] ^= 1;
    }
    share.job.version ^= 0x2000;
    assert_refused(REASON_JOB_MISMATCH);
    share.job.version ^= 0x2000;
    share.job.bits--;
    assert_refused(REASON_JOB_MISMATCH);
    share.job.bits++;
    share.job.prev.be[31] ^= 1;
    assert_refused(REASON_JOB_MISMATCH);
    share.job.prev.be[31] ^= 1;
    share.job.min_time++;
    assert_refused(REASON_HEADER_TIME);
    share.job.min_time--;
    assert_accepted();
}

static void test_target_is_inclusive(void **state)
{
    (void)state;
    share.job.bits = share.header.bits = 0x03000001; /* no block */
    share.target = share.pow_hash;
    assert_accepted();
    for (size_t i = 32; i-- > 0;) /* one less */
        if (share.target.be[i]-- != 0)
            break;
    assert_refused(REASON_TARGET_EXCEEDED);
}

static void test_a_block_is_a_share(void **state)
{
    const struct u256 unmet = {{0}};
    struct u256 of_network;

    (void)state;
    share.target = unmet;
    assert_accepted(); /* V4 is one */
    assert_true(u256_from_compact(share.job.bits, &of_network));
    assert_int_equal(u256_cmp(&share.target, &of_network),
                     0); /* and credited by no more than that */
    share.target = unmet;
    share.job.bits = share.header.bits = 0x03000001;
    assert_refused(REASON_TARGET_EXCEEDED);
}

/* Everything is wrong at first; each repair brings the next rule to light. */
static void test_order(void **state)
{
    (void)state;
    share.known = true;
    share.work.found = share.work.of_job = false;
    share.work.miner_disabled = true;
    share.work.created_us = 0;
    share.job.found = false;
    share.job.root[31] ^= 1;
    share.job.min_time++;
    memset(&share.target, 0, sizeof(share.target));
    assert_refused(REASON_KNOWN);
    share.known = false;
    assert_refused(REASON_UNKNOWN_WORK);
    share.work.found = true;
    assert_refused(REASON_UNKNOWN_WORK); /* of no job */
    share.work.of_job = true;
    assert_refused(REASON_MINER_DISABLED);
    share.work.miner_disabled = false;
    assert_refused(REASON_WORK_EXPIRED);
    share.work.created_us = share.received_us;
    assert_refused(REASON_JOB_UNKNOWN);
    share.job.found = true;
    assert_refused(REASON_JOB_MISMATCH);
    share.job.root[31] ^= 1;
    assert_refused(REASON_HEADER_TIME);
    share.job.min_time--;
    assert_accepted();
}

static void test_block(void **state)
{
    uint8_t *copy = bytes_copy(block.p, block.len);
    char *hex = hex_of(block.p, block.len);
    struct u256 hash;

    (void)state;
    assert_int_equal(share_height(&share), 2);
    share_take_block(&share, copy, block.len);
    assert_int_equal(share.block_result, PARSE_OK);
    assert_true(share.block.merkle_ok);
    assert_int_equal(share.block_hex.len, strlen(hex));
    assert_memory_equal(share.block_hex.p, hex, strlen(hex));
    share_decode_block(&share); /* leaves it alone */
    assert_ptr_equal(share.block_bytes, copy);
    hash = share.block.hash;
    share_drop_block(&share);
    assert_null(share.block_bytes);
    assert_int_not_equal(share.block_result, PARSE_OK);
    assert_memory_equal(&share.block.hash, &hash, sizeof(hash));
    assert_int_equal(share_height(&share), 2);
    share.job.found = false;
    assert_int_equal(share_height(&share), -1);
    free(hex);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_good),
        TEST(test_work_id_is_of_the_root),
        TEST(test_header),
        TEST(test_target_is_inclusive),
        TEST(test_a_block_is_a_share),
        TEST(test_order),
        TEST(test_block),
    };

    vectors = vectors_load("wallet.json");
    const int failed = cmocka_run_group_tests_name("job_share", tests, NULL, NULL);
    json_decref(vectors);
    return failed;
}
