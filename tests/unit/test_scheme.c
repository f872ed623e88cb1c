/* The pure parts of the schemes, of a settlement, and of what amounts look like. */
#include "backend/ledger/amount.h"
#include "backend/ledger/posting.h"
#include "backend/ledger/settle.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct uuid id_of(unsigned number)
{
    struct uuid id = {{0}};

    id.b[14] = (uint8_t)(number >> 8);
    id.b[15] = (uint8_t)number;
    return id;
}

static void add(struct weights *w, unsigned miner, uint64_t shares, weight_t weight)
{
    struct uuid id = id_of(miner);

    weights_add(w, &id, shares, weight);
}

static void test_window(void **state)
{
    (void)state;
    assert_true(scheme_window(10, 200) == 20);
    assert_true(scheme_window(3, 50) == 1); /* rounded down */
    assert_true(scheme_window(0, 200) == 0);
    assert_true(scheme_window(1, 99) == 0);
    assert_true(scheme_window(UINT64_MAX, 100000) == (weight_t)UINT64_MAX * 1000);
}

static void test_merge(void **state)
{
    struct weights w = {.credit = NULL};

    (void)state;
    weights_merge(&w); /* of nothing */
    assert_int_equal(w.n, 0);
    add(&w, 7, 1, 10);
    add(&w, 3, 2, UINT64_MAX);
    add(&w, 7, 4, 5);
    add(&w, 3, 8, UINT64_MAX);
    weights_merge(&w);
    assert_int_equal(w.n, 2);
    assert_true(uuid_equal(&w.credit[0].miner, &(struct uuid){{[15] = 3}}));
    assert_int_equal(w.credit[0].shares, 10);
    assert_true(w.credit[0].weight == 2 * (weight_t)UINT64_MAX);
    assert_int_equal(w.credit[1].shares, 5);
    assert_true(w.credit[1].weight == 15);
    assert_int_equal(w.shares, 15);
    assert_true(w.weight == 2 * (weight_t)UINT64_MAX + 15);
    weights_free(&w);
}

/* Adding and merging in turns, as slices do; memory must follow (SAN=1 looks). */
static void test_many_merges(void **state)
{
    struct weights w = {.credit = NULL};
    uint64_t added = 0;

    (void)state;
    for (unsigned round = 1; round <= 40; round++) {
        for (unsigned i = 0; i < 37 * round % 101; i++, added++)
            add(&w, i * round % 53, 1, 2);
        weights_merge(&w);
        assert_true(w.n <= 53);
        for (size_t i = 1; i < w.n; i++)
            assert_true(memcmp(w.credit[i - 1].miner.b, w.credit[i].miner.b, 16) < 0);
    }
    uint64_t shares = 0;
    for (size_t i = 0; i < w.n; i++)
        shares += w.credit[i].shares;
    assert_int_equal(shares, added);
    assert_int_equal(w.shares, added);
    assert_true(w.weight == 2 * (weight_t)added);
    weights_free(&w);
}

static void test_settlement(void **state)
{
    struct settlement s = {.subsidy = 100, .fee_bp = 500};

    (void)state;
    add(&s.weights, 1, 3, 3);
    add(&s.weights, 2, 2, 2);
    assert_true(settlement_split(&s));
    assert_int_equal(s.fee, 5);
    assert_int_equal(s.weights.credit[0].amount, 57);
    assert_int_equal(s.weights.credit[1].amount, 38);

    s.subsidy = AMOUNT_MAX + 1;
    assert_false(settlement_split(&s));

    s.subsidy = 100; /* shares that weigh nothing are as good as none */
    s.weights.credit[0].weight = s.weights.credit[1].weight = 0;
    assert_true(settlement_split(&s));
    assert_int_equal(s.fee, 100);
    assert_int_equal(s.weights.n, 0);
    weights_free(&s.weights);
}

static void test_amounts(void **state)
{
    static const struct {
        int64_t amount;
        const char *text;
    } cases[] = {
        {0, "0.00000000"},
        {1, "0.00000001"},
        {-1, "-0.00000001"},
        {100000000, "1.00000000"},
        {-1250000000, "-12.50000000"},
        {INT64_MAX, "92233720368.54775807"},
        {INT64_MIN, "-92233720368.54775808"},
    };
    char text[AMOUNT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        amount_format(cases[i].amount, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_posting(void **state)
{
    struct uuid miner = id_of(5);
    struct posting *p = posting_new("n", "kind", "ref", "note");

    (void)state;
    assert_int_equal(posting_post(NULL, p), DB_OK); /* nothing to post: no database is needed */
    posting_add(p, ACCOUNT_COLD, NULL, 0);
    assert_int_equal(posting_lines(p), 0); /* no amount, no line */
    for (int i = 1; i < POSTING_LINES_MAX; i++)
        posting_add(p, ACCOUNT_MINER, &miner, INT64_MIN + i); /* as long as lines can be */
    posting_add(p, ACCOUNT_NETWORK_FEE, NULL, INT64_MIN);
    assert_int_equal(posting_lines(p), POSTING_LINES_MAX);
    posting_free(&p);
    assert_null(p);
    posting_free(&p);
}

static void test_references(void **state)
{
    char ref[BLOCK_REF_MAX + 1];

    (void)state;
    posting_block_ref(12, 0, ref);
    assert_string_equal(ref, "12.0");
    posting_block_ref(UINT64_MAX, UINT32_MAX, ref);
    assert_string_equal(ref, "18446744073709551615.4294967295");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window),      cmocka_unit_test(test_merge),
        cmocka_unit_test(test_many_merges), cmocka_unit_test(test_settlement),
        cmocka_unit_test(test_amounts),     cmocka_unit_test(test_posting),
        cmocka_unit_test(test_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
