/*
 * find-blocks: keeps table `block` as the chain has it. First what was stored and is no longer on
 * the chain becomes orphaned, then the chain's further blocks are stored, lowest first.
 *
 * A run that dies between any two of these steps, or is cut short by a wallet or server, leaves a
 * table that lacks blocks at its top: the next run finds where it is to go on by looking. Two runs
 * at once store each block once, by the unique keys of its hash and height.
 */
#include "backend/task/blocks.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BELOW_TIP 200   /* where a new database begins when the settings do not say */
#define MOST_PER_RUN    20000 /* blocks; the next run goes on */
#define PAGE            32
#define STALE_MAX       100
#define DEEPEST         100 /* a reorganisation beyond this, or beyond maturity, needs a human */

struct find {
    struct task_run *run;
    int64_t tip, next; /* NEXT: the height to store next; -1: there is nothing stored yet */
    bool has_last;
    struct u256 last; /* the hash at NEXT - 1 */
    uint64_t orphaned, stored, pool_blocks, released;
    bool frozen;
};

static bool is_dry(const struct find *f)
{
    return f->run->options->dry_run;
}

/* --- following a reorganisation --- */

static enum task_result orphan(struct find *f, const struct stored_block *b)
{
    struct task_run *run = f->run;
    bool done = true, frozen = false;
    enum task_result result;

    f->orphaned++;
    if (is_dry(f)) {
        task_say(run, "block %" PRId64 " has lost, and would be orphaned", b->height);
        return TASK_DONE;
    }
    if (!task_holds_lock(run))
        return TASK_WAITING;
    result = task_db(run, block_orphan(run->db, run->network, b, &done, &frozen), "orphaning");
    if (result != TASK_DONE)
        return result;
    if (!done)
        return task_wait(run, "block %" PRId64 " was changed meanwhile", b->height);
    if (frozen)
        log_error("block.paid_and_lost", LOG_STR("network", run->network),
                  LOG_INT("height", b->height), LOG_STR("remedy", "payouts are frozen; look"));
    f->frozen |= frozen;
    log_warning("block.orphaned", LOG_STR("network", run->network), LOG_INT("height", b->height),
                LOG_STR("pool_block", b->pool_block ? "yes" : "no"));
    return TASK_DONE;
}

static int64_t deepest(const struct find *f)
{
    int64_t maturity = f->run->net->maturity_blocks;

    return maturity > DEEPEST ? maturity : DEEPEST;
}

/* Looks at B, which is stored as the chain's. *RET_ON_CHAIN: it is. */
static enum task_result look_at(struct find *f, const struct stored_block *b, bool *ret_on_chain)
{
    int64_t confirmations = 0;
    enum task_result result;

    if (b->height > f->tip)
        return task_wait(f->run,
                         "the wallet's tip is %" PRId64 ", below block %" PRId64 " which is stored",
                         f->tip, b->height);
    result =
        task_chain(f->run, chain_confirmations(f->run->chain, b->height, &b->hash, &confirmations));
    *ret_on_chain = confirmations > 0;
    return result;
}

/* From the top down to a block that is still on the chain. All that lost are known before the first
 * is touched: of a chain that is another one altogether nothing is believed. */
static enum task_result find_fork(struct find *f, struct stored_block *lost, size_t room,
                                  size_t *ret_n)
{
    struct stored_block page[PAGE];
    int64_t from = UINT32_MAX;
    bool on_chain = false;
    size_t n;

    *ret_n = 0;
    while (!on_chain) {
        enum task_result result = task_db(
            f->run, blocks_top(f->run->db, f->run->network, from, page, PAGE, &n), "blocks");

        if (result != TASK_DONE || n == 0)
            return result;
        for (size_t i = 0; i < n && !on_chain; i++) {
            result = look_at(f, &page[i], &on_chain);
            if (result != TASK_DONE)
                return result;
            if (on_chain) {
                f->has_last = true;
                f->last = page[i].hash;
            } else if (*ret_n == room) {
                return task_fail(f->run,
                                 "more than %zu blocks have lost: is this the right wallet?", room);
            } else {
                lost[(*ret_n)++] = page[i];
            }
            f->next = page[i].height + on_chain;
        }
        from = page[n - 1].height - 1;
    }
    return TASK_DONE;
}

static enum task_result follow_reorganisation(struct find *f)
{
    size_t room = (size_t)deepest(f), n = 0;
    struct stored_block *lost = mem_zalloc(room * sizeof(*lost));
    enum task_result result = find_fork(f, lost, room, &n);

    for (size_t i = 0; result == TASK_DONE && i < n; i++)
        result = orphan(f, &lost[i]);
    free(lost);
    return result;
}

/* A block of the chain whose recipient became another one stays stale. */
static enum task_result is_the_pools(struct find *f, const struct stored_block *b, bool *ret)
{
    struct chain_block now;
    enum task_result result = task_chain(f->run, chain_block_at(f->run->chain, b->height, &now));

    *ret = result == TASK_DONE && now.pool_block && u256_cmp(&now.hash, &b->hash) == 0;
    return result;
}

/* Share-out has found these missing on the chain. Either they are, or they were for a while. */
static enum task_result settle_stale(struct find *f)
{
    struct stored_block stale[STALE_MAX];
    struct task_run *run = f->run;
    size_t n = 0;
    enum task_result result =
        task_db(run, blocks_stale(run->db, run->network, stale, STALE_MAX, &n), "stale blocks");

    for (size_t i = 0; result == TASK_DONE && i < n; i++) {
        bool on_chain = false, ours = false, done = true;

        result = look_at(f, &stale[i], &on_chain);
        if (result == TASK_DONE && !on_chain)
            result = orphan(f, &stale[i]);
        else if (result == TASK_DONE)
            result = is_the_pools(f, &stale[i], &ours);
        if (result == TASK_DONE && on_chain && ours && !is_dry(f))
            result =
                task_db(run, block_reopen(run->db, run->network, &stale[i], &done), "reopening");
    }
    return result;
}

static enum task_result release_shares(struct find *f)
{
    struct task_run *run = f->run;
    enum task_result result;

    if (is_dry(f))
        return TASK_DONE;
    result = task_db(run, blocks_release_shares(run->db, run->network, &f->released), "shares");
    if (f->released > 0)
        log_info("block.shares_released", LOG_STR("network", run->network),
                 LOG_UINT("shares", f->released));
    return result;
}

/* --- storing what is new --- */

static void choose_first(struct find *f)
{
    int64_t first = f->run->net->first_height;

    if (f->next >= 0)
        return;
    if (first == 0)
        first = f->tip - FIRST_BELOW_TIP;
    f->next = first < 1 ? 1 : first;
}

static void note_stored(struct find *f, const struct chain_block *b)
{
    f->stored++;
    f->pool_blocks += b->pool_block;
    if (b->pool_block)
        log_info("block.pool", LOG_STR("network", f->run->network), LOG_INT("height", b->height),
                 LOG_UINT("subsidy", b->subsidy));
}

/* *RET_GO_ON is false when the run is to end here, though nothing is wrong. */
static enum task_result store_next(struct find *f, bool *ret_go_on)
{
    struct task_run *run = f->run;
    struct chain_block b;
    enum block_store stored = BLOCK_NEW;
    enum task_result result = task_chain(run, chain_block_at(run->chain, f->next, &b));

    *ret_go_on = false;
    if (result != TASK_DONE)
        return result;
    if (!b.has_subsidy)
        return task_wait(run, "the wallet does not tell the subsidy of block %" PRId64, f->next);
    if (b.has_prev && f->has_last && u256_cmp(&b.prev, &f->last) != 0) {
        task_say(run, "the chain changed at block %" PRId64 "; the next run follows it", f->next);
        return TASK_DONE;
    }
    if (!is_dry(f)) {
        if (b.pool_block && !task_holds_lock(run))
            return TASK_WAITING;
        result = task_db(
            run, block_store(run->db, run->network, &b, run->options->mark_processed, &stored),
            "storing a block");
    }
    if (result != TASK_DONE)
        return result;
    if (stored == BLOCK_TAKEN) {
        task_say(run, "another run stores blocks too; it goes on at %" PRId64, f->next);
        return TASK_DONE;
    }
    if (stored != BLOCK_THERE)
        note_stored(f, &b);
    f->last = b.hash;
    f->has_last = true;
    f->next++;
    *ret_go_on = true;
    return TASK_DONE;
}

static enum task_result store_all(struct find *f)
{
    int64_t most = f->run->options->max_height, until = f->tip;
    enum task_result result = TASK_DONE;
    bool go_on = true;

    if (most >= 0 && most < until)
        until = most;
    for (int i = 0; go_on && f->next <= until && i < MOST_PER_RUN; i++) {
        result = store_next(f, &go_on);
        if (result != TASK_DONE)
            return result;
    }
    if (go_on)
        task_say(f->run,
                 "at block %" PRId64 ", the tip is %" PRId64 "; %" PRIu64 " %s, %" PRIu64
                 " of the pool, %" PRIu64 " orphaned%s",
                 f->next - 1, f->tip, f->stored, is_dry(f) ? "would be new" : "new", f->pool_blocks,
                 f->orphaned, f->frozen ? "; payouts are frozen" : "");
    return result;
}

static enum task_result run_find_blocks(struct task_run *run)
{
    static enum task_result (*const steps[])(struct find *) = {follow_reorganisation, settle_stale,
                                                               release_shares};
    struct find f = {.run = run, .next = -1};
    enum task_result result = task_chain(run, is_dry(&f) ? chain_look(run->chain, run->db)
                                                         : chain_refresh(run->chain, run->db));

    if (result != TASK_DONE)
        return result;
    f.tip = chain_height(run->chain);
    for (size_t i = 0; result == TASK_DONE && i < sizeof(steps) / sizeof(steps[0]); i++)
        result = steps[i](&f);
    if (result != TASK_DONE)
        return result;
    choose_first(&f);
    return store_all(&f);
}

const struct task find_blocks_task = {
    .name = "find-blocks",
    .text = "store the chain's new blocks, and follow its reorganisations",
    .flags = TASK_NEEDS_CHAIN | TASK_TAKES_MARK_PROCESSED | TASK_TAKES_MAX_HEIGHT,
    .run = run_find_blocks,
};
