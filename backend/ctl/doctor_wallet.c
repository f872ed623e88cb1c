/* The wallets: is each one there, in step with its chain, and its clock right? */
#include "backend/ctl/doctor.h"

#include "common/base/clock.h"
#include "common/rpc/rpc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX      (64 * 1024 * 1024)
#define TIP_WARN_S     7200
#define CLOCK_WARN_S   5
#define CLOCK_FAIL_S   60
#define PEERS_WARN     3
#define NO_SUCH_METHOD (-32601)

/* What one wallet says; a number below 0 is not known. */
struct visit {
    struct doctor *doctor;
    const char *label;
    struct rpc *rpc;
    bool regtest, complaint;
    int64_t blocks, headers, peers, tip_age_s, median_s;
};

static void complain(struct visit *v, enum verdict verdict, const char *remedy, const char *text)
{
    v->complaint = true;
    doctor_say(v->doctor, verdict, remedy, "%s: %s", v->label, text);
}

static int64_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* METHOD's answer, which the caller frees, or NULL. PARAMS is taken over. */
static json_t *ask(struct visit *v, const char *method, json_t *params)
{
    struct rpc_call call = {.method = method, .params = params, .large = true};

    rpc_perform(v->rpc, &call, 1);
    json_t *reply = call.result == RPC_OK ? json_incref(call.reply) : NULL;
    json_decref(params);
    rpc_calls_clear(&call, 1);
    return reply;
}

/* The biblepay family's word, where the usual calls are not known. */
static void ask_pinfo(struct visit *v)
{
    json_t *pinfo = ask(v, "exec", json_pack("[s]", "pinfo"));

    v->blocks = v->headers = number(pinfo, "height");
    v->tip_age_s = number(pinfo, "elapsed");
    json_decref(pinfo);
}

static void ask_tip_age(struct visit *v, const char *best)
{
    json_t *header = best != NULL ? ask(v, "getblockheader", json_pack("[s]", best)) : NULL;
    int64_t when = number(header, "time");

    v->tip_age_s = when >= 0 ? clock_real_us() / 1000000 - when : -1;
    json_decref(header);
}

/* False when there is nothing more to ask. */
static bool ask_chain(struct visit *v)
{
    struct rpc_call call = {.method = "getblockchaininfo"};
    const json_t *info;

    rpc_perform(v->rpc, &call, 1);
    if (call.result != RPC_OK && call.code != NO_SUCH_METHOD) {
        char text[400];
        snprintf(text, sizeof text, "%s: %s", rpc_result_name(call.result), call.message);
        complain(v, VERDICT_FAIL,
                 "start it, or correct url, user and password_file of [wallet ...]", text);
        return false;
    }
    info = call.reply;
    v->blocks = number(info, "blocks");
    v->headers = number(info, "headers");
    v->median_s = number(info, "mediantime");
    const char *chain = json_string_value(json_object_get(info, "chain"));
    v->regtest = chain != NULL && strcmp(chain, "regtest") == 0;
    if (json_is_true(json_object_get(info, "initialblockdownload")))
        complain(v, VERDICT_FAIL, "wait until it has caught up; workers hold solutions until then",
                 "it is in initial block download");
    if (info != NULL)
        ask_tip_age(v, json_string_value(json_object_get(info, "bestblockhash")));
    else
        ask_pinfo(v);
    rpc_calls_clear(&call, 1);
    return true;
}

static void judge_chain(struct visit *v)
{
    json_t *peers = ask(v, "getconnectioncount", NULL);
    char text[120];

    v->peers = json_is_integer(peers) ? json_integer_value(peers) : -1;
    json_decref(peers);
    snprintf(text, sizeof text, "blocks %" PRId64 ", headers %" PRId64, v->blocks, v->headers);
    if (v->blocks != v->headers)
        complain(v, VERDICT_FAIL,
                 "wait until it has the blocks; see its debug.log if it never does", text);
    snprintf(text, sizeof text, "%" PRId64 " peers", v->peers);
    if (v->peers == 0)
        complain(v, VERDICT_FAIL, "open its way to the chain's network; see addnode", text);
    else if (v->peers > 0 && v->peers < PEERS_WARN && !v->regtest)
        complain(v, VERDICT_WARN, "give it more peers, so that no single one can deceive it", text);
    snprintf(text, sizeof text, "its tip is %" PRId64 " minutes old", v->tip_age_s / 60);
    if (v->tip_age_s > TIP_WARN_S)
        complain(v, VERDICT_WARN, "compare its height with a block explorer's", text);
}

/* A template's time is the wallet's, but never below what the chain demands. */
static void judge_clock(struct visit *v)
{
    int64_t before = clock_real_us() / 1000000;
    json_t *template =
        ask(v, "getblocktemplate", json_pack("[{s:[s,s]}]", "rules", "mweb", "segwit"));
    int64_t after = clock_real_us() / 1000000, there = number(template, "curtime"), off;
    char text[80];

    json_decref(template);
    if (there < 0 || there <= v->median_s + 1)
        return;
    off = there < before ? there - before : there > after ? there - after : 0;
    snprintf(text, sizeof text, "its clock is %" PRId64 " s off this machine's", off);
    enum verdict verdict = doctor_limit(llabs(off), CLOCK_WARN_S, CLOCK_FAIL_S);
    if (verdict != VERDICT_OK)
        complain(v, verdict, "run an NTP client on every machine", text);
}

static void say_healthy(const struct visit *v)
{
    char peers[24] = "?", age[24] = "?";

    if (v->peers >= 0)
        snprintf(peers, sizeof peers, "%" PRId64, v->peers);
    if (v->tip_age_s >= 0)
        snprintf(age, sizeof age, "%" PRId64, v->tip_age_s / 60);
    if (v->blocks < 0)
        doctor_say(v->doctor, VERDICT_SKIPPED, "compare its height with a block explorer's",
                   "%s: it answers, but does not tell its height", v->label);
    else
        doctor_say(v->doctor, VERDICT_OK, NULL, "%s: height %" PRId64 ", %s peers, tip %s min old",
                   v->label, v->blocks, peers, age);
}

static void visit_wallet(struct doctor *d, const struct wallet_conf *conf)
{
    struct rpc_conf rpc = {.url = conf->url,
                           .user = conf->user,
                           .password_file = conf->password_file,
                           .connect_timeout_ms = conf->connect_timeout_ms,
                           .timeout_ms = conf->timeout_ms,
                           .max_reply = REPLY_MAX};
    struct visit v = {.doctor = d,
                      .label = conf->label,
                      .tip_age_s = -1,
                      .peers = -1,
                      .blocks = -1,
                      .headers = -1,
                      .median_s = -1};
    char err[256];

    v.rpc = rpc_open(&rpc, err, sizeof err);
    if (v.rpc == NULL) {
        complain(&v, VERDICT_FAIL, "correct password_file of [wallet ...]", err);
        return;
    }
    if (ask_chain(&v)) {
        judge_chain(&v);
        judge_clock(&v);
    }
    if (!v.complaint)
        say_healthy(&v);
    rpc_close(&v.rpc);
}

void doctor_wallets(struct doctor *d)
{
    for (size_t i = 0; i < d->conf->wallets.n; i++)
        visit_wallet(d, backend_wallet_at(d->conf, i));
    for (size_t i = 0; i < d->conf->networks.n; i++)
        if (!backend_network_at(d->conf, i)->payouts)
            doctor_say(d, VERDICT_WARN,
                       "use a wallet that payments can be made with, and payouts = yes",
                       "network %s: payouts = no: miners are credited, and nobody is paid",
                       backend_network_at(d->conf, i)->base.label);
}
