#include "backend/ledger/split.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* --- weights as text --- */

bool weight_parse(const char *text, weight_t *ret)
{
    weight_t n = 0;
    size_t digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        weight_t digit = (weight_t)(text[digits] - '0');
        if (n > (WEIGHTS_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (digits == 0 || text[digits] != '\0')
        return false;
    *ret = n;
    return true;
}

void weight_format(weight_t weight, char out[WEIGHT_TEXT_MAX + 1])
{
    char reversed[WEIGHT_TEXT_MAX];
    size_t n = 0;

    do {
        reversed[n++] = (char)('0' + (int)(weight % 10));
        weight /= 10;
    } while (weight > 0);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    out[n] = '\0';
}

/* --- the split --- */

uint64_t split_fee(uint64_t subsidy, unsigned fee_bp)
{
    assert(fee_bp <= FEE_BP_MAX);
    return (uint64_t)((weight_t)subsidy * fee_bp / FEE_BP_MAX);
}

/* What the rounding took from one part, as a fraction of the sum of the weights. */
struct rest {
    weight_t rest;
    struct credit *credit;
};

/* AMOUNT * PART / WHOLE for PART <= WHOLE < WEIGHTS_MAX, and the remainder. The product can have
 * 190 bits, so it is never formed: AMOUNT is taken a bit at a time, from the highest, as in long
 * division. */
static uint64_t proportion(uint64_t amount, weight_t part, weight_t whole, weight_t *ret_rest)
{
    uint64_t quotient = 0;
    weight_t rest = 0; /* below WHOLE, so 2 * rest + part is below 3 * 2^126 */

    for (int bit = 63; bit >= 0; bit--) {
        rest = 2 * rest + ((amount >> bit & 1) != 0 ? part : 0);
        quotient *= 2;
        while (rest >= whole) {
            rest -= whole;
            quotient++;
        }
    }
    *ret_rest = rest;
    return quotient;
}

static int larger_rest_first(const void *pa, const void *pb)
{
    const struct rest *a = pa, *b = pb;

    if (a->rest != b->rest)
        return a->rest > b->rest ? -1 : 1;
    return memcmp(a->credit->miner.b, b->credit->miner.b, sizeof a->credit->miner.b);
}

/* Rounds all parts down and returns what is left of AMOUNT: less than the number of parts that were
 * rounded, for it is the sum of their remainders divided by WHOLE. */
static uint64_t round_down(uint64_t amount, weight_t whole, struct credit *credits, size_t n,
                           struct rest *rests)
{
    for (size_t i = 0; i < n; i++) {
        rests[i].credit = &credits[i];
        credits[i].amount = proportion(amount, credits[i].weight, whole, &rests[i].rest);
    }
    for (size_t i = 0; i < n; i++)
        amount -= credits[i].amount;
    return amount;
}

static enum split_result sum_weights(const struct credit *credits, size_t n, weight_t *ret)
{
    weight_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (credits[i].weight >= WEIGHTS_MAX - sum)
            return SPLIT_BEYOND;
        sum += credits[i].weight;
    }
    *ret = sum;
    return sum > 0 ? SPLIT_OK : SPLIT_NOTHING;
}

enum split_result split_amount(uint64_t amount, struct credit *credits, size_t n)
{
    weight_t whole = 0;
    enum split_result result = amount > AMOUNT_MAX ? SPLIT_BEYOND : sum_weights(credits, n, &whole);

    for (size_t i = 0; i < n; i++)
        credits[i].amount = 0;
    if (result != SPLIT_OK)
        return result;
    struct rest *rests = mem_zalloc(n * sizeof *rests);
    uint64_t left = round_down(amount, whole, credits, n, rests);
    assert(left < n);
    qsort(rests, n, sizeof *rests, larger_rest_first);
    for (size_t i = 0; i < left; i++)
        rests[i].credit->amount++;
    free(rests);
    return SPLIT_OK;
}
