/*
 * assign-shares: gives each open pool block, lowest first, the shares that were received until its
 * solution was (its cut), and that no block has yet. Never by when they were processed, and never
 * by a time that the miner chose as long as the pool knows a better one.
 *
 * A block waits until everything received before its cut is settled: each live worker thread says
 * how far it has got (lane_progress). What comes after that, or after the time limit, goes to the
 * next block and is counted in its note.
 *
 * Dying behind each of the statements:
 *   1 the cut is stored      the next run finds and keeps it
 *   2 a piece of the shares  the next run goes on with those that have no block yet; the row of the
 *                            block is locked meanwhile, so that a block which another run has made
 *                            `assigned`, or find-blocks orphaned, gets no further ones
 *   3 status assigned        done
 */
#include "backend/task/task.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/uuid.h"
#include "common/coin/u256.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIVE_S         30      /* a worker thread that was silent for longer is dead */
#define SLACK_US       5000000 /* by which frontends' stamps may be out of order */
#define SHARES_AT_ONCE 10000
#define BLOCKS_PER_RUN 1000

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

/* Microseconds since the epoch to a time, and back. */
#define TIME       "(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND)"
#define US(column) "TIMESTAMPDIFF(MICROSECOND, TIMESTAMP'1970-01-01 00:00:00', " column ")"

struct assign {
    struct task_run *run;
    uint64_t id, epoch;
    int64_t height, waited_s;
    struct u256 hash;
    int64_t cut_us, chain_us; /* 0: not known */
    bool has_block, stop;
    uint64_t moved;
    char finder[UUID_TEXT_LEN + 1];
};

/* --- which block, and its cut --- */

static bool take_block(void *ctx, const struct db_value *v, size_t n)
{
    struct assign *a = ctx;

    (void)n;
    assert(v[3].len == sizeof(a->hash.be));
    a->has_block = true;
    a->id = db_uint(&v[0]);
    a->epoch = db_uint(&v[1]);
    a->height = db_int(&v[2]);
    memcpy(a->hash.be, v[3].data, sizeof(a->hash.be));
    a->cut_us = db_is_null(&v[4]) ? 0 : db_int(&v[4]);
    a->chain_us = db_is_null(&v[5]) ? 0 : db_int(&v[5]);
    a->waited_s = db_int(&v[6]);
    return false;
}

static enum task_result next_block(struct assign *a)
{
    static const char sql[] = "SELECT id, epoch, height, hash, " US("cut_at") ", " US(
        "chain_time") ", "
                      "TIMESTAMPDIFF(SECOND, created_at, UTC_TIMESTAMP(6)) FROM block "
                      "WHERE network = ? AND pool_block AND status = 'open' ORDER BY height LIMIT "
                      "1";
    enum db_result r;

    a->has_block = false;
    r = db_query(a->run->db, sql, (const struct db_value[]){DB_TEXT(a->run->network)}, 1,
                 take_block, a);
    FAULT_POINT("assign.block");
    return task_db(a->run, r, "the next block");
}

struct cut {
    int64_t us; /* 0: not known */
    char *finder;
};

static bool take_cut(void *ctx, const struct db_value *v, size_t n)
{
    struct cut *cut = ctx;

    if (!db_is_null(&v[0]))
        cut->us = db_int(&v[0]);
    if (n > 1 && !db_is_null(&v[1]))
        snprintf(cut->finder, UUID_TEXT_LEN + 1, "%s", db_text(&v[1]));
    return false;
}

/* When the solution that is this block was received, accepted or not; and whose it was. */
static enum db_result cut_by_solution(struct assign *a, struct cut *cut)
{
    static const char sql[] = "SELECT " US(
        "COALESCE(s.received_at, r.received_at)") ", w.miner_id "
                                                  "FROM block_candidate c "
                                                  "LEFT JOIN share s ON s.message_id = "
                                                  "c.message_id AND s.network = c.network "
                                                  "LEFT JOIN rejected r ON r.message_id = "
                                                  "c.message_id AND r.network = c.network "
                                                  "LEFT JOIN worker w ON w.id = c.worker_id WHERE "
                                                  "c.network = ? AND c.hash = ?";
    enum db_result r = db_query(a->run->db, sql,
                                (const struct db_value[]){DB_TEXT(a->run->network),
                                                          DB_BYTES(a->hash.be, sizeof(a->hash.be))},
                                2, take_cut, cut);

    FAULT_POINT("assign.solution");
    return r;
}

static enum db_result cut_by_tip(struct assign *a, struct cut *cut)
{
    enum db_result r =
        db_query(a->run->db, "SELECT " US("seen_at") " FROM tip WHERE network = ? AND hash = ?",
                 (const struct db_value[]){DB_TEXT(a->run->network),
                                           DB_BYTES(a->hash.be, sizeof(a->hash.be))},
                 2, take_cut, cut);

    FAULT_POINT("assign.tip");
    return r;
}

/* The pool never saw it as tip: it was found while nobody watched, or buried at once. The header's
 * time, but no later than the pool knew of its height. */
static enum db_result cut_by_time(struct assign *a, struct cut *cut)
{
    static const char sql[] =
        "SELECT " US("LEAST(" TIME ", UTC_TIMESTAMP(6), COALESCE((SELECT MIN(seen_at) FROM tip "
                     "WHERE network = ? AND height >= ?), UTC_TIMESTAMP(6)))");
    enum db_result r = db_query(
        a->run->db, sql,
        (const struct db_value[]){DB_INT(a->chain_us), DB_TEXT(a->run->network), DB_INT(a->height)},
        3, take_cut, cut);

    FAULT_POINT("assign.time");
    return r;
}

static enum task_result find_cut(struct assign *a)
{
    static enum db_result (*const ways[])(struct assign *, struct cut *) = {
        cut_by_solution, cut_by_tip, cut_by_time};
    struct cut cut = {0, a->finder};
    enum db_result r = DB_OK;

    a->finder[0] = '\0';
    if (a->cut_us != 0)
        return TASK_DONE;
    for (size_t i = 0; r == DB_OK && cut.us == 0 && i < sizeof(ways) / sizeof(ways[0]); i++)
        r = ways[i](a, &cut);
    a->cut_us = cut.us;
    return task_db(a->run, r, "the cut");
}

/* --- is everything received before it settled? --- */

struct lanes {
    uint64_t live;
    int64_t settled_us;
};

static bool take_lanes(void *ctx, const struct db_value *v, size_t n)
{
    struct lanes *l = ctx;

    (void)n;
    l->live = db_uint(&v[0]);
    l->settled_us = db_is_null(&v[1]) ? 0 : db_int(&v[1]);
    return false;
}

static enum task_result is_settled(struct assign *a, bool *ret)
{
    static const char sql[] = "SELECT COUNT(*), " US(
        "MIN(settled_until)") " FROM lane_progress WHERE network = ? "
                              "AND seen_at >= UTC_TIMESTAMP(6) - INTERVAL " STRING(
                                  LIVE_S) " SECOND";
    struct lanes l = {0, 0};
    enum db_result r = db_query(
        a->run->db, sql, (const struct db_value[]){DB_TEXT(a->run->network)}, 1, take_lanes, &l);

    FAULT_POINT("assign.lanes");
    *ret = l.live > 0 && l.settled_us > a->cut_us + SLACK_US;
    return task_db(a->run, r, "the workers' progress");
}

/* *RET: it need not wait any longer. */
static enum task_result is_ready(struct assign *a, bool *ret)
{
    enum task_result result = is_settled(a, ret);

    if (result != TASK_DONE || *ret)
        return result;
    if (a->waited_s >= a->run->net->assign_wait_s) {
        log_warning("block.assigned_late", LOG_STR("network", a->run->network),
                    LOG_INT("height", a->height), LOG_INT("waited_s", a->waited_s));
        *ret = true;
        return TASK_DONE;
    }
    task_say(a->run, "block %" PRId64 " waits until all that was received before it is settled",
             a->height);
    return TASK_DONE;
}

/* --- assigning --- */

/* Again, now that all is settled: the solution that is this block may have been recorded only after
 * the first look. Whoever stores a cut first has stored it for all. */
static enum task_result store_cut(struct assign *a)
{
    static const char sql[] = "UPDATE block SET cut_at = COALESCE(cut_at, " TIME "), "
                              "finder_id = COALESCE(finder_id, ?) "
                              "WHERE id = ? AND status = 'open' AND epoch = ?";
    struct task_run *run = a->run;
    struct cut cut = {0, a->finder};
    enum db_result r = cut_by_solution(a, &cut);

    const struct db_value v[] = {DB_INT(cut.us != 0 ? cut.us : a->cut_us),
                                 a->finder[0] != '\0' ? DB_TEXT(a->finder) : DB_NULL,
                                 DB_UINT(a->id), DB_UINT(a->epoch)};
    if (r == DB_OK)
        r = FAULT_CALL("assign.cut_stored", db_exec(run->db, sql, v, 4, NULL), DB_UNCERTAIN,
                       DB_UNAVAILABLE);
    if (r == DB_OK)
        r = db_query(run->db, "SELECT " US("cut_at") " FROM block WHERE id = ?",
                     (const struct db_value[]){DB_UINT(a->id)}, 1, take_cut, &cut);
    FAULT_POINT("assign.cut_read");
    a->cut_us = cut.us;
    return task_db(run, r, "storing the cut");
}

static bool note_row(void *ctx, const struct db_value *v, size_t n)
{
    (void)v;
    (void)n;
    *(bool *)ctx = true;
    return false;
}

static enum db_result assign_piece(struct db *db, void *ctx)
{
    struct assign *a = ctx;
    bool open = false;
    enum db_result r =
        db_query(db,
                 "SELECT id FROM block WHERE id = ? AND status = 'open' "
                 "AND epoch = ? AND cut_at IS NOT NULL FOR UPDATE",
                 (const struct db_value[]){DB_UINT(a->id), DB_UINT(a->epoch)}, 2, note_row, &open);

    FAULT_POINT("assign.locked");
    a->stop = !open;
    if (r != DB_OK || !open)
        return r;
    r = db_exec(
        db,
        "UPDATE share SET block_id = ? WHERE network = ? AND block_id IS NULL "
        "AND received_at <= " TIME " LIMIT " STRING(SHARES_AT_ONCE),
        (const struct db_value[]){DB_UINT(a->id), DB_TEXT(a->run->network), DB_INT(a->cut_us)}, 3,
        &a->moved);
    FAULT_POINT("assign.moved");
    return r;
}

static enum task_result changed_meanwhile(struct assign *a)
{
    a->stop = true;
    return task_wait(a->run, "block %" PRId64 " was changed meanwhile", a->height);
}

static enum task_result assign_all(struct assign *a)
{
    enum task_result result;

    do {
        if (!task_holds_lock(a->run))
            return TASK_WAITING;
        enum db_result r = FAULT_CALL("assign.piece", db_transact(a->run->db, assign_piece, a),
                                      DB_UNCERTAIN, DB_UNAVAILABLE);
        result = task_db(a->run, r, "assigning shares");
        if (result == TASK_DONE && a->stop)
            return changed_meanwhile(a);
    } while (result == TASK_DONE && a->moved == SHARES_AT_ONCE);
    return result;
}

struct counts {
    uint64_t shares, late;
};

static bool take_counts(void *ctx, const struct db_value *v, size_t n)
{
    struct counts *c = ctx;

    (void)n;
    c->shares = db_uint(&v[0]);
    c->late = db_uint(&v[1]);
    return false;
}

/* The late ones: received before the cut of an earlier block that was assigned already. */
static enum db_result count_shares(struct assign *a, struct counts *c)
{
    static const char sql[] =
        "SELECT COUNT(*), COUNT(IF(received_at <= (SELECT MAX(cut_at) FROM block "
        "WHERE network = ? AND pool_block AND id <> ? AND height < ? "
        "AND status IN ('assigned', 'processing', 'finished')), 1, NULL)) "
        "FROM share WHERE network = ? AND block_id = ?";
    enum db_result r = db_query(a->run->db, sql,
                                (const struct db_value[]){DB_TEXT(a->run->network), DB_UINT(a->id),
                                                          DB_INT(a->height),
                                                          DB_TEXT(a->run->network), DB_UINT(a->id)},
                                5, take_counts, c);

    FAULT_POINT("assign.counted");
    return r;
}

static enum task_result finish(struct assign *a)
{
    static const char sql[] =
        "UPDATE block SET status = 'assigned', assigned_at = UTC_TIMESTAMP(6), note = ? "
        "WHERE id = ? AND status = 'open' AND epoch = ? AND cut_at IS NOT NULL";
    struct counts c = {0, 0};
    enum db_result r = count_shares(a, &c);
    uint64_t changed = 0;
    char note[160] = "";

    if (c.late > 0)
        snprintf(note, sizeof(note),
                 "%" PRIu64 " of its shares were received before an earlier block", c.late);
    const struct db_value v[] = {DB_TEXT(note), DB_UINT(a->id), DB_UINT(a->epoch)};
    if (r == DB_OK)
        r = FAULT_CALL("assign.assigned", db_exec(a->run->db, sql, v, 3, &changed), DB_UNCERTAIN,
                       DB_UNAVAILABLE);
    if (r != DB_OK)
        return task_db(a->run, r, "status assigned");
    if (changed != 1)
        return changed_meanwhile(a);
    log_info("block.assigned", LOG_STR("network", a->run->network), LOG_INT("height", a->height),
             LOG_UINT("shares", c.shares), LOG_UINT("late", c.late));
    task_say(a->run, "block %" PRId64 " has %" PRIu64 " shares, %" PRIu64 " of them late",
             a->height, c.shares, c.late);
    return TASK_DONE;
}

/* *RET_ONE: a block was assigned, and there may be another. */
static enum task_result assign_next(struct assign *a, bool *ret_one)
{
    static enum task_result (*const steps[])(struct assign *) = {store_cut, assign_all, finish};
    enum task_result result = next_block(a);
    bool ready = false;

    *ret_one = false;
    if (result != TASK_DONE || !a->has_block)
        return result;
    result = find_cut(a);
    if (result == TASK_DONE)
        result = is_ready(a, &ready);
    if (result != TASK_DONE || !ready)
        return result;
    if (a->run->options->dry_run) {
        task_say(a->run, "block %" PRId64 " would get its shares", a->height);
        return TASK_DONE;
    }
    for (size_t i = 0; result == TASK_DONE && i < sizeof(steps) / sizeof(steps[0]); i++)
        result = steps[i](a);
    *ret_one = result == TASK_DONE;
    return result;
}

static enum task_result run_assign_shares(struct task_run *run)
{
    struct assign a = {.run = run};
    enum task_result result = TASK_DONE;
    bool one = true;

    for (int i = 0; result == TASK_DONE && one && i < BLOCKS_PER_RUN; i++)
        result = assign_next(&a, &one);
    return result;
}

const struct task assign_shares_task = {
    .name = "assign-shares",
    .text = "give each new block of the pool the shares that were received until it was found",
    .run = run_assign_shares,
};
