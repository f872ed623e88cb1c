/* The rules that every solution must keep, whatever its chain, cheap ones first. Reading the table
 * at the end tells their order. */
#include "backend/share/share.h"

#include <string.h>

/* A rule refuses S with its own reason and a detail, or leaves it alone. */
typedef void rule_fn(struct share *s, const struct backend_network *net, enum reason reason);

static void rule_new(struct share *s, const struct backend_network *net, enum reason reason)
{
    (void)net;
    if (s->known)
        share_reject(s, reason, "this hash is credited already");
}

static void rule_work_known(struct share *s, const struct backend_network *net, enum reason reason)
{
    const struct text *id = &s->msg->field[SOLUTION_WORK_ID];

    if (!s->has_work_id)
        share_reject(s, reason, "'%.*s' is no work id", (int)(id->len < 40 ? id->len : 40), id->p);
    else if (!s->work.found)
        share_reject(s, reason, "no such work in network %s", net->base.label);
}

static void rule_work_of_miner(struct share *s, const struct backend_network *net,
                               enum reason reason)
{
    const struct text *claimed = &s->msg->field[SOLUTION_MINER_GUID];
    struct uuid miner;

    (void)net;
    if (!uuid_parse(claimed->p, claimed->len, &miner))
        share_reject(s, reason, "'%.*s' is no miner guid",
                     (int)(claimed->len < 40 ? claimed->len : 40), claimed->p);
    else if (!uuid_equal(&miner, &s->work.miner_id))
        share_reject(s, reason, "the work was handed out to another miner");
}

static void rule_miner_enabled(struct share *s, const struct backend_network *net,
                               enum reason reason)
{
    (void)net;
    if (s->work.miner_disabled)
        share_reject(s, reason, "the operator disabled this miner");
}

static void rule_work_age(struct share *s, const struct backend_network *net, enum reason reason)
{
    int64_t age_us = s->received_us - s->work.created_us;

    if (age_us > net->work_max_age_s * 1000000)
        share_reject(s, reason, "the work was %lld s old, %lld s are allowed",
                     (long long)(age_us / 1000000), (long long)net->work_max_age_s);
}

static void rule_target(struct share *s, const struct backend_network *net, enum reason reason)
{
    const struct text *claimed = &s->msg->field[SOLUTION_POW_HASH];
    char hash[65], target[65];

    (void)net;
    if (!s->has_pow_hash) {
        share_reject(s, reason, "pow_hash is not 64 hexadecimal digits: '%.*s'",
                     (int)(claimed->len < 70 ? claimed->len : 70), claimed->p);
    } else if (u256_cmp(&s->pow_hash, &s->target) >= 0) {
        u256_to_hex(&s->pow_hash, hash);
        u256_to_hex(&s->target, target);
        share_reject(s, reason, "%s >= %s", hash, target);
    }
}

static const struct {
    enum reason reason;
    rule_fn *rule;
} rules[] = {
    {REASON_KNOWN, rule_new},
    {REASON_UNKNOWN_WORK, rule_work_known},
    {REASON_WORK_MISMATCH, rule_work_of_miner},
    {REASON_MINER_DISABLED, rule_miner_enabled},
    {REASON_WORK_EXPIRED, rule_work_age},
    {REASON_TARGET_EXCEEDED, rule_target},
};

bool share_check(struct share *s, const struct backend_network *net)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        rules[i].rule(s, net, rules[i].reason);
        if (s->state != SHARE_OPEN)
            return false;
    }
    return true;
}
