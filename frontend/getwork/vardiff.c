#include "frontend/getwork/vardiff.h"

#include <stdlib.h>
#include <string.h>

#define US_PER_MINUTE 60000000

enum {
    KEEP_FROM = 4, /* tenths of the wanted pace between which the tier stays */
    KEEP_TO = 14,
    BURST = 8, /* times the wanted shares in a minute */
};

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* --- the rules --- */

static struct vardiff_tier tier_of(const struct u256 *target)
{
    return (struct vardiff_tier){u256_expected_hashes(target), *target};
}

/* False when there is no such target. */
static bool tier_at(const struct difficulty *d, unsigned diff1_shift, struct vardiff_tier *ret)
{
    struct u256 target;

    difficulty_target(d, diff1_shift, &target);
    *ret = tier_of(&target);
    return !u256_is_zero(&target);
}

/* "" is DEFLT, which may be NULL for none: then *RET stays as it is. */
static bool parse_tier(const char *text, unsigned diff1_shift, const struct vardiff_tier *deflt,
                       struct vardiff_tier *ret)
{
    struct difficulty d;

    if (*text)
        return difficulty_parse(text, strlen(text), &d) && tier_at(&d, diff1_shift, ret);
    if (deflt)
        *ret = *deflt;
    return true;
}

static bool easier(const struct vardiff_tier *a, const struct vardiff_tier *b)
{
    return u256_cmp(&a->target, &b->target) > 0;
}

static int by_hardness(const void *a, const void *b)
{
    return easier(a, b) ? -1 : easier(b, a);
}

static struct u256 halved(const struct u256 *x)
{
    struct u256 y;

    for (size_t i = 0; i < sizeof y.be; i++)
        y.be[i] = (uint8_t)(x->be[i] >> 1 | (i > 0 ? x->be[i - 1] << 7 : 0));
    return y;
}

/* As many as there is room for, none harder than HARDEST. */
static void double_tiers(struct vardiff *v, struct vardiff_tier tier,
                         const struct vardiff_tier *hardest)
{
    while (easier(&tier, hardest) && v->tiers < VARDIFF_MAX_TIERS - 1) {
        const struct u256 next = halved(&tier.target);

        v->tier[v->tiers++] = tier;
        tier = tier_of(&next);
    }
    if (v->tiers < VARDIFF_MAX_TIERS - 1)
        tier = *hardest;
    v->tier[v->tiers++] = tier;
}

static const char *list_tiers(struct vardiff *v, const struct conf_words *words,
                              const struct vardiff_tier *easiest)
{
    for (size_t i = 0; i < words->n && i < VARDIFF_MAX_TIERS; i++) {
        struct vardiff_tier *tier = &v->tier[v->tiers];

        if (!parse_tier(words->word[i], v->diff1_shift, NULL, tier) || !*words->word[i])
            return "tiers: give difficulties as decimal numbers, such as 64";
        v->tiers += !easier(tier, easiest);
    }
    if (v->tiers == 0)
        v->tier[v->tiers++] = *easiest;
    qsort(v->tier, v->tiers, sizeof *v->tier, by_hardness);
    return NULL;
}

static const char *make_tiers(struct vardiff *v, const struct vardiff_conf *conf,
                              const struct vardiff_tier *easiest)
{
    struct vardiff_tier minimum, maximum = {UINT64_MAX, {{[31] = 1}}};

    if (!parse_tier(conf->minimum, v->diff1_shift, easiest, &minimum))
        return "minimum_difficulty: give a decimal number above 0, such as 64";
    if (!parse_tier(conf->maximum, v->diff1_shift, NULL, &maximum))
        return "maximum_difficulty: give a decimal number above 0, such as 524288";
    if (easier(&maximum, &minimum))
        return "maximum_difficulty: it is below minimum_difficulty, or easier than share_target; "
               "give a greater one";
    if (easier(&minimum, easiest))
        minimum = *easiest;
    if (conf->tiers.n > 0)
        return list_tiers(v, &conf->tiers, easiest);
    double_tiers(v, minimum, &maximum);
    return NULL;
}

const char *vardiff_rules(const struct vardiff_conf *conf, unsigned diff1_shift,
                          const struct u256 *share_target, struct vardiff *ret)
{
    const struct vardiff_tier easiest = tier_of(share_target);
    struct vardiff v = {.enabled = conf->enabled,
                        .scope = (enum vardiff_scope)conf->scope,
                        .shares_per_minute = (uint64_t)conf->shares_per_minute,
                        .diff1_shift = diff1_shift};
    const char *wrong = make_tiers(&v, conf, &easiest);

    if (wrong)
        return wrong;
    if (!parse_tier(conf->manual, diff1_shift, &easiest, &v.manual))
        return "minimum_manual_difficulty: give a decimal number above 0, such as 64";
    if (easier(&v.manual, &easiest))
        v.manual = easiest;
    v.start = v.enabled ? v.tier[0] : easiest;
    *ret = v;
    return NULL;
}

/* --- a miner's target --- */

/* What the miner asks for, no easier than allowed; false when it asks for nothing, or for what no
 * hash could meet. */
static bool wished(const struct vardiff *v, const struct wishes *wish, enum wish_kind kind,
                   struct vardiff_tier *ret)
{
    if (!wish->given[kind] || !tier_at(&wish->value[kind], v->diff1_shift, ret))
        return false;
    if (easier(ret, &v->manual))
        *ret = v->manual;
    return true;
}

/* The tiers between which the miner wants to be; where there is none, its own bound is the only
 * one. */
static void bound_tiers(const struct vardiff *v, const struct wishes *wish, struct vardiff *ret)
{
    struct vardiff_tier min, max;
    bool has_min = wished(v, wish, WISH_MIN, &min), has_max = wished(v, wish, WISH_MAX, &max);

    ret->tiers = 0;
    for (size_t i = 0; i < v->tiers; i++)
        if (!(has_min && easier(&v->tier[i], &min)) && !(has_max && easier(&max, &v->tier[i])))
            ret->tier[ret->tiers++] = v->tier[i];
    if (ret->tiers == 0)
        ret->tier[ret->tiers++] = has_min ? min : max;
}

static const struct vardiff_tier *nearest(const struct vardiff *v, uint64_t ideal)
{
    const struct vardiff_tier *best = &v->tier[0];
    uint64_t distance = UINT64_MAX;

    for (size_t i = 0; i < v->tiers; i++) {
        uint64_t hashes = v->tier[i].hashes, d = hashes > ideal ? hashes - ideal : ideal - hashes;

        if (d < distance) {
            distance = d;
            best = &v->tier[i];
        }
    }
    return best;
}

/* In hashes per minute; 0 only when there were no shares. */
static uint64_t rate_of(const struct vardiff *v, const struct vardiff_past *past, int64_t now)
{
    const struct vardiff_minute *last = &past->minute[past->n - 1];
    uint64_t sum = 0, minutes = past->n;

    for (size_t i = 0; i < past->n; i++)
        sum = add(sum, past->minute[i].hashes);
    if (v->scope == VARDIFF_CONNECTION && now > last->minute + 1)
        minutes += (uint64_t)(now - last->minute - 1);
    uint64_t rate = sum / minutes;
    if (now <= last->minute + 1 && last->shares >= BURST * v->shares_per_minute &&
        last->hashes > rate)
        rate = last->hashes;
    return rate > 0 ? rate : 1;
}

/* Shares came at about the pace that is wanted. */
static bool keeps(const struct vardiff_tier *tier, uint64_t ideal)
{
    const unsigned __int128 ten = (unsigned __int128)ideal * 10;

    return ten >= (unsigned __int128)tier->hashes * KEEP_FROM &&
           ten <= (unsigned __int128)tier->hashes * KEEP_TO;
}

static const struct vardiff_tier *choose(const struct vardiff *v, const struct vardiff_past *past,
                                         int64_t now)
{
    const struct vardiff_minute *last = &past->minute[past->n - 1];
    const struct vardiff_tier *current =
        nearest(v, last->shares > 0 ? last->hashes / last->shares : 0);
    uint64_t ideal = rate_of(v, past, now) / v->shares_per_minute;

    return keeps(current, ideal) ? current : nearest(v, ideal);
}

void vardiff_target(const struct vardiff *v, const struct wishes *wish,
                    const struct vardiff_past *past, int64_t now, struct u256 *ret)
{
    struct vardiff bounded = *v;
    struct vardiff_tier tier;

    if (wished(v, wish, WISH_FIXED, &tier)) {
        *ret = tier.target;
        return;
    }
    bound_tiers(v, wish, &bounded);
    if (v->enabled && past->n > 0)
        tier = *choose(&bounded, past, now);
    else if (!wished(v, wish, WISH_START, &tier))
        tier = v->enabled ? *nearest(&bounded, v->start.hashes) : v->start;
    *ret = tier.target;
}

/* --- the past --- */

/* A sum as the database writes it: what is beyond 64 bits is as good as the most. */
static uint64_t number(const struct db_value *v)
{
    return db_is_null(v) ? 0 : strtoull(db_text(v), NULL, 10);
}

static bool take_minute(void *ctx, const struct db_value *v, size_t n)
{
    struct vardiff_past *past = ctx;

    (void)n;
    past->minute[past->n++] = (struct vardiff_minute){db_int(&v[0]), number(&v[1]), number(&v[2])};
    return past->n <= VARDIFF_MINUTES;
}

static enum db_result read_past(struct db *db, const struct vardiff *v, const char *miner_id,
                                uint64_t worker_id, struct vardiff_past *ret)
{
#define PAST(column)                                                                               \
    "SELECT minute, SUM(shares), SUM(difficulty) FROM intake_rate WHERE " column                   \
    " GROUP BY minute ORDER BY minute"
    static const char of_miner[] = PAST("miner_id = ?"), of_worker[] = PAST("worker_id = ?");

    ret->n = 0;
    if (v->scope == VARDIFF_CONNECTION)
        return db_query(db, of_worker, (const struct db_value[]){DB_UINT(worker_id)}, 1,
                        take_minute, ret);
    return db_query(db, of_miner, (const struct db_value[]){DB_TEXT(miner_id)}, 1, take_minute,
                    ret);
}

enum db_result vardiff_choose(struct db *db, const struct vardiff *v, const struct wishes *wish,
                              const char *miner_id, uint64_t worker_id, int64_t now_us,
                              struct u256 *ret)
{
    struct vardiff_past past = {.n = 0};
    enum db_result r = DB_OK;

    if (v->enabled && !wish->given[WISH_FIXED])
        r = read_past(db, v, miner_id, worker_id, &past);
    if (r == DB_OK)
        vardiff_target(v, wish, &past, now_us / US_PER_MINUTE, ret);
    return r;
}
