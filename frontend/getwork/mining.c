#include "frontend/getwork/mining.h"

#include "frontend/getwork/say.h"
#include "frontend/intake/judge.h"
#include "frontend/intake/text.h"

#include <string.h>

#define OTHER_ERROR (-1)

void mining_fail(struct mining *m, int status, const char *count, const char *message)
{
    if (count)
        service_count(m->s, count);
    m->reply->status = status;
    buf_clear(&m->reply->body);
    say_error(&m->reply->body, m->call.id, OTHER_ERROR, message);
}

void mining_away(struct mining *m)
{
    mining_fail(m, 503, NULL, "The pool cannot answer now, try again");
}

size_t mining_index(const struct mining *m)
{
    return (size_t)(m->net - m->s->networks);
}

void mining_agent(const struct mining *m, size_t max_chars, char *out, size_t out_size)
{
    const char *agent = request_header(m->rq, "User-Agent");

    text_tidy(agent ? agent : "", max_chars, out, out_size);
}

/* Its blocks come with proposals only where a pool trusts miners' choice of transactions. */
static void refuse_proposal(struct mining *m)
{
    mining_fail(m, 200, "proposal", "Proposals are not judged: mine in the template as it is");
}

static const struct {
    mining_fn *run;
    enum limit by_ip, by_address;
    bool share;       /* a limit is told as a share's refusal */
    const char *name; /* in metrics, instead of the route that all have in common */
} methods[] = {
    [CALL_GETWORK] = {mining_work, LIMIT_WORK_IP, LIMIT_WORK_ADDRESS, false, "getwork"},
    [CALL_TEMPLATE] = {mining_template, LIMIT_WORK_IP, LIMIT_WORK_ADDRESS, false,
                       "getblocktemplate"},
    [CALL_PROPOSAL] = {refuse_proposal, LIMIT_WORK_IP, LIMIT_WORK_ADDRESS, false,
                       "getblocktemplate"},
    [CALL_SUBMIT_WORK] = {mining_share, LIMIT_SOLUTION_IP, LIMIT_SOLUTION_MINER, true,
                          "getwork share"},
    [CALL_SUBMIT_BLOCK] = {mining_share, LIMIT_SOLUTION_IP, LIMIT_SOLUTION_MINER, true,
                           "submitblock"},
};

/* --- who it is --- */

static void say_banned(struct mining *m, enum judgement why)
{
    mining_fail(m, 200, NULL,
                why == JUDGE_IP_BANNED ? "This IP is banned"
                                       : "This miner is disabled; ask the pool why");
}

static void say_too_many(struct mining *m)
{
    if (methods[m->call.method].share)
        mining_refuse(m, "too-many-requests");
    else
        mining_fail(m, 429, NULL, "Too many requests, slow down");
}

/* True: there is nothing against it. */
static bool admit(struct mining *m, enum judgement j)
{
    if (j == JUDGE_TOO_MANY)
        say_too_many(m);
    else if (j != JUDGE_FINE)
        say_banned(m, j);
    return j == JUDGE_FINE;
}

static bool know(struct mining *m)
{
    switch (auth_parse(&m->net->rules, request_header(m->rq, "Authorization"), &m->who)) {
    case AUTH_OK:
        return true;
    case AUTH_MISSING:
        reply_header(m->reply, "WWW-Authenticate", "Basic realm=\"ADDRESS.WORKER\"");
        mining_fail(m, 401, "auth_missing",
                    "Give ADDRESS.WORKER as the user; any password will do");
        return false;
    case AUTH_MALFORMED:
        mining_fail(m, 200, "auth_malformed", "The Authorization header is malformed");
        return false;
    case AUTH_NO_ADDRESS:
        break;
    }
    mining_fail(m, 200, "auth_no_address",
                "The user is no address of this network; give ADDRESS.WORKER");
    return false;
}

/* --- what it wants --- */

static void run(struct mining *m, const char *body, size_t len)
{
    enum call_error e = call_read(body, len, &m->call);

    if (e != CALL_OK) {
        service_count(m->s, call_errors[e].count);
        say_error(&m->reply->body, m->call.id, call_errors[e].code, call_errors[e].message);
        return;
    }
    m->reply->route = methods[m->call.method].name;
    if (!know(m) || !admit(m, judge_ip(m->s, m->rq, methods[m->call.method].by_ip)) ||
        !admit(m, judge_address(m->s, m->net, m->rq, methods[m->call.method].by_address,
                                m->who.address)))
        return;
    methods[m->call.method].run(m);
}

static void read_and_run(struct mining *m)
{
    struct buf body = BUF_INIT((size_t)m->s->conf->frontend.body_max_bytes);

    switch (request_body(m->rq, &body)) {
    case BODY_TOO_LONG:
        mining_fail(m, 413, "call_too_long", "The call is too long");
        break;
    case BODY_SHORT:
        mining_fail(m, 400, "call_short", "The body ended before its length");
        break;
    case BODY_OK:
        run(m, body.data ? body.data : "", body.len);
        break;
    }
    buf_free(&body);
}

/* The network in the path; else the one for miners who name none. */
static const struct network *network_of(const struct service *s, const struct request *rq)
{
    const char *name = s->conf->frontend.default_network;

    if (*rq->segment[0])
        return service_network(s, rq->segment[0]);
    return name && *name ? service_network(s, name) : &s->networks[0];
}

void mining_handle(struct service *s, const struct request *rq, struct reply *reply)
{
    struct mining m = {
        .s = s, .net = network_of(s, rq), .rq = rq, .reply = reply, .call = {.id = "null"}};

    reply->content_type = "application/json";
    if (admit(&m, judge_ban(s, rq)))
        read_and_run(&m);
}
