/* Sums of a batch per worker and minute. */
#include "backend/share/rollup.h"
#include "tests/unit/good_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE INT64_C(60000000)

static const struct solution_message message = {
    .field = {[SOLUTION_HASH_COUNTER] = {"4000", 4},
              [SOLUTION_TIMER_START] = {"1000", 4},
              [SOLUTION_TIMER_END] = {"3000", 4}}, /* 2000 hashes a second */
};

static struct share share_of(uint64_t worker, int64_t received_us, enum share_state state)
{
    struct share s = {.msg = &message, .state = state, .received_us = received_us};

    s.work.found = worker != 0;
    s.work.worker_id = worker;
    u256_from_hex("0fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", 64,
                  &s.target); /* 16 hashes */
    return s;
}

static size_t rows_of(struct share *shares, size_t n, struct rollup_row *rows)
{
    struct share *pointers[16];

    assert_true(n <= 16);
    for (size_t i = 0; i < n; i++)
        pointers[i] = &shares[i];
    return rollup_rows(pointers, n, rows);
}

static void test_merge(void **state)
{
    struct share s[] = {
        share_of(2, 5 * MINUTE, SHARE_ACCEPTED),     share_of(1, 6 * MINUTE, SHARE_REJECTED),
        share_of(2, 6 * MINUTE - 1, SHARE_ACCEPTED), share_of(2, 6 * MINUTE, SHARE_ACCEPTED),
        share_of(1, 6 * MINUTE, SHARE_ACCEPTED),     share_of(0, 6 * MINUTE, SHARE_REJECTED),
        share_of(2, 5 * MINUTE, SHARE_CREDITED),     share_of(2, 5 * MINUTE, SHARE_REFUSED),
        share_of(2, 5 * MINUTE, SHARE_PARKED),       share_of(2, 5 * MINUTE, SHARE_REJECTED),
    };
    struct rollup_row rows[10];

    (void)state;
    assert_int_equal(rows_of(s, 10, rows), 3);
    assert_int_equal(rows[0].worker_id, 1);
    assert_int_equal(rows[0].minute, 6);
    assert_int_equal(rows[0].shares, 1);
    assert_int_equal(rows[0].rejected, 1);
    assert_int_equal(rows[0].difficulty, 16);
    assert_int_equal(rows[0].hash_rate, 2000);
    assert_int_equal(rows[1].worker_id, 2);
    assert_int_equal(rows[1].minute, 5);
    assert_int_equal(rows[1].shares, 2); /* settled and parked ones do not count again */
    assert_int_equal(rows[1].rejected, 1);
    assert_int_equal(rows[1].difficulty, 32);
    assert_int_equal(rows[1].hash_rate, 4000);
    assert_int_equal(rows[2].minute, 6);
    assert_int_equal(rows[2].shares, 1);
}

static void test_nothing(void **state)
{
    struct share s[] = {share_of(0, MINUTE, SHARE_REJECTED), share_of(1, MINUTE, SHARE_CREDITED)};
    struct rollup_row rows[2];

    (void)state;
    assert_int_equal(rows_of(s, 2, rows), 0);
    assert_int_equal(rows_of(s, 0, rows), 0);
}

static void test_reasons(void **state)
{
    struct share s[] = {
        share_of(2, 61 * MINUTE, SHARE_REJECTED),  share_of(1, 119 * MINUTE, SHARE_REJECTED),
        share_of(2, 119 * MINUTE, SHARE_REJECTED), share_of(2, 120 * MINUTE, SHARE_REJECTED),
        share_of(0, 61 * MINUTE, SHARE_REJECTED),  share_of(2, 61 * MINUTE, SHARE_ACCEPTED),
        share_of(2, 61 * MINUTE, SHARE_REFUSED),   share_of(2, 62 * MINUTE, SHARE_REJECTED),
    };
    struct share *pointers[8];
    struct rollup_reason rows[8];

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        s[i].reason = i == 7 ? REASON_TAMPERED : REASON_KNOWN;
        pointers[i] = &s[i];
    }
    assert_int_equal(rollup_reasons(pointers, 8, rows), 4);
    assert_int_equal(rows[0].worker_id, 1);
    assert_int_equal(rows[0].hour, 1);
    assert_int_equal(rows[1].worker_id, 2);
    assert_string_equal(rows[1].reason, "BibleHashAlreadyKnown");
    assert_int_equal(rows[1].rejected, 2); /* of unknown work, or settled before: not counted */
    assert_string_equal(rows[2].reason, "TransactionTampered");
    assert_int_equal(rows[2].rejected, 1);
    assert_int_equal(rows[3].hour, 2);
    assert_int_equal(rollup_reasons(pointers, 0, rows), 0);
}

/* What miners claim cannot make the sums run over. */
static void test_capped(void **state)
{
    struct solution_message liar = message;
    struct share s[3];
    struct rollup_row rows[3];

    (void)state;
    liar.field[SOLUTION_HASH_COUNTER] = (struct text){"18446744073709551", 17};
    liar.field[SOLUTION_TIMER_START] = (struct text){"0", 1};
    liar.field[SOLUTION_TIMER_END] = (struct text){"1", 1};
    for (size_t i = 0; i < 3; i++) {
        s[i] = share_of(1, MINUTE, SHARE_ACCEPTED);
        s[i].msg = &liar;
        s[i].target = (struct u256){{0}}; /* as many hashes as there are */
    }
    assert_true(solution_hash_rate(&liar) > UINT64_MAX / 2);
    assert_int_equal(rows_of(s, 3, rows), 1);
    assert_true(rows[0].hash_rate == UINT64_MAX);
    assert_true(rows[0].difficulty == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_capped),
        cmocka_unit_test(test_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
