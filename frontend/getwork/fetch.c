/* Work is wanted: getwork without parameters, getblocktemplate. */
#include "frontend/getwork/mining.h"

#include "common/base/clock.h"
#include "frontend/getwork/longpoll.h"
#include "frontend/getwork/newest.h"
#include "frontend/getwork/say.h"
#include "frontend/intake/intake.h"
#include "frontend/intake/judge.h"

#include <stdio.h>

#define AGENT_BYTES  (4 * WORK_AGENT_CHARS + 1)
#define TEMPLATE_MAX (16u << 20) /* bytes of JSON: twice the largest block, and its ids */

_Static_assert(LONGPOLL_URL_SIZE <= REPLY_MAX_VALUE + 1, "it goes into a header");

/* What is found out on the way from a miner to its piece of search. */
struct fetch {
    struct mining *m;
    struct intake in;
    char agent[AGENT_BYTES], ip[WORK_IP_CHARS + 1];
    const struct job *job;
    enum intake_outcome outcome;
    struct handout handout;
};

static bool may_add(void *ctx, enum intake_row row)
{
    const struct mining *m = ctx;
    enum limit limit = row == INTAKE_MINER ? LIMIT_NEW_MINER : LIMIT_NEW_WORKER;

    return judge_ip(m->s, m->rq, limit) == JUDGE_FINE;
}

static void begin(struct fetch *f, struct mining *m)
{
    f->m = m;
    mining_agent(m, WORK_AGENT_CHARS, f->agent, sizeof f->agent);
    snprintf(f->ip, sizeof f->ip, "%s", request_ip(m->rq));
    f->in = (struct intake){.network = m->net->name,
                            .address = m->who.address,
                            .worker = m->who.worker,
                            .ip = f->ip,
                            .agent = f->agent,
                            .may_add = may_add,
                            .ctx = m};
}

static enum db_result hand_out(struct fetch *f, const struct ids_entry *ids)
{
    struct db *db = f->m->s->db;
    int64_t now_us = clock_real_us();
    struct u256 target;
    enum db_result r = vardiff_choose(db, &f->m->net->vardiff, &f->m->who.wish, ids->miner_id,
                                      ids->worker_id, now_us, &target);

    if (r != DB_OK)
        return r;
    handout_make(f->job, &target, now_us, &f->handout);
    const struct intake_piece piece = {.network = f->in.network,
                                       .ip = f->in.ip,
                                       .agent = f->in.agent,
                                       .worker_id = ids->worker_id,
                                       .work_id = &f->handout.work_id,
                                       .job_id = &f->job->id,
                                       .extranonce = f->handout.extranonce,
                                       .extranonce_size = f->job->extranonce_size,
                                       .target = &target};
    return intake_add_pieces(db, &piece, 1);
}

/* Over a new connection ids may be those of another database: once more, then (intake.h). */
static enum db_result find_and_hand_out(struct fetch *f)
{
    struct service *s = f->m->s;

    for (int attempt = 1; attempt <= 2; attempt++) {
        struct ids_entry ids;
        enum db_result r = intake_ids(s->db, s->ids, &f->in, &f->outcome, &ids);

        if (r == DB_OK && f->outcome == INTAKE_DONE)
            r = hand_out(f, &ids);
        if (r != DB_OK || f->outcome != INTAKE_DONE || ids.connection == db_connection(s->db))
            return r;
    }
    return DB_UNAVAILABLE;
}

/* False: the miner has its answer. */
static bool piece(struct fetch *f)
{
    struct mining *m = f->m;
    struct service *s = m->s;

    if (judge_ip(s, m->rq, LIMIT_OPEN_WORK) != JUDGE_FINE) {
        mining_fail(m, 429, NULL, "Too many requests, slow down");
        return false;
    }
    if (!service_begin_db(s) || !service_settle_db(s, newest_read(s->newest, mining_index(m), s->db,
                                                                  m->net->name, &f->job))) {
        mining_away(m);
        return false;
    }
    if (!f->job) {
        mining_fail(m, 503, "no_job", "There is no work now, try again");
        return false;
    }
    if (!service_settle_db(s, find_and_hand_out(f))) {
        mining_away(m);
        return false;
    }
    if (f->outcome == INTAKE_DISABLED)
        mining_fail(m, 200, "miner_disabled", "This miner is disabled; ask the pool why");
    else if (f->outcome == INTAKE_NOT_NOW)
        mining_fail(m, 429, NULL, "Too many requests, slow down");
    return f->outcome == INTAKE_DONE;
}

static void where_to_wait(const struct mining *m, char out[LONGPOLL_URL_SIZE])
{
    longpoll_url(&m->s->conf->live, request_variable(m->rq, "REQUEST_SCHEME"),
                 request_header(m->rq, "Host"), m->net->name, out);
}

/* Where to wait, and where to go instead. */
static void add_headers(struct mining *m)
{
    char url[LONGPOLL_URL_SIZE];

    where_to_wait(m, url);
    if (m->s->conf->frontend.longpoll)
        reply_header(m->reply, "X-Long-Polling", url);
    if (m->net->conf->stratum && *m->net->conf->stratum)
        reply_header(m->reply, "X-Stratum", m->net->conf->stratum);
}

void mining_work(struct mining *m)
{
    struct fetch f = {.job = NULL};

    begin(&f, m);
    if (!piece(&f))
        return;
    add_headers(m);
    say_work(&m->reply->body, m->call.id, &f.handout);
}

/* --- getblocktemplate --- */

struct writing {
    struct fetch *f;
    bool found, good;
};

static struct span bytes(const struct db_value *v)
{
    return db_is_null(v) ? (struct span){NULL, 0} : (struct span){v->data, v->len};
}

static bool write_template(void *ctx, const struct db_value *v, size_t n)
{
    struct writing *w = ctx;
    struct mining *m = w->f->m;
    const struct say_body body = {bytes(&v[0]), bytes(&v[1])};
    char url[LONGPOLL_URL_SIZE];

    (void)n;
    where_to_wait(m, url);
    w->found = true;
    w->good = say_template(&m->reply->body, m->call.id, w->f->job, &w->f->handout, &body,
                           m->s->conf->frontend.longpoll ? url : NULL);
    return false;
}

/* On which both known miners turn to getwork. */
static void no_template(struct mining *m, const char *count)
{
    service_count(m->s, count);
    m->reply->status = 404;
    buf_clear(&m->reply->body);
}

void mining_template(struct mining *m)
{
    static const char sql[] =
        "SELECT transactions, txids FROM intake_job_body WHERE id = ? AND network = ?";
    struct fetch f = {.job = NULL};
    struct writing w = {&f, false, false};
    char id[UUID_TEXT_LEN + 1];

    if (!m->call.segwit) { /* it would take the wrong ids for transactions with a witness */
        no_template(m, "template_without_segwit");
        return;
    }
    begin(&f, m);
    if (!piece(&f))
        return;
    uuid_format(&f.job->id, id);
    m->reply->body.max = TEMPLATE_MAX;
    const struct db_value key[] = {DB_TEXT(id), DB_TEXT(m->net->name)};
    if (!service_settle_db(m->s, db_query(m->s->db, sql, key, 2, write_template, &w)))
        mining_away(m);
    else if (!w.found)
        mining_fail(m, 503, "no_job", "There is no work now, try again");
    else if (!w.good)
        no_template(m, "template_too_large");
    else
        add_headers(m);
}
