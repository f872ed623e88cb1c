#include "backend/job/sources.h"

#include "backend/chain/wallets.h"
#include "backend/job/template.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PING_MS  2000 /* how often wallets that are not in use are asked */
#define RETRY_MS 500  /* between longpolls that fail */
#define LONGPOLL_MS                                                                                \
    3600000            /* beyond the longest time between two blocks; it ends by itself before */
#define UNHELD_MS 1000 /* the longest pause between longpolls that are not held */
#define PATIENCE  3    /* errors in a row before a wallet that answers is given up */

struct source {
    struct sources *all;
    size_t index;
    const char *label;
    pthread_t pinger, longpoller;
    bool answers, templates; /* fit: both */
    bool polling;            /* its longpoll is under way */
    unsigned errors;         /* in a row */
    int64_t height, behind_since_ms;
    char tip[65], problem[160];
};

/* All members of the sources but the rpcs are guarded by LOCK; each rpc belongs to one thread. */
struct sources {
    const char *network;
    int64_t poll_ms;
    struct wallets *fetch, *ping, *longpoll;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool running, poked, woken;
    size_t n, best; /* best == n: none */
    json_t *reply;  /* a longpoll's */
    size_t reply_of;
    struct source source[];
};

/* --- the choice --- */

size_t sources_choose(const struct source_view *view, size_t n)
{
    size_t i = 0;

    while (i < n && !(view[i].fit && view[i].behind_ms < SOURCE_LAG_MS))
        i++;
    return i;
}

static bool is_fit(const struct source *w)
{
    return w->answers && w->templates;
}

static int64_t greatest_height(const struct sources *s)
{
    int64_t height = -1;

    for (size_t i = 0; i < s->n; i++)
        if (is_fit(&s->source[i]) && s->source[i].height > height)
            height = s->source[i].height;
    return height;
}

static void log_choice(const struct sources *s, size_t best)
{
    if (best < s->n)
        log_info("jobs.wallet", LOG_STR("network", s->network),
                 LOG_STR("wallet", s->source[best].label));
    else
        log_warning("jobs.no_wallet", LOG_STR("network", s->network),
                    LOG_STR("why", s->source[0].problem));
}

/* To be called whenever a member that the choice depends on has changed. */
static void choose(struct sources *s)
{
    const int64_t greatest = greatest_height(s), now = clock_mono_ms();
    struct source_view view[s->n];

    for (size_t i = 0; i < s->n; i++) {
        struct source *w = &s->source[i];

        if (w->height >= greatest - 1)
            w->behind_since_ms = 0;
        else if (w->behind_since_ms == 0)
            w->behind_since_ms = now;
        view[i] = (struct source_view){is_fit(w), w->height,
                                       w->behind_since_ms != 0 ? now - w->behind_since_ms : 0};
    }
    const size_t best = sources_choose(view, s->n);
    if (best == s->best)
        return;
    log_choice(s, best);
    s->best = best;
    s->poked = true;
    pthread_cond_broadcast(&s->changed);
}

/* --- what the wallets answer --- */

static void note_problem(struct source *w, const struct rpc_call *call)
{
    snprintf(w->problem, sizeof(w->problem), "%.40s: %s: %.90s", w->label, call->method,
             call->message);
}

/* W answers, but not with what is asked for: -9 and -10 last for a while, others may be gone at the
 * next call (stratum.md 3.1, FIX b). */
static void note_failure(struct source *w, const struct rpc_call *call)
{
    const bool for_now = call->result == RPC_ERROR && call->code != -9 && call->code != -10;

    note_problem(w, call);
    if (!for_now || ++w->errors >= PATIENCE)
        w->templates = false;
    choose(w->all);
}

static void note_template(struct source *w)
{
    w->templates = true;
    w->errors = 0;
    choose(w->all);
}

/* A wallet that does not answer holds no longpoll either: its end may never have reached us. When
 * it is back it first has to show that it gives templates: it may still look for peers. */
static void note_silence(struct source *w, const struct rpc_call *call)
{
    note_problem(w, call);
    w->answers = w->templates = false;
    if (w->polling)
        rpc_interrupt(w->all->longpoll->wallet[w->index].rpc);
    choose(w->all);
}

static void note_tip(struct source *w, int64_t height, const char *tip)
{
    struct sources *s = w->all;

    const bool moved = height != w->height || strcmp(tip, w->tip) != 0;

    w->answers = true;
    w->height = height;
    if (w->index == s->best && moved) {
        s->poked = true;
        pthread_cond_broadcast(&s->changed);
    }
    snprintf(w->tip, sizeof(w->tip), "%s", tip);
    choose(s);
}

/* --- asking whether a wallet is there --- */

/* Also the height, and whether it follows the chain: one call that all but the oldest know. */
static void ping_once(struct source *w, struct rpc *rpc)
{
    struct rpc_call call = {.method = "getblockchaininfo"};

    rpc_perform(rpc, &call, 1);
    if (call.result == RPC_ERROR && call.code == -32601) {
        call.method = "getblockcount";
        rpc_perform(rpc, &call, 1);
    }
    const json_t *blocks =
        json_is_object(call.reply) ? json_object_get(call.reply, "blocks") : call.reply;
    const char *tip = json_string_value(json_object_get(call.reply, "bestblockhash"));

    pthread_mutex_lock(&w->all->lock);
    if (call.result == RPC_OK && json_is_true(json_object_get(call.reply, "initialblockdownload")))
        snprintf(call.message, sizeof(call.message), "it is in initial block download");
    else if (call.result == RPC_OK && !json_is_integer(blocks))
        snprintf(call.message, sizeof(call.message), "no height in its answer");
    if (call.message[0] != '\0' || call.result != RPC_OK)
        note_silence(w, &call);
    else
        note_tip(w, json_integer_value(blocks), tip != NULL ? tip : "");
    pthread_mutex_unlock(&w->all->lock);
    rpc_calls_clear(&call, 1);
}

static void ask_template(struct rpc *rpc, const char *longpollid, int64_t timeout_ms,
                         struct rpc_call *ret)
{
    char params[2 * TEMPLATE_MAX_LONGPOLLID + 256];

    if (longpollid[0] != '\0')
        snprintf(params, sizeof(params), "[{" TEMPLATE_REQUEST ",\"longpollid\":\"%s\"}]",
                 longpollid);
    else
        snprintf(params, sizeof(params), "[{" TEMPLATE_REQUEST "}]");
    *ret = (struct rpc_call){.method = "getblocktemplate",
                             .params_text = params,
                             .timeout_ms = timeout_ms,
                             .large = true};
    rpc_perform(rpc, ret, 1);
    ret->params_text = NULL;
}

/* Does a wallet that gave no templates give them again? */
static void probe(struct source *w, struct rpc *rpc)
{
    struct rpc_call call;

    ask_template(rpc, "", 0, &call);
    pthread_mutex_lock(&w->all->lock);
    if (call.result == RPC_OK)
        note_template(w);
    else
        note_problem(w, &call);
    pthread_mutex_unlock(&w->all->lock);
    rpc_calls_clear(&call, 1);
}

/* With LOCK held, which it gives up meanwhile; false when they are to stop. */
static bool rest(struct sources *s, int64_t ms)
{
    const int64_t end = clock_mono_ms() + ms;
    const struct timespec at = {end / 1000, (end % 1000) * 1000000};

    while (s->running && clock_left_ms(end) > 0)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &at) != 0)
            break;
    return s->running;
}

static void *ping_main(void *arg)
{
    struct source *w = arg;
    struct sources *s = w->all;
    struct rpc *rpc = s->ping->wallet[w->index].rpc;
    bool more = true;

    while (more) {
        ping_once(w, rpc);
        pthread_mutex_lock(&s->lock);
        const bool again = s->running && w->answers && !w->templates;
        pthread_mutex_unlock(&s->lock);
        if (again)
            probe(w, rpc);
        pthread_mutex_lock(&s->lock);
        more = rest(s, s->best == w->index ? s->poll_ms : PING_MS);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* --- longpoll --- */

/* False when they are to stop. */
static bool wait_until_in_use(struct source *w)
{
    struct sources *s = w->all;

    pthread_mutex_lock(&s->lock);
    while (s->running && s->best != w->index)
        pthread_cond_wait(&s->changed, &s->lock);
    w->polling = s->running;
    pthread_mutex_unlock(&s->lock);
    return w->polling;
}

/* Of a wallet that is no longer in use it is a hint only. */
static void hand_over(struct source *w, struct rpc_call *call)
{
    struct sources *s = w->all;

    if (s->best == w->index) {
        json_decref(s->reply);
        s->reply = call->reply;
        s->reply_of = w->index;
        call->reply = NULL;
    }
    s->poked = true;
    pthread_cond_broadcast(&s->changed);
}

/* The id of the template for the next longpoll; "" when the wallet has none. It goes into JSON as
 * it is. */
static void take_longpollid(const json_t *reply, char id[TEMPLATE_MAX_LONGPOLLID + 1])
{
    const char *text = json_string_value(json_object_get(reply, "longpollid"));
    size_t n = text != NULL ? strlen(text) : 0;

    id[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '"' || text[i] == '\\')
            return;
    if (n <= TEMPLATE_MAX_LONGPOLLID && n > 0)
        memcpy(id, text, n + 1);
}

/* Whether REPLY is for a block upon another than PREV, which it becomes. */
static bool take_prev(const json_t *reply, char prev[65])
{
    const char *text = json_string_value(json_object_get(reply, "previousblockhash"));
    const bool moved = text != NULL && strncmp(text, prev, 64) != 0;

    snprintf(prev, 65, "%.64s", text != NULL ? text : "");
    return moved;
}

/* How long to wait after a longpoll that took TOOK_MS. Not every wallet holds it: litecoind answers
 * at once, whatever the id, from its start to its next block, and one without longpoll always;
 * bcoin sometimes with what it had before, while a block comes in. */
static int64_t pause_ms(const struct sources *s, bool ok, bool moved, int64_t took_ms)
{
    if (!ok)
        return RETRY_MS;
    if (took_ms >= s->poll_ms)
        return 0;
    if (moved)
        return 1;
    return s->poll_ms < UNHELD_MS ? s->poll_ms : UNHELD_MS;
}

static void *longpoll_main(void *arg)
{
    struct source *w = arg;
    struct sources *s = w->all;
    struct rpc *rpc = s->longpoll->wallet[w->index].rpc;
    char id[TEMPLATE_MAX_LONGPOLLID + 1] = "", prev[65] = "";

    while (wait_until_in_use(w)) {
        const int64_t begun = clock_mono_ms();
        struct rpc_call call;

        ask_template(rpc, id, id[0] != '\0' ? LONGPOLL_MS : 0, &call);
        take_longpollid(call.reply, id);
        const bool moved = take_prev(call.reply, prev);
        pthread_mutex_lock(&s->lock);
        w->polling = false;
        if (call.result == RPC_OK)
            hand_over(w, &call);
        else if (s->running && call.result != RPC_UNCERTAIN) /* that is: cut off; ask again */
            note_failure(w, &call);
        rest(s, pause_ms(s, call.result == RPC_OK, moved, clock_mono_ms() - begun));
        pthread_mutex_unlock(&s->lock);
        rpc_calls_clear(&call, 1);
    }
    return NULL;
}

/* --- from outside --- */

struct sources *sources_open(const struct backend_conf *conf, const struct backend_network *net,
                             char *err, size_t err_size)
{
    struct wallets *fetch = wallets_open(conf, net->base.label, err, err_size);
    if (fetch == NULL)
        return NULL;

    struct sources *s = mem_zalloc(sizeof(*s) + fetch->n * sizeof(struct source));
    pthread_condattr_t attr;

    *s = (struct sources){.network = net->base.label,
                          .poll_ms = conf->jobs.poll_ms,
                          .fetch = fetch,
                          .n = fetch->n,
                          .best = fetch->n};
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    for (size_t i = 0; i < s->n; i++)
        s->source[i] = (struct source){.all = s, .index = i, .label = fetch->wallet[i].conf->label};
    s->ping = wallets_open(conf, net->base.label, err, err_size);
    s->longpoll = s->ping != NULL ? wallets_open(conf, net->base.label, err, err_size) : NULL;
    if (s->longpoll == NULL)
        sources_close(&s);
    return s;
}

void sources_close(struct sources **s)
{
    struct wallets **const all[] = {&(*s)->fetch, &(*s)->ping, &(*s)->longpoll};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (*all[i] != NULL)
            wallets_close(all[i]);
    json_decref((*s)->reply);
    pthread_cond_destroy(&(*s)->changed);
    pthread_mutex_destroy(&(*s)->lock);
    free(*s);
    *s = NULL;
}

static void start_thread(pthread_t *t, void *(*body)(void *), void *arg)
{
    if (pthread_create(t, NULL, body, arg) != 0)
        abort(); /* without threads there is nothing to be done */
}

void sources_start(struct sources *s)
{
    s->running = true;
    s->best = s->n;
    for (size_t i = 0; i < s->n; i++) {
        struct source *w = &s->source[i];

        w->answers = w->polling = false;
        w->templates = true; /* until it says otherwise */
        w->errors = 0;
        w->height = -1;
        w->behind_since_ms = 0;
        w->tip[0] = '\0';
        snprintf(w->problem, sizeof(w->problem), "%s: not asked yet", w->label);
    }
    for (size_t i = 0; i < s->n; i++) {
        start_thread(&s->source[i].pinger, ping_main, &s->source[i]);
        start_thread(&s->source[i].longpoller, longpoll_main, &s->source[i]);
    }
}

void sources_stop(struct sources *s)
{
    pthread_mutex_lock(&s->lock);
    s->running = false;
    for (size_t i = 0; i < s->n; i++)
        if (s->source[i].polling)
            rpc_interrupt(s->longpoll->wallet[i].rpc);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n; i++) {
        pthread_join(s->source[i].pinger, NULL);
        pthread_join(s->source[i].longpoller, NULL);
    }
    json_decref(s->reply);
    s->reply = NULL;
}

static void signal_flag(struct sources *s, bool *flag)
{
    pthread_mutex_lock(&s->lock);
    *flag = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void sources_poke(struct sources *s)
{
    signal_flag(s, &s->poked);
}

void sources_wake(struct sources *s)
{
    signal_flag(s, &s->woken);
}

bool sources_wait(struct sources *s, int64_t timeout_ms, json_t **ret, size_t *ret_wallet)
{
    const int64_t end = clock_mono_ms() + timeout_ms;
    const struct timespec at = {end / 1000, (end % 1000) * 1000000};

    pthread_mutex_lock(&s->lock);
    while (!s->poked && !s->woken)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &at) != 0)
            break;
    const bool news = s->poked;
    *ret = s->reply;
    *ret_wallet = s->reply_of;
    s->reply = NULL;
    s->poked = s->woken = false;
    pthread_mutex_unlock(&s->lock);
    return news;
}

bool sources_fetch(struct sources *s, json_t **ret, size_t *ret_wallet)
{
    struct rpc_call call;

    pthread_mutex_lock(&s->lock);
    const size_t best = s->best;
    pthread_mutex_unlock(&s->lock);
    if (best == s->n)
        return false;
    ask_template(s->fetch->wallet[best].rpc, "", 0, &call);
    pthread_mutex_lock(&s->lock);
    if (call.result == RPC_OK)
        note_template(&s->source[best]);
    else
        note_failure(&s->source[best], &call);
    pthread_mutex_unlock(&s->lock);
    *ret = call.reply;
    *ret_wallet = best;
    return call.result == RPC_OK;
}

void sources_used(struct sources *s, size_t wallet, int64_t height)
{
    pthread_mutex_lock(&s->lock);
    s->source[wallet].height = height - 1;
    choose(s);
    pthread_mutex_unlock(&s->lock);
}

void sources_refused(struct sources *s, size_t wallet, const char *why)
{
    struct rpc_call call = {.method = "getblocktemplate", .result = RPC_ERROR};

    snprintf(call.message, sizeof(call.message), "%s", why);
    pthread_mutex_lock(&s->lock);
    note_failure(&s->source[wallet], &call);
    pthread_mutex_unlock(&s->lock);
}

bool sources_other_has(struct sources *s, size_t wallet, int64_t height)
{
    bool found = false;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n; i++)
        found = found || (i != wallet && is_fit(&s->source[i]) && s->source[i].height >= height);
    pthread_mutex_unlock(&s->lock);
    return found;
}

void sources_problem(struct sources *s, char *to, size_t size)
{
    pthread_mutex_lock(&s->lock);
    snprintf(to, size, "%s", s->best < s->n ? "" : s->source[0].problem);
    pthread_mutex_unlock(&s->lock);
}

const char *sources_label(const struct sources *s, size_t wallet)
{
    return s->source[wallet].label;
}
