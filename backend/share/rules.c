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

/* --- of jobs --- */

static void rule_job_work(struct share *s, const struct backend_network *net, enum reason reason)
{
    if (!s->work.found)
        share_reject(s, reason, "no work in network %s has this merkle root", net->base.label);
    else if (!s->work.of_job)
        share_reject(s, reason, "the work was not handed out from a job");
}

static void rule_job_known(struct share *s, const struct backend_network *net, enum reason reason)
{
    (void)net;
    if (!s->job.found)
        share_reject(s, reason, "the work's job is not kept, or its extranonce does not fit");
}

/* The work's id has only a part of it. */
static void rule_job_root(struct share *s, const struct backend_network *net, enum reason reason)
{
    struct u256 root;

    (void)net;
    u256_reverse(s->job.root, &root);
    if (u256_cmp(&root, &s->header.merkle_root) != 0)
        share_reject(s, reason, "the merkle root is not the work's");
}

static void rule_job_header(struct share *s, const struct backend_network *net, enum reason reason)
{
    (void)net;
    if (s->header.version != s->job.version)
        share_reject(s, reason, "version is %08x, the job's is %08x", s->header.version,
                     s->job.version);
    else if (s->header.bits != s->job.bits)
        share_reject(s, reason, "bits are %08x, the job's are %08x", s->header.bits, s->job.bits);
    else if (u256_cmp(&s->header.prev, &s->job.prev) != 0)
        share_reject(s, reason, "the previous block is not the job's");
}

static void rule_job_time(struct share *s, const struct backend_network *net, enum reason reason)
{
    (void)net;
    if (s->header.time < s->job.min_time)
        share_reject(s, reason, "the header's time is %u s before the job's least",
                     s->job.min_time - s->header.time);
}

/* Inclusive, unlike Action's: so miners of jobs compare. */
static void rule_job_target(struct share *s, const struct backend_network *net, enum reason reason)
{
    char hash[65], target[65];

    (void)net;
    s->target = share_job_target(s, &s->target);
    if (u256_cmp(&s->pow_hash, &s->target) <= 0)
        return;
    u256_to_hex(&s->pow_hash, hash);
    u256_to_hex(&s->target, target);
    share_reject(s, reason, "%s > %s", hash, target);
}

struct rule {
    enum reason reason;
    rule_fn *rule;
};

static const struct rule job_rules[] = {
    {REASON_KNOWN, rule_new},
    {REASON_UNKNOWN_WORK, rule_job_work},
    {REASON_MINER_DISABLED, rule_miner_enabled},
    {REASON_WORK_EXPIRED, rule_work_age},
    {REASON_JOB_UNKNOWN, rule_job_known},
};

/* What follows from header, work and job alone. */
static const struct rule header_rules[] = {
    {REASON_JOB_MISMATCH, rule_job_root},
    {REASON_JOB_MISMATCH, rule_job_header},
    {REASON_HEADER_TIME, rule_job_time},
    {REASON_TARGET_EXCEEDED, rule_job_target},
};

static const struct rule rules[] = {
    {REASON_KNOWN, rule_new},
    {REASON_UNKNOWN_WORK, rule_work_known},
    {REASON_WORK_MISMATCH, rule_work_of_miner},
    {REASON_MINER_DISABLED, rule_miner_enabled},
    {REASON_WORK_EXPIRED, rule_work_age},
    {REASON_TARGET_EXCEEDED, rule_target},
};

static void apply(struct share *s, const struct backend_network *net, const struct rule *r,
                  size_t n)
{
    for (size_t i = 0; i < n && s->state == SHARE_OPEN; i++)
        r[i].rule(s, net, r[i].reason);
}

#define APPLY(s, net, table) apply(s, net, table, sizeof(table) / sizeof((table)[0]))

bool share_check(struct share *s, const struct backend_network *net)
{
    if (s->of_job) {
        APPLY(s, net, job_rules);
        share_check_header(s, net);
    } else {
        APPLY(s, net, rules);
    }
    return s->state == SHARE_OPEN;
}

void share_check_header(struct share *s, const struct backend_network *net)
{
    APPLY(s, net, header_rules);
}
