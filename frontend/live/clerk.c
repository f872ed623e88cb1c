#include "frontend/live/clerk.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/db/schema.h"
#include "frontend/limit/bans.h"

#include <assert.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { CONFLICT_RETRIES = 3, COMPLAIN_MS = 10000 };

struct clerk {
    const struct frontend_conf *conf;
    const struct net *nets;
    struct limits *limits;
    /* of clerk_look_up() */
    struct ids *ids;
    struct bans *bans;
    int64_t bans_due_ms;
    bool schema_fits;
    /* of all */
    _Atomic int64_t complain_ms;
};

struct clerk *clerk_new(const struct frontend_conf *conf, const struct net *nets,
                        struct limits *limits)
{
    struct clerk *k = mem_zalloc(sizeof *k);

    k->conf = conf;
    k->nets = nets;
    k->limits = limits;
    k->ids = ids_new();
    k->bans = bans_new();
    return k;
}

void clerk_free(struct clerk **k)
{
    if (!*k)
        return;
    ids_free(&(*k)->ids);
    bans_free(&(*k)->bans);
    free(*k);
    *k = NULL;
}

static enum caller_fate fate_of(struct clerk *k, struct db *db, enum db_result r)
{
    int64_t now = clock_mono_ms(), due = k->complain_ms;

    if (r == DB_OK)
        return CALLER_GOOD;
    if (now >= due && atomic_compare_exchange_strong(&k->complain_ms, &due, now + COMPLAIN_MS))
        log_error("live.database_failed", LOG_STR("result", db_result_name(r)),
                  LOG_UINT("errno", db_errno(db)), LOG_STR("why", db_error(db)));
    return CALLER_AWAY;
}

/* --- finding out --- */

static bool may_add(void *ctx, enum intake_row row)
{
    static const enum limit limit[] = {
        [INTAKE_MINER] = LIMIT_NEW_MINER, [INTAKE_WORKER] = LIMIT_NEW_WORKER};
    void *const *pair = ctx;
    const struct clerk *k = pair[0];
    const struct caller *c = pair[1];

    return limits_by_ip(k->limits, limit[row], &c->ip, clock_mono_ms());
}

static bool is_banned(const struct clerk *k, const struct caller *c)
{
    const char *network = k->nets[c->network].name;

    return bans_ip(k->bans, &c->ip) || bans_address(k->bans, network, c->auth.address) ||
           bans_disabled(k->bans, network, c->auth.address);
}

static void look_up(struct clerk *k, struct db *db, struct caller *c)
{
    static const enum caller_fate fate[] = {[INTAKE_DONE] = CALLER_GOOD,
                                            [INTAKE_DISABLED] = CALLER_BANNED,
                                            [INTAKE_NOT_NOW] = CALLER_NOT_NOW};
    const struct net *net = &k->nets[c->network];
    void *pair[] = {k, c};
    const struct intake in = {.network = net->name,
                              .address = c->auth.address,
                              .worker = c->auth.worker,
                              .may_add = may_add,
                              .ctx = pair};
    enum intake_outcome outcome = INTAKE_DONE;
    struct ids_entry found;

    c->fate = CALLER_BANNED;
    if (is_banned(k, c))
        return;
    enum db_result r = intake_ids(db, k->ids, &in, &outcome, &found);
    if (r == DB_OK && outcome == INTAKE_DONE) {
        c->worker_id = found.worker_id;
        r = vardiff_choose(db, &net->vardiff, &c->auth.wish, found.miner_id, c->worker_id,
                           clock_real_us(), &c->target);
    }
    c->fate = r == DB_OK ? fate[outcome] : fate_of(k, db, r);
}

/* Both hold for a while; what was known stays when the database does not answer. */
static bool look_around(struct clerk *k, struct db *db)
{
    char err[512] = "";
    int64_t now = clock_mono_ms();

    if (!k->schema_fits && schema_check(db, &k->schema_fits, err, sizeof err) == DB_OK &&
        !k->schema_fits)
        log_error("live.schema", LOG_STR("why", err));
    if (k->schema_fits && now >= k->bans_due_ms && bans_load(k->bans, db) == DB_OK)
        k->bans_due_ms = now + k->conf->limits.ban_refresh_s * 1000;
    return k->schema_fits && k->bans_due_ms > 0;
}

void clerk_look_up(struct clerk *k, struct db *db, struct callers *batch)
{
    const bool good = look_around(k, db);
    struct caller *c;

    TAILQ_FOREACH(c, batch, link)
    {
        if (good)
            look_up(k, db, c);
        else
            c->fate = CALLER_AWAY;
    }
}

/* --- handing out --- */

static enum db_result insert(const struct clerk *k, struct db *db, const struct callers *batch)
{
    struct intake_piece *pieces = mem_zalloc(CLERK_MAX_BATCH * sizeof *pieces);
    const int64_t now_us = clock_real_us();
    enum db_result r = DB_CONFLICT;
    struct caller *c;
    size_t n = 0;

    TAILQ_FOREACH(c, batch, link)
    {
        assert(n < CLERK_MAX_BATCH);
        handout_make(&c->tip->job, &c->target, now_us, &c->handout);
        pieces[n++] = (struct intake_piece){.network = k->nets[c->network].name,
                                            .ip = c->ip_text,
                                            .agent = c->agent,
                                            .worker_id = c->worker_id,
                                            .work_id = &c->handout.work_id,
                                            .job_id = &c->tip->job.id,
                                            .extranonce = c->handout.extranonce,
                                            .extranonce_size = c->tip->job.extranonce_size,
                                            .target = &c->handout.target};
    }
    for (int i = 0; i < CONFLICT_RETRIES && r == DB_CONFLICT; i++)
        r = intake_add_pieces(db, pieces, n);
    free(pieces);
    return r;
}

static enum db_result write_template(struct db *db, struct caller *c)
{
    struct say_body body;
    enum db_result r = tip_body(c->tip, db, &body);

    c->text = (struct buf)BUF_INIT(CLERK_MAX_TEMPLATE);
    if (r == DB_OK &&
        !say_template(&c->text, c->call.id, &c->tip->job, &c->handout, &body, c->uri)) {
        log_error("live.template", LOG_STR("network", c->tip->job.network),
                  LOG_UINT("transactions", body.transactions.len));
        r = DB_REFUSED;
    }
    return r;
}

static enum db_result write_text(struct db *db, struct caller *c)
{
    if (c->call.method == CALL_TEMPLATE)
        return write_template(db, c);
    c->text = (struct buf)BUF_INIT(SAY_MAX_SHORT);
    say_work(&c->text, c->call.id, &c->handout);
    return DB_OK;
}

/* Of two attempts the second is for a connection that the server had closed meanwhile; then all is
 * new, the rows too, and what the first may have left belongs to nobody. */
void clerk_hand_out(struct clerk *k, struct db *db, struct callers *batch)
{
    enum db_result r = insert(k, db, batch);
    struct caller *c;

    if (r == DB_UNAVAILABLE || r == DB_UNCERTAIN)
        r = insert(k, db, batch);
    TAILQ_FOREACH(c, batch, link)
    {
        c->fate = fate_of(k, db, r);
        if (r == DB_OK)
            c->fate = fate_of(k, db, write_text(db, c));
    }
}
