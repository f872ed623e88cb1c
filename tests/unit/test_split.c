/* Splitting a subsidy: worked cases, hostile inputs, and properties under random ones. */
#include "backend/ledger/split.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CREDITS_MAX 64

static struct uuid id_of(uint32_t number)
{
    struct uuid id = {{0}};

    for (size_t i = 0; i < 4; i++)
        id.b[15 - i] = (uint8_t)(number >> 8 * i);
    return id;
}

/* Credits of miners 1, 2, … with these weights. */
static void give_weights(struct credit *credits, const uint64_t *weights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        credits[i] = (struct credit){.miner = id_of((uint32_t)i + 1), .weight = weights[i]};
}

static uint64_t sum(const struct credit *credits, size_t n)
{
    uint64_t all = 0;

    for (size_t i = 0; i < n; i++)
        all += credits[i].amount;
    return all;
}

static void test_worked_cases(void **state)
{
    static const struct {
        uint64_t subsidy;
        unsigned fee_bp;
        uint64_t weight[4];
        size_t n;
        uint64_t fee, amount[4];
    } cases[] = {
        {100, 0, {3, 2}, 2, 0, {60, 40}},
        {100, 500, {3, 2}, 2, 5, {57, 38}},
        {200, 0, {1, 1, 1}, 3, 0, {67, 67, 66}},
        {UINT64_C(20000000000),
         0,
         {1, 1, 1},
         3,
         0,
         {UINT64_C(6666666667), UINT64_C(6666666667), UINT64_C(6666666666)}},
        {5492, 500, {1}, 1, 274, {5218}},
        {UINT64_C(549200000000), 500, {1}, 1, UINT64_C(27460000000), {UINT64_C(521740000000)}},
        {1, 0, {1, 1}, 2, 0, {1, 0}},
        {2, 0, {1, 2, 2}, 3, 0, {0, 1, 1}},
        {10, 0, {0, 7, 0}, 3, 0, {0, 10, 0}},
        {0, 0, {3, 2}, 2, 0, {0, 0}},
        {100, 10000, {3, 2}, 2, 100, {0, 0}},
    };

    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct credit credits[4];
        uint64_t fee = split_fee(cases[c].subsidy, cases[c].fee_bp);

        give_weights(credits, cases[c].weight, cases[c].n);
        assert_int_equal(fee, cases[c].fee);
        assert_int_equal(split_amount(cases[c].subsidy - fee, credits, cases[c].n), SPLIT_OK);
        for (size_t i = 0; i < cases[c].n; i++)
            assert_int_equal(credits[i].amount, cases[c].amount[i]);
    }
}

static void test_fee(void **state)
{
    (void)state;
    assert_int_equal(split_fee(0, 500), 0);
    assert_int_equal(split_fee(19, 500), 0); /* rounded down, never up */
    assert_int_equal(split_fee(20, 500), 1);
    assert_int_equal(split_fee(AMOUNT_MAX, FEE_BP_MAX), AMOUNT_MAX);
    assert_int_equal(split_fee(UINT64_MAX, FEE_BP_MAX), UINT64_MAX);
    assert_int_equal(split_fee(AMOUNT_MAX, 1), AMOUNT_MAX / FEE_BP_MAX);
}

static void test_nothing(void **state)
{
    struct credit credits[2];

    (void)state;
    give_weights(credits, (const uint64_t[]){0, 0}, 2);
    credits[1].amount = 7;
    assert_int_equal(split_amount(100, credits, 2), SPLIT_NOTHING);
    assert_int_equal(credits[1].amount, 0);
    assert_int_equal(split_amount(100, NULL, 0), SPLIT_NOTHING);
}

static void test_beyond(void **state)
{
    struct credit credits[2];

    (void)state;
    give_weights(credits, (const uint64_t[]){1, 1}, 2);
    assert_int_equal(split_amount(AMOUNT_MAX + 1, credits, 2), SPLIT_BEYOND);
    assert_int_equal(split_amount(UINT64_MAX, credits, 2), SPLIT_BEYOND);
    credits[0].weight = WEIGHTS_MAX - 1;
    assert_int_equal(split_amount(5, credits, 2), SPLIT_BEYOND);
    credits[0].weight = ~(weight_t)0;
    assert_int_equal(split_amount(5, credits, 2), SPLIT_BEYOND);
    credits[0].weight = WEIGHTS_MAX - 2;
    assert_int_equal(split_amount(5, credits, 2), SPLIT_OK);
    assert_int_equal(credits[0].amount, 5);
}

/* The product of amount and weight has 189 bits here. */
static void test_largest_numbers(void **state)
{
    struct credit credits[3];

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        credits[i] = (struct credit){.miner = id_of(3 - i), .weight = WEIGHTS_MAX / 3 - 1};
    assert_int_equal(split_amount(AMOUNT_MAX, credits, 3), SPLIT_OK);
    assert_int_equal(AMOUNT_MAX % 3, 1);
    assert_int_equal(credits[0].amount, AMOUNT_MAX / 3);
    assert_int_equal(credits[1].amount, AMOUNT_MAX / 3);
    assert_int_equal(credits[2].amount, AMOUNT_MAX / 3 + 1); /* the smallest id */

    credits[0].weight = 1; /* as little as can be, beside as much as can be */
    credits[1].weight = WEIGHTS_MAX - 2;
    assert_int_equal(split_amount(AMOUNT_MAX, credits, 2), SPLIT_OK);
    assert_int_equal(credits[0].amount, 0);
    assert_int_equal(credits[1].amount, AMOUNT_MAX);
}

/* --- properties --- */

static uint64_t random_state;

static uint64_t random_bits(void) /* splitmix64 */
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Of any magnitude up to BITS. */
static uint64_t random_upto(unsigned bits)
{
    unsigned n = (unsigned)(random_bits() % (bits + 1));

    return n == 0 ? 0 : random_bits() >> (64 - n);
}

static void random_credits(struct credit *credits, size_t n)
{
    unsigned bits = (unsigned)(random_bits() % 60) + 4;
    bool wide = random_bits() % 4 == 0; /* beyond 64 bits */

    for (size_t i = 0; i < n; i++) {
        credits[i] = (struct credit){.miner = id_of((uint32_t)(i * 2654435761U)),
                                     .weight = random_upto(bits)};
        if (wide)
            credits[i].weight <<= random_bits() % 50;
    }
}

/* Nobody gets more or less than his exact part by a whole unit: |amount * WHOLE - weight * AMOUNT|
 * < WHOLE, compared here modulo 2^128, which is enough as both sides are close. */
static void assert_fair(uint64_t amount, const struct credit *c, weight_t whole)
{
    weight_t difference = c->amount * whole - c->weight * amount;

    assert_true(difference < whole || -difference < whole);
}

/* More remainder never gets less: checked by comparing every pair. */
static void assert_by_remainder(uint64_t amount, const struct credit *credits, size_t n,
                                weight_t whole)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            const struct credit *a = &credits[i], *b = &credits[j];
            weight_t rest_a = a->weight * amount % whole, rest_b = b->weight * amount % whole;
            bool up_a = a->amount > (uint64_t)(a->weight * amount / whole);
            bool up_b = b->amount > (uint64_t)(b->weight * amount / whole);

            if (rest_a > rest_b || (rest_a == rest_b && memcmp(&a->miner, &b->miner, 16) < 0))
                assert_true(up_a || !up_b);
        }
    }
}

/* The same in any order. */
static void assert_repeatable(uint64_t amount, const struct credit *credits, size_t n)
{
    struct credit other[CREDITS_MAX];

    for (size_t i = 0; i < n; i++)
        other[i] = credits[n - 1 - i];
    split_amount(amount, other, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(other[i].amount, credits[n - 1 - i].amount);
}

static void one_random_split(void)
{
    struct credit credits[CREDITS_MAX];
    size_t n = (size_t)(random_bits() % CREDITS_MAX) + 1;
    uint64_t amount = random_upto(63);
    weight_t whole = 0;

    random_credits(credits, n);
    for (size_t i = 0; i < n; i++)
        whole += credits[i].weight;
    enum split_result result = split_amount(amount, credits, n);
    assert_int_equal(result, whole > 0 ? SPLIT_OK : SPLIT_NOTHING);
    assert_int_equal(sum(credits, n), whole > 0 ? amount : 0);
    for (size_t i = 0; i < n && whole > 0; i++) {
        assert_fair(amount, &credits[i], whole);
        assert_true(credits[i].weight > 0 || credits[i].amount == 0);
    }
    assert_repeatable(amount, credits, n);
    if (whole > 0 && whole >> 64 == 0) /* so that the products fit */
        assert_by_remainder(amount, credits, n, whole);
}

static void test_random(void **state)
{
    const char *given = getenv("PENSTOCK_SEED");

    (void)state;
    random_state = given != NULL ? strtoull(given, NULL, 10) : 1;
    print_message("# PENSTOCK_SEED=%llu\n", (unsigned long long)random_state);
    for (int i = 0; i < 20000; i++)
        one_random_split();
}

/* A million miners, the last with the smallest id. */
static void test_a_million(void **state)
{
    const size_t n = 1000000;
    struct credit *credits = mem_zalloc(n * sizeof *credits);

    (void)state;
    for (size_t i = 0; i < n; i++)
        credits[i] = (struct credit){.miner = id_of((uint32_t)(n - i)), .weight = 5};
    assert_int_equal(split_amount(2500000 + 1, credits, n), SPLIT_OK);
    assert_int_equal(sum(credits, n), 2500001);
    assert_int_equal(credits[0].amount, 2);
    assert_int_equal(credits[n - 500001].amount, 3);
    assert_int_equal(credits[n - 500002].amount, 2);
    assert_int_equal(credits[n - 1].amount, 3);
    free(credits);
}

static void test_weight_text(void **state)
{
    static const char *const wrong[] = {"",
                                        "-1",
                                        "1.0",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "x",
                                        "85070591730234615865843651857942052865",
                                        "340282366920938463463374607431768211456"};
    static const char *const right[] = {"0", "7", "18446744073709551616",
                                        "999999999999999999999999999999"};
    weight_t w = 5;
    char text[WEIGHT_TEXT_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(weight_parse(wrong[i], &w));
    assert_true(w == 5);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_true(weight_parse(right[i], &w));
        weight_format(w, text);
        assert_string_equal(text, right[i]);
    }
    weight_format(~(weight_t)0, text);
    assert_string_equal(text, "340282366920938463463374607431768211455");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worked_cases),    cmocka_unit_test(test_fee),
        cmocka_unit_test(test_nothing),         cmocka_unit_test(test_beyond),
        cmocka_unit_test(test_largest_numbers), cmocka_unit_test(test_random),
        cmocka_unit_test(test_a_million),       cmocka_unit_test(test_weight_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
