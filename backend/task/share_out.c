/*
 * share-out: splits the reward of the pool's blocks that have matured among the miners, the lowest
 * first. What belongs together is one transaction (backend/ledger/settle.h); before it a block is
 * only marked as processing, which the next run takes up like one that is assigned. So a run may
 * die between any two statements, and a wallet that does not answer leaves every block where it
 * was.
 *
 * Two runs at once: both may compute a split; the one whose transaction gets the block's row first
 * stores it, the other one finds it finished.
 */
#include "backend/chain/blocks.h"
#include "backend/ledger/amount.h"
#include "backend/ledger/freeze.h"
#include "backend/ledger/settle.h"
#include "backend/task/task.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_PER_RUN 1000

/* A block that is assigned, or processing since a run that did not end. */
struct mature {
    uint64_t id, height, epoch, subsidy, difficulty;
    struct u256 hash;
    char recipient[ADDRESS_MAX_TEXT + 1];
    bool has_finder;
    struct uuid finder;
};

struct mature_list {
    struct mature *block;
    size_t n;
};

static const char sql_mature[] =
    "SELECT id, height, epoch, subsidy, difficulty, hash, recipient, finder_id FROM block"
    " WHERE network = ? AND pool_block AND status IN ('assigned', 'processing') AND height <= ?"
    " AND COALESCE(chain_time, created_at) <= UTC_TIMESTAMP(6) - INTERVAL ? SECOND"
    " ORDER BY height LIMIT ?";

static bool take_mature(void *ctx, const struct db_value *v, size_t n)
{
    struct mature_list *list = ctx;
    struct mature b = {.id = db_uint(&v[0]),
                       .height = db_uint(&v[1]),
                       .epoch = db_uint(&v[2]),
                       .subsidy = db_uint(&v[3]),
                       .difficulty = db_uint(&v[4])};

    (void)n;
    memcpy(b.hash.be, v[5].data, sizeof b.hash.be);
    snprintf(b.recipient, sizeof b.recipient, "%s", db_text(&v[6]));
    b.has_finder =
        !db_is_null(&v[7]) && uuid_parse(db_text(&v[7]), strlen(db_text(&v[7])), &b.finder);
    list->block = mem_resize(list->block, list->n + 1, sizeof *list->block);
    list->block[list->n++] = b;
    return true;
}

/* --- is it still the pool's? --- */

enum standing {
    STANDING_OURS,
    STANDING_LOST,  /* the chain has another block there, or another recipient */
    STANDING_WRONG, /* the same block with another reward: no chain does that */
};

/* The recipient's text may change while the block does not: the pool's address was rotated. */
static enum task_result ask_chain(struct task_run *run, const struct mature *b, enum standing *ret)
{
    struct chain_block now;
    int64_t confirmations = 0;
    enum task_result result = task_chain(
        run, chain_confirmations(run->chain, (int64_t)b->height, &b->hash, &confirmations));

    *ret = STANDING_LOST;
    if (result != TASK_DONE || confirmations == 0)
        return result;
    result = task_chain(run, chain_block_at(run->chain, (int64_t)b->height, &now));
    if (result != TASK_DONE || u256_cmp(&now.hash, &b->hash) != 0)
        return result;
    if (!now.has_subsidy)
        return task_wait(run, "the wallet does not tell the subsidy of block %" PRIu64, b->height);
    if (now.pool_block || strcmp(now.recipient, b->recipient) == 0)
        *ret = now.subsidy == b->subsidy ? STANDING_OURS : STANDING_WRONG;
    return TASK_DONE;
}

static struct settlement settlement_of(const struct task_run *run, const struct mature *b)
{
    return (struct settlement){
        .block = {run->network, b->id, b->height, b->has_finder, b->finder},
        .epoch = b->epoch,
        .subsidy = b->subsidy,
        .fee_bp = (unsigned)run->net->fee_bp,
    };
}

/* The books contradict the block: a human must look before anybody is paid. The block goes on being
 * tried. */
static enum task_result contradiction(struct task_run *run, const struct mature *b,
                                      enum db_result r)
{
    char *reason = mem_sprintf("share-out of block %" PRIu64 ": the ledger refuses it (%s): %s",
                               b->height, db_result_name(r), db_error(run->db));
    enum db_result frozen = freeze_set(run->db, run->network, "", reason);
    enum task_result result =
        task_fail(run, "%s%s", reason, frozen == DB_OK ? "; payouts are frozen" : "");

    FAULT_POINT("share_out.frozen");
    free(reason);
    return result;
}

static enum task_result judge(struct task_run *run, const struct mature *b, enum db_result r,
                              enum settled settled)
{
    if (r == DB_DUPLICATE || r == DB_REFUSED)
        return contradiction(run, b, r);
    if (r == DB_OK && settled == SETTLED_NOT)
        return task_wait(run, "block %" PRIu64 " was changed meanwhile", b->height);
    return task_db(run, r, "settling a block");
}

static enum task_result make_stale(struct task_run *run, const struct mature *b)
{
    const struct settlement s = settlement_of(run, b);
    enum settled settled = SETTLED_NOT;
    enum task_result result;

    task_say(run, "block %" PRIu64 " %s stale: the chain does not show it as the pool's", b->height,
             run->options->dry_run ? "would be" : "is");
    if (run->options->dry_run)
        return TASK_DONE;
    if (!task_holds_lock(run))
        return TASK_WAITING;
    enum db_result r =
        settle_stale(run->db, &s, "the chain does not show it as the pool's", &settled);
    result = judge(run, b, r, settled);
    if (result == TASK_DONE)
        log_warning("block.stale", LOG_STR("network", run->network), LOG_UINT("height", b->height));
    return result;
}

/* --- sharing out --- */

/* For people, and for whoever else looks at the block meanwhile; nothing rests on it. */
static enum task_result mark_processing(struct task_run *run, const struct mature *b)
{
    if (run->options->dry_run)
        return TASK_DONE;
    if (!task_holds_lock(run))
        return TASK_WAITING;
    enum db_result r =
        db_exec(run->db,
                "UPDATE block SET status = 'processing'"
                " WHERE id = ? AND epoch = ? AND status = 'assigned'",
                (const struct db_value[]){DB_UINT(b->id), DB_UINT(b->epoch)}, 2, NULL);
    FAULT_POINT("share_out.processing");
    return task_db(run, r, "marking a block");
}

/* A block without a reward needs no weights. */
static enum task_result weigh(struct task_run *run, const struct mature *b, struct settlement *s)
{
    const struct backend_network *net = run->net;
    enum payout_scheme scheme = (enum payout_scheme)net->scheme;

    if (b->subsidy == 0) {
        s->weights.scheme = SCHEME_PROP;
    } else {
        enum db_result r =
            scheme_weights(run->db, &s->block, scheme,
                           scheme_window(b->difficulty, net->pplns_percent), &s->weights);
        if (r != DB_OK)
            return task_db(run, r, "reading the shares");
        if (s->weights.scheme != scheme)
            log_warning("share_out.scheme", LOG_STR("network", run->network),
                        LOG_UINT("height", b->height), LOG_STR("set", scheme_names[scheme]),
                        LOG_STR("used", scheme_names[s->weights.scheme]));
    }
    if (settlement_split(s))
        return TASK_DONE;
    return task_fail(run, "block %" PRIu64 ": its numbers are too large to be split", b->height);
}

static void tell(struct task_run *run, const struct settlement *s)
{
    char subsidy[AMOUNT_TEXT], fee[AMOUNT_TEXT];

    amount_format((int64_t)s->subsidy, subsidy);
    amount_format((int64_t)s->fee, fee);
    task_say(run,
             "block %" PRIu64 ": %s %s split (%s) among %zu miners by %" PRIu64
             " shares, %s to the pool",
             s->block.height, subsidy, run->options->dry_run ? "would be" : "is",
             scheme_names[s->weights.scheme], s->weights.n, s->weights.shares, fee);
}

static enum task_result store(struct task_run *run, const struct mature *b,
                              const struct settlement *s)
{
    enum settled settled = SETTLED_NOT;

    if (run->options->dry_run) {
        tell(run, s);
        return TASK_DONE;
    }
    if (!task_holds_lock(run))
        return TASK_WAITING;
    enum db_result r = settle_share_out(run->db, s, &settled);
    enum task_result result = judge(run, b, r, settled);
    if (result == TASK_DONE && settled == SETTLED_NOW) {
        tell(run, s);
        log_info("block.shared_out", LOG_STR("network", run->network),
                 LOG_UINT("height", b->height), LOG_UINT("subsidy", s->subsidy),
                 LOG_UINT("fee", s->fee), LOG_UINT("miners", s->weights.n),
                 LOG_UINT("shares", s->weights.shares));
    }
    return result;
}

static enum task_result share_out(struct task_run *run, const struct mature *b)
{
    struct settlement s = settlement_of(run, b);
    enum task_result result = mark_processing(run, b);

    if (result == TASK_DONE)
        result = weigh(run, b, &s);
    if (result == TASK_DONE)
        result = store(run, b, &s);
    weights_free(&s.weights);
    return result;
}

static enum task_result settle(struct task_run *run, const struct mature *b)
{
    enum standing standing;
    enum task_result result = ask_chain(run, b, &standing);

    if (result != TASK_DONE)
        return result;
    switch (standing) {
    case STANDING_OURS:
        return share_out(run, b);
    case STANDING_LOST:
        return make_stale(run, b);
    case STANDING_WRONG:
        break;
    }
    return task_fail(run, "block %" PRIu64 ": the wallet tells another reward than before",
                     b->height);
}

/* One that fails keeps none of the others from its turn; a server that is away keeps all. */
static enum task_result settle_all(struct task_run *run, const struct mature_list *list)
{
    enum task_result worst = TASK_DONE;

    for (size_t i = 0; i < list->n; i++) {
        enum task_result result = settle(run, &list->block[i]);

        worst = result > worst ? result : worst;
        if (result == TASK_WAITING)
            break;
    }
    if (list->n == 0)
        task_say(run, "no block has matured");
    return worst;
}

static enum task_result run_share_out(struct task_run *run)
{
    struct mature_list list = {NULL, 0};
    enum task_result result =
        task_chain(run, run->options->dry_run ? chain_look(run->chain, run->db)
                                              : chain_refresh(run->chain, run->db));

    if (result != TASK_DONE)
        return result;
    /* the tip has one confirmation */
    int64_t highest = chain_height(run->chain) - run->net->maturity_blocks + 1;
    if (highest < 0)
        highest = 0;
    enum db_result r =
        db_query(run->db, sql_mature,
                 (const struct db_value[]){DB_TEXT(run->network), DB_INT(highest),
                                           DB_INT(run->net->maturity_s), DB_INT(BLOCKS_PER_RUN)},
                 4, take_mature, &list);
    FAULT_POINT("share_out.mature");
    result = task_db(run, r, "reading the blocks");
    if (result == TASK_DONE)
        result = settle_all(run, &list);
    free(list.block);
    return result;
}

const struct task share_out_task = {
    .name = "share-out",
    .text = "split the rewards of the pool's matured blocks among the miners",
    .flags = TASK_NEEDS_CHAIN,
    .run = run_share_out,
};
