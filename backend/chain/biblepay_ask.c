/* Putting questions to the wallet: in batches, as far as it answers them quickly. */
#include "backend/chain/biblepay_ask.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdlib.h>

#define AT_ONCE       128 /* calls of one turn */
#define REQUESTS_MOST 32  /* that they make up: a silent wallet costs one turn's time-outs */
#define BATCH_MOST    32
#define QUICK_MS      500 /* a turn that is over so soon may be followed by larger batches */
#define AT_ONCE_MS                                                                                 \
    1000                /* a failure that comes so soon was no silence: the batch may be to blame  \
                         */
#define SINGLY_MS 60000 /* after a failure */

/* JSON-RPC errors of Bitcoin's descendants about what was given to them: invalid type, address or
 * key, parameter, deserialization. */
static bool speaks_of_input(int64_t code)
{
    return code == -3 || code == -5 || code == -8 || code == -22;
}

/* The share is left for later, or when it cannot be, all of them. */
static enum chain_result fail_on(struct chain *c, struct share *s, const char *method,
                                 const char *error)
{
    s->unanswered = true;
    if (s->may_park) {
        s->state = SHARE_PARKED;
        return CHAIN_OK;
    }
    return chain_hold(c, "wallet %s: %s: %s", c->best->conf->label, method, error);
}

static enum chain_result take_answer(struct chain *c, const struct question *q, struct claim *claim,
                                     const struct rpc_call *call)
{
    const char *wrong;

    if (!wallet_note(c->best, call))
        return fail_on(c, claim->s, q->method, call->message);
    if (call->result == RPC_ERROR && speaks_of_input(call->code) && q->refused == REASON_NONE)
        return CHAIN_OK;
    if (call->result == RPC_ERROR && speaks_of_input(call->code)) {
        share_reject(claim->s, q->refused, "the wallet refuses it: %s", call->message);
        return CHAIN_OK;
    }
    wrong = call->result == RPC_ERROR ? call->message : q->read(c, claim, call->reply);
    if (wrong == NULL)
        return CHAIN_OK;
    wallet_fault(c->best, q->method, wrong);
    return fail_on(c, claim->s, q->method, wrong);
}

static size_t batch_of(const struct pace *p)
{
    return p->batch > 1 && clock_mono_ms() >= p->singly_until ? p->batch : 1;
}

static bool is_unclear(const struct rpc_call *call)
{
    return call->result == RPC_UNCERTAIN || call->result == RPC_MALFORMED;
}

/* False: the calls should be made again, each by itself, before anything is made of the failure. */
static bool perform(struct chain *c, struct rpc_call *call, size_t n)
{
    struct pace *p = biblepay_pace(c, c->best);
    size_t batch = batch_of(p);
    int64_t start = clock_mono_ms(), took;
    bool unclear = false;

    rpc_perform_batched(c->best->rpc, call, n, batch);
    FAULT_POINT("biblepay.asked");
    took = clock_mono_ms() - start;
    for (size_t i = 0; i < n; i++)
        unclear |= is_unclear(&call[i]);
    if (unclear || took > QUICK_MS)
        p->batch = batch / 2;
    else if (batch < BATCH_MOST)
        p->batch = 2 * batch;
    if (!unclear || batch == 1)
        return true;
    p->singly_until = start + took + SINGLY_MS;
    return took > AT_ONCE_MS;
}

/* *RET_AGAIN: nothing has been made of the answers. */
static enum chain_result ask_group(struct chain *c, const struct question *q, struct claim **group,
                                   size_t n, bool *ret_again)
{
    struct rpc_call call[AT_ONCE];
    char *params[AT_ONCE];
    enum chain_result r = CHAIN_OK;

    for (size_t i = 0; i < n; i++) {
        params[i] = q->params(c, group[i]);
        call[i] = (struct rpc_call){.method = q->method, .params_text = params[i]};
    }
    *ret_again = !perform(c, call, n);
    for (size_t i = 0; i < n; i++) {
        if (!*ret_again && take_answer(c, q, group[i], &call[i]) != CHAIN_OK)
            r = CHAIN_HOLD;
        free(params[i]);
    }
    rpc_calls_clear(call, n);
    return r;
}

static size_t group_most(const struct chain *c)
{
    size_t most = REQUESTS_MOST * batch_of(biblepay_pace(c, c->best));

    return most < AT_ONCE ? most : AT_ONCE;
}

/* The next ones to be asked about, from *AT on. */
static size_t next_group(struct chain *c, const struct question *q, struct claim *claims, size_t n,
                         size_t *at, struct claim **group, enum chain_result *r)
{
    size_t found = 0, most = group_most(c);

    for (; *at < n && found < most && *r == CHAIN_OK; ++*at) {
        struct claim *claim = &claims[*at];

        if (claim->s->state != SHARE_OPEN || (q->wanted != NULL && !q->wanted(c, claim)))
            continue;
        if (c->best->away) /* it failed on another one just now */
            *r = fail_on(c, claim->s, q->method, "not asked");
        else
            group[found++] = claim;
    }
    return found;
}

enum chain_result biblepay_ask(struct chain *c, const struct question *q, struct claim *claims,
                               size_t n)
{
    struct claim *group[AT_ONCE];
    enum chain_result r = CHAIN_OK;

    for (size_t at = 0; at < n && r == CHAIN_OK;) {
        size_t start = at, m = next_group(c, q, claims, n, &at, group, &r);
        bool again = false;

        if (m > 0 && r == CHAIN_OK)
            r = ask_group(c, q, group, m, &again);
        if (again)
            at = start;
    }
    return r;
}
