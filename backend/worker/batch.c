/*
 * One batch of solutions, from deliveries to acknowledgements.
 *
 * The steps, and what happens when the process dies behind each of them:
 *
 *   1 receive       Nothing has happened; the broker delivers everything again.
 *   2 submit        Blocks went to the wallets; those of jobs' shares were put together first.
 *                   They come again with the redelivery; a second submission answers `duplicate`.
 *                   Their rows are written then, with what the wallets say by then.
 *   3 tip           A row of `tip` may be there, which the next worker finds and keeps.
 *   4 look up       As after 2.
 *   5 judge         As after 2: verdicts live in memory. Received times are computed again; only
 *                   the bound per origin is left out for a redelivery (received.h).
 *   6 transaction   Before its commit the server rolls back: as after 2. With or after it, all
 *                   rows are there: at the redelivery step 4 finds each message settled, and
 *                   nothing is written or counted again.
 *   7 archive       Credited messages may be missing in the archive, or cut off at its end; at the
 *                   redelivery step 4 finds them credited and they are archived (again).
 *   8 acknowledge   Done. Messages whose acknowledgement did not reach the broker are settled and
 *                   archived already: step 4 finds them.
 *
 * Two workers may hold the same message at once, when the broker gave up on a connection that still
 * works on it. The unique keys of `share` and `rejected` let one of them win; that a message is not
 * in one table by one worker and in the other by another is seen to by share_cross_check().
 *
 * Whatever fails on the way without being a miner's fault (database, wallet, archive) makes the
 * batch wait and start again from step 2. Every step may be done any number of times.
 */
#include "backend/share/credit.h"
#include "backend/share/lookup.h"
#include "backend/share/record.h"
#include "backend/worker/lane-private.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct lane *lane;
    struct item **item; /* all, parked ones first */
    size_t n;
    struct share **share; /* of all that are no twins */
    size_t shares_n;
    char why[300]; /* it must wait */
};

static bool wait_for(struct batch *b, const char *what, const char *error)
{
    snprintf(b->why, sizeof(b->why), "%s: %s", what, error);
    return false;
}

static bool wait_for_db(struct batch *b, enum db_result r)
{
    return wait_for(b, db_result_name(r), db_error(b->lane->db));
}

/* --- judging --- */

/* Who may be parked: each for a while, and only so many that the queue goes on. */
static void allow_waiting(struct batch *b)
{
    const struct lane *l = b->lane;
    int64_t now = clock_mono_ms(), wait = l->net->unknown_parent_wait_ms;
    int64_t room = (int64_t)l->prefetch / 2 - (int64_t)l->parked_n;
    int64_t bytes = PARKED_BYTES_MAX - lane_parked_bytes();

    for (size_t i = 0; i < b->n; i++) {
        struct item *item = b->item[i];
        int64_t until = item->park_until_ms != 0 ? item->park_until_ms : now + wait;

        item->share.may_park = room > 0 && bytes > 0;
        item->share.may_wait = item->share.may_park && now < until;
        if (item->share.may_park) {
            room--;
            bytes -= (int64_t)item->delivery->len * 3 / 2;
        }
    }
}

struct ranked {
    struct share *share;
    size_t rank;
    bool has_key;
};

/* Claims of the same hash side by side, in the order of their arrival. */
static int cmp_ranked(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    int c = (int)b->has_key - (int)a->has_key;

    if (c == 0 && a->has_key)
        c = share_cmp_key(a->share, b->share);
    return c != 0 ? c : (a->rank > b->rank) - (a->rank < b->rank);
}

/* From a group of claims of one hash only the first undecided one is judged, until one of them is
 * credited: then all others are known. Returns how many were picked. */
static size_t pick_group(struct ranked *group, size_t n, struct share **pick)
{
    size_t picked = 0;
    bool credited = false;

    for (size_t i = 0; i < n; i++)
        credited |= group[i].share->state == SHARE_ACCEPTED;
    for (size_t i = 0; i < n && (credited || picked == 0); i++) {
        if (group[i].share->state != SHARE_OPEN)
            continue;
        group[i].share->known |= credited;
        pick[picked++] = group[i].share;
    }
    return picked;
}

static size_t pick_round(struct ranked *all, size_t n, struct share **pick)
{
    size_t picked = 0, end;

    for (size_t i = 0; i < n; i = end) {
        for (end = i + 1; end < n && all[i].has_key && all[end].has_key &&
                          share_cmp_key(all[i].share, all[end].share) == 0;)
            end++;
        picked += pick_group(all + i, end - i, pick + picked);
    }
    return picked;
}

static enum chain_result judge_rounds(struct batch *b, struct ranked *all, struct share **pick)
{
    struct lane *l = b->lane;
    size_t n;

    while ((n = pick_round(all, b->shares_n, pick)) > 0) {
        for (size_t i = 0; i < n; i++)
            share_check(pick[i], l->net);
        if (chain_check(l->chain, l->db, pick, n) != CHAIN_OK)
            return CHAIN_HOLD;
        FAULT_POINT("batch.judged");
    }
    return CHAIN_OK;
}

static bool judge(struct batch *b)
{
    struct ranked *all = mem_zalloc(b->shares_n * sizeof(*all));
    struct share **pick = mem_zalloc(b->shares_n * sizeof(struct share *));
    enum chain_result r;

    for (size_t i = 0; i < b->shares_n; i++) {
        struct share *s = b->share[i];

        all[i] = (struct ranked){s, i, s->has_pow_hash && s->has_header};
        if (s->state == SHARE_OPEN)
            share_receive(s, b->lane->net, b->lane->origins, clock_real_us());
    }
    qsort(all, b->shares_n, sizeof(*all), cmp_ranked);
    allow_waiting(b);
    r = judge_rounds(b, all, pick);
    free(all);
    free(pick);
    return r == CHAIN_OK || wait_for(b, "chain", chain_error(b->lane->chain));
}

/* --- blocks --- */

#define AT_ONCE 8 /* blocks put together; a batch could be full of them */

/* Of shares of jobs only the header came: whatever can be a block by that is put together. */
static bool assemble(struct batch *b, struct share **claims, size_t n)
{
    struct lane *l = b->lane;
    const char *network = l->net->base.label;
    enum db_result r = share_lookup_work(l->db, network, claims, n);

    if (r == DB_OK)
        r = jobs_look_up(l->jobs, l->db, network, claims, n);
    FAULT_POINT("batch.jobs_of_blocks");
    for (size_t i = 0; i < n && r == DB_OK; i++)
        r = jobs_block(l->db, network, claims[i]);
    FAULT_POINT("batch.assembled");
    return r == DB_OK || wait_for_db(b, r);
}

static bool submit_some(struct batch *b, struct share **claims, size_t n)
{
    if (!assemble(b, claims, n))
        return false;
    if (chain_submit(b->lane->chain, claims, n) != CHAIN_OK)
        return wait_for(b, "chain", chain_error(b->lane->chain));
    for (size_t i = 0; i < n; i++)
        if (claims[i]->candidate != CANDIDATE_ORPHAN)
            share_drop_block(claims[i]);
    FAULT_POINT("batch.job_blocks_submitted");
    return true;
}

static bool submit_jobs(struct batch *b)
{
    struct share *claims[AT_ONCE];
    size_t n = 0;

    chain_hash_jobs(b->lane->chain, b->share, b->shares_n);
    for (size_t i = 0; i < b->shares_n; i++) {
        struct share *s = b->share[i];

        if (s->of_job && s->candidate == CANDIDATE_UNSEEN && chain_claims_block(b->lane->chain, s))
            claims[n++] = s;
        if (n == 0 || (n < AT_ONCE && i + 1 < b->shares_n))
            continue;
        if (!submit_some(b, claims, n))
            return false;
        n = 0;
    }
    return true;
}

/* --- recording --- */

static bool is_recorded(const struct share *s)
{
    return s->state == SHARE_ACCEPTED || s->state == SHARE_REJECTED;
}

static void count_recorded(struct batch *b)
{
    struct signs *signs = &b->lane->signs;
    struct tally *t = &b->lane->tally;

    for (size_t i = 0; i < b->n; i++) {
        struct item *item = b->item[i];

        if (item->twin_of != NULL || item->counted || !is_recorded(&item->share))
            continue;
        item->counted = true;
        t->accepted += item->share.state == SHARE_ACCEPTED;
        t->rejected += item->share.state == SHARE_REJECTED;
        if (item->share.state == SHARE_ACCEPTED)
            atomic_fetch_add(&signs->accepted, 1);
        else
            atomic_fetch_add(&signs->rejected[item->share.reason], 1);
    }
}

struct archiving {
    struct archive_line *line; /* room for two a message: a job and its share */
    char **owned;              /* the same room: what is freed afterwards */
    size_t n, owned_n;
    uint64_t file;
};

/* Each job goes in front of its first share in the file. */
static bool add_job(struct batch *b, struct archiving *a, const struct share *s)
{
    struct lane *l = b->lane;
    enum db_result r;
    char *text;

    r = jobs_text(l->jobs, l->db, l->net->base.label, s, a->file, &text);
    FAULT_POINT("batch.job_text");
    if (r != DB_OK)
        return wait_for_db(b, r);
    if (text == NULL)
        return true;
    a->owned[a->owned_n++] = text;
    a->line[a->n++] = (struct archive_line){text, strlen(text), NULL};
    return true;
}

static bool add_item(struct batch *b, struct archiving *a, const struct item *item)
{
    const struct share *s = &item->share;
    char *credit;

    if (item->twin_of != NULL || (s->state != SHARE_ACCEPTED && s->state != SHARE_CREDITED))
        return true;
    if (s->of_job && !add_job(b, a, s))
        return false;
    credit = credit_build(s);
    a->owned[a->owned_n++] = credit;
    a->line[a->n++] = (struct archive_line){item->delivery->body, item->delivery->len, credit};
    return true;
}

/* Also what a former delivery was credited for: it may have died in front of this step. */
static bool archive(struct batch *b)
{
    struct archive *to = b->lane->archive;
    struct archiving a = {.line = mem_zalloc(2 * b->n * sizeof(*a.line)),
                          .owned = mem_zalloc(2 * b->n * sizeof(char *)),
                          .file = archive_file(to)};
    bool ok = true;

    for (size_t i = 0; ok && i < b->n; i++)
        ok = add_item(b, &a, b->item[i]);
    if (ok && !archive_append(to, a.line, a.n))
        ok = wait_for(b, "archive", archive_error(to));
    FAULT_POINT("batch.archived");
    if (!ok)
        jobs_forget_archived(b->lane->jobs);
    for (size_t i = 0; i < a.owned_n; i++)
        free(a.owned[i]);
    free(a.owned);
    free(a.line);
    return ok;
}

/* --- the whole --- */

static bool submit_blocks(struct batch *b)
{
    if (!submit_jobs(b))
        return false;
    return chain_submit(b->lane->chain, b->share, b->shares_n) == CHAIN_OK ||
           wait_for(b, "chain", chain_error(b->lane->chain));
}

/* Steps 2 to 7. False when the batch must wait. */
static bool attempt(struct batch *b)
{
    struct lane *l = b->lane;
    const char *network = l->net->base.label;
    enum db_result r;

    for (size_t i = 0; i < b->shares_n; i++) {
        b->share[i]->state = SHARE_OPEN;
        b->share[i]->known = false;
    }
    if (!submit_blocks(b))
        return false;
    FAULT_POINT("batch.submitted");
    if (chain_refresh(l->chain, l->db) != CHAIN_OK)
        return wait_for(b, "chain", chain_error(l->chain));
    FAULT_POINT("batch.refreshed");
    l->refreshed_ms = clock_mono_ms();
    /* A wallet that had lost its parent has caught up: a block is never given up before that. */
    if (!submit_blocks(b))
        return false;
    FAULT_POINT("batch.submitted_again");
    r = share_lookup(l->db, network, b->share, b->shares_n);
    if (r != DB_OK)
        return wait_for_db(b, r);
    FAULT_POINT("batch.looked_up");
    r = jobs_look_up(l->jobs, l->db, network, b->share, b->shares_n);
    if (r != DB_OK)
        return wait_for_db(b, r);
    FAULT_POINT("batch.jobs_looked_up");
    if (!judge(b))
        return false;
    r = share_record(l->db, network, b->share, b->shares_n);
    if (r != DB_OK)
        return wait_for_db(b, r);
    FAULT_POINT("batch.recorded");
    count_recorded(b);
    return archive(b);
}

static void acknowledge(struct batch *b)
{
    struct lane *l = b->lane;
    const struct broker_delivery *last = NULL;

    for (size_t i = 0; i < b->n; i++) {
        const struct broker_delivery *d = b->item[i]->delivery;

        if (b->item[i]->share.state == SHARE_PARKED)
            continue;
        if (l->parked_n > 0) { /* theirs are among the tags: one by one */
            broker_ack(l->broker, d->generation, d->tag, false);
            FAULT_POINT("batch.one_acknowledged");
        } else if (last == NULL || d->generation > last->generation ||
                   (d->generation == last->generation && d->tag > last->tag)) {
            last = d;
        }
    }
    if (last != NULL)
        broker_ack(l->broker, last->generation, last->tag, true);
    FAULT_POINT("batch.acknowledged");
}

static void park(struct lane *l, struct item *item)
{
    if (item->park_until_ms == 0 && !item->share.unanswered)
        item->park_until_ms = clock_mono_ms() + l->net->unknown_parent_wait_ms;
    lane_park(l, item);
}

/* What is parked is not settled; what is refused has a time that nobody vouches for. */
static int64_t oldest_of(const struct batch *b)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < b->n; i++) {
        const struct share *s = &b->item[i]->share;

        if (s->received_set && s->received_us < oldest &&
            (s->state == SHARE_ACCEPTED || s->state == SHARE_PARKED))
            oldest = s->received_us;
    }
    return oldest;
}

static void count_redelivered(struct lane *l)
{
    l->tally.redelivered++;
    atomic_fetch_add(&l->signs.redelivered, 1);
}

static void settle(struct batch *b)
{
    struct lane *l = b->lane;

    for (size_t i = 0; i < b->n; i++) {
        struct item *item = b->item[i];

        if (item->twin_of != NULL)
            item->share.state = item->twin_of->share.state;
        if (item->share.state == SHARE_PARKED)
            park(l, item);
        else if (!item->counted)
            count_redelivered(l);
    }
    acknowledge(b);
    progress_settled(&l->progress, oldest_of(b));
    for (size_t i = 0; i < b->n; i++)
        if (b->item[i]->share.state != SHARE_PARKED)
            item_free(&b->item[i]);
}

static void drop(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        item_free(&b->item[i]);
}

static void count_batch(struct lane *l, size_t n, int64_t ms)
{
    l->tally.batches++;
    if (ms > l->tally.slowest_ms)
        l->tally.slowest_ms = ms;
    histogram_add(&l->signs.batch_size, &histogram_count, (int64_t)n);
    histogram_add(&l->signs.batch_us, &histogram_time_us, ms * 1000);
}

bool batch_run(struct lane *l, struct item **items, size_t n)
{
    struct batch b = {.lane = l, .item = items, .n = n};
    int64_t start = clock_mono_ms();
    bool done;

    items_find_twins(items, n);
    b.share = mem_zalloc(n * sizeof(struct share *));
    for (size_t i = 0; i < n; i++)
        if (items[i]->twin_of == NULL)
            b.share[b.shares_n++] = &items[i]->share;
    while (!(done = attempt(&b)))
        if (!lane_hold(l, b.why))
            break;
    if (done) {
        lane_resume(l);
        settle(&b);
        count_batch(l, n, clock_mono_ms() - start);
    } else {
        drop(&b);
    }
    free(b.share);
    return done;
}
