/* Whom to pay, and how much. */
#include "backend/task/pay.h"

#include "common/base/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAGE 100

/* What may yet be paid out by this run, and what has been chosen. */
struct selection {
    struct pay_job *j;
    struct payout_item *item;
    size_t n;
    int64_t limit; /* of the settings, what is left of it */
    int64_t funds; /* of the wallet, likewise */
    bool limited, short_of_funds;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void skip(const struct selection *s, const struct payout_candidate *c, const char *why)
{
    char id[UUID_TEXT_LEN + 1];

    uuid_format(&c->miner, id);
    log_warning("pay.skipped", LOG_STR("network", s->j->run->network), LOG_STR("miner", id),
                LOG_STR("address", c->address), LOG_STR("why", why));
}

/* By the settings and by the wallet. */
static enum task_result look_up_limits(struct selection *s)
{
    struct task_run *run = s->j->run;
    struct pay_funds funds;
    int64_t today;
    enum task_result r =
        task_db(run, payout_sum_of_day(run->db, run->network, &today), "the day's payouts");

    if (r != TASK_DONE)
        return r;
    s->limit = INT64_MAX;
    if (run->net->payout_max_per_run > 0)
        s->limit = run->net->payout_max_per_run;
    if (run->net->payout_max_per_day > 0)
        s->limit = least(s->limit, run->net->payout_max_per_day - today);
    if (payer_funds(s->j->payer, &funds) != PAY_DONE)
        return pay_waits(s->j, s->j->payer);
    s->funds = funds.spendable;
    if (run->net->payout_fee_payer == FEE_FROM_POOL)
        s->funds -= run->net->payout_fee_max;
    return TASK_DONE;
}

/* The entries are the truth. A cached balance that differs is put right and reported. */
static enum task_result true_balance(struct selection *s, const struct payout_candidate *c,
                                     int64_t *ret)
{
    struct task_run *run = s->j->run;
    int64_t cached;
    enum db_result r = payout_true_balance(run->db, c->account, ret, &cached);

    if (r == DB_OK && *ret != cached) {
        task_say(run, "the cached balance of %s was %" PRId64 ", its entries sum to %" PRId64,
                 c->address, cached, *ret);
        log_error("pay.balance", LOG_STR("network", run->network), LOG_STR("address", c->address),
                  LOG_INT("cached", cached), LOG_INT("entries", *ret));
        if (!run->options->dry_run)
            r = payout_correct_balance(run->db, c->account);
    }
    return task_db(run, r, "a balance");
}

static enum task_result consider(struct selection *s, const struct payout_candidate *c)
{
    const struct backend_network *net = s->j->run->net;
    int64_t balance = 0, amount;
    enum task_result r = true_balance(s, c, &balance);

    if (r != TASK_DONE || balance < c->minimum || balance <= 0)
        return r;
    amount = least(balance, s->limit);
    if (amount < c->minimum || amount <= 0) {
        s->limited = true;
        return TASK_DONE;
    }
    if (net->payout_fee_payer == FEE_FROM_RECEIVER && amount <= net->payout_fee_max) {
        skip(s, c, "the amount may not cover the fee");
        return TASK_DONE;
    }
    if (amount > s->funds) {
        s->short_of_funds = true;
        return TASK_DONE;
    }
    struct payout_item *item = &s->item[s->n++];
    *item = (struct payout_item){.miner = c->miner, .account = c->account, .amount = amount};
    snprintf(item->address, sizeof(item->address), "%s", c->address);
    s->limit -= amount;
    s->funds -= amount;
    if (s->j->run->options->dry_run)
        task_say(s->j->run, "would pay %" PRId64 " to %s", amount, c->address);
    return TASK_DONE;
}

static enum task_result consider_page(struct selection *s, const struct payout_candidate *page,
                                      size_t n)
{
    const char *addresses[PAGE];
    bool ok[PAGE];

    for (size_t i = 0; i < n; i++)
        addresses[i] = page[i].address;
    if (payer_payable(s->j->payer, addresses, n, ok) != PAY_DONE)
        return pay_waits(s->j, s->j->payer);
    for (size_t i = 0; i < n && s->n < (size_t)s->j->run->net->payout_miners_max; i++) {
        enum task_result r = TASK_DONE;

        if (ok[i])
            r = consider(s, &page[i]);
        else
            skip(s, &page[i], "its address cannot be paid");
        if (r != TASK_DONE)
            return r;
    }
    return TASK_DONE;
}

/* Pages of candidates, until the run is full or nobody is left. Nothing that is chosen here changes
 * the list. A correction of a balance may: then somebody is passed over until the next run. */
static enum task_result consider_all(struct selection *s)
{
    const struct backend_network *net = s->j->run->net;
    struct payout_candidate page[PAGE];
    size_t n = PAGE;

    for (size_t at = 0; n == PAGE && s->n < (size_t)net->payout_miners_max; at += n) {
        enum task_result r =
            task_db(s->j->run,
                    payout_candidates(s->j->run->db, s->j->run->network, net->minimum_payout,
                                      net->payout_interval_s, at, page, PAGE, &n),
                    "who is due");
        if (r == TASK_DONE)
            r = consider_page(s, page, n);
        if (r != TASK_DONE)
            return r;
    }
    return TASK_DONE;
}

enum task_result pay_select(struct pay_job *j, struct payout_item **ret, size_t *ret_n)
{
    struct selection s = {.j = j};
    enum task_result r = look_up_limits(&s);

    s.item = mem_zalloc((size_t)j->run->net->payout_miners_max * sizeof(*s.item));
    if (r == TASK_DONE)
        r = consider_all(&s);
    if (r == TASK_DONE && s.limited)
        task_say(j->run, "the limit of payouts is reached; some miners wait");
    if (r == TASK_DONE && s.short_of_funds)
        log_warning("pay.funds", LOG_STR("network", j->run->network), LOG_INT("left", s.funds));
    *ret = s.item;
    *ret_n = r == TASK_DONE ? s.n : 0;
    return r;
}
