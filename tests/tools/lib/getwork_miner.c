#include "tests/tools/lib/getwork_miner.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/coin/block.h"
#include "tests/tools/lib/candidate.h"
#include "tests/tools/lib/report.h"
#include "tests/tools/lib/search.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_MS         30000
#define LONG_REFETCH_MS 60000 /* the same while a longpoll is held */
#define LOOK_MS         100   /* between looks for newer work, and for the end */

static const char *const protocol_names[] = {"getwork", "getblocktemplate"};
static atomic_bool stopping;

struct shared {
    const struct getwork_miner_conf *conf;
    pthread_mutex_t io_lock; /* held during a request */
    struct rpc_miner *io;
    pthread_mutex_t lock; /* for all below; taken after io_lock */
    pthread_cond_t changed;
    _Atomic enum search_protocol protocol;
    struct search search;
    uint64_t generation;                       /* of SEARCH; 0: there is none yet */
    int64_t fetched_ms, accepted_ms, block_ms; /* monotonic */
    char longpoll_url[1024];                   /* "": none is known */
    atomic_bool gave_up;
    bool told_stratum;
    uint64_t accepted, rejected, dropped, hashes;
};

struct thread {
    struct shared *shared;
    pthread_t id;
    unsigned index;
    struct search search;
    uint64_t generation;
    bool exhausted;
    struct candidate candidate;
    struct grind found;
};

void getwork_miner_stop(void)
{
    atomic_store(&stopping, true);
}

static void nap(int64_t ms)
{
    const int64_t deadline = clock_mono_ms() + ms;
    int64_t left;

    while (!atomic_load(&stopping) && (left = clock_left_ms(deadline)) > 0)
        clock_sleep_ms(left < LOOK_MS ? left : LOOK_MS);
}

static void give_up(struct shared *s, const char *why)
{
    report("gave_up", json_pack("{s:s}", "message", why));
    s->gave_up = true;
    getwork_miner_stop();
}

/* --- work --- */

static json_t *work_fields(const struct search *w)
{
    char target[65], prev[65], root[65];
    struct header h;

    header_parse(w->header, &h);
    u256_to_hex(&w->target, target);
    u256_to_hex(&h.prev, prev);
    u256_to_hex(&h.merkle_root, root);
    return json_pack("{s:s, s:s, s:s, s:s}", "protocol", protocol_names[w->protocol], "prev", prev,
                     "root", root, "target", target);
}

/* Decodes by the protocol in use; NULL, or why it cannot. FROM is what the event is called. */
static const char *take_work(struct shared *s, const json_t *result, const char *from)
{
    struct search w = {0};
    const char *wrong = s->protocol == SEARCH_TEMPLATE ? search_from_template(result, &w)
                                                       : search_from_getwork(result, &w);
    if (wrong != NULL)
        return wrong;
    report(from, work_fields(&w));
    pthread_mutex_lock(&s->lock);
    search_clear(&s->search);
    s->search = w;
    s->generation++;
    s->fetched_ms = clock_mono_ms();
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The miners put a path behind the URL that they were given, whatever path that has itself. */
static void resolve(const char *base, const char *uri, char *to, size_t size)
{
    const size_t len = strlen(base);

    if (strstr(uri, "://") != NULL)
        snprintf(to, size, "%s", uri);
    else
        snprintf(to, size, "%s%s%s", base, len > 0 && base[len - 1] == '/' ? "" : "/",
                 uri + (uri[0] == '/'));
}

/* What an answer says besides its result. */
static void note_extensions(struct shared *s, const struct rpc_reply *r)
{
    const char *base = s->conf->pool.url, *uri = r->longpoll;

    pthread_mutex_lock(&s->lock);
    if (s->protocol == SEARCH_TEMPLATE)
        uri = s->search.longpollid[0] == '\0'    ? ""
              : s->search.longpolluri[0] != '\0' ? s->search.longpolluri
                                                 : base;
    if (s->conf->use_longpoll && s->longpoll_url[0] == '\0' && uri[0] != '\0') {
        resolve(base, uri, s->longpoll_url, sizeof(s->longpoll_url));
        report("longpoll", json_pack("{s:s}", "url", s->longpoll_url));
        pthread_cond_broadcast(&s->changed);
    }
    if (r->stratum[0] != '\0' && !s->told_stratum) {
        report("stratum", json_pack("{s:s}", "url", r->stratum));
        s->told_stratum = true;
    }
    pthread_mutex_unlock(&s->lock);
}

/* One miner takes any refusal for "no such method", the other only an empty one. */
static bool falls_back(struct shared *s, const struct rpc_reply *r, const char *undecodable)
{
    const bool lacks = undecodable != NULL || (r->answer == ANSWER_REFUSED &&
                                               (r->empty || s->conf->pool.style == STYLE_MINERD));

    if (s->protocol != SEARCH_TEMPLATE || !lacks)
        return false;
    report("fallback",
           json_pack("{s:s}", "message", undecodable != NULL ? undecodable : r->message));
    if (s->conf->use_getwork)
        s->protocol = SEARCH_GETWORK;
    else
        give_up(s, "no usable protocol");
    return true;
}

static void pause_after(struct shared *s, const char *what, const char *message)
{
    report("retry", json_pack("{s:s, s:s, s:I}", "what", what, "message", message, "wait_ms",
                              (json_int_t)s->conf->retry_ms));
    nap(s->conf->retry_ms);
}

static void ask_for_work(struct shared *s, struct rpc_miner *m, const char *url,
                         const char *longpollid, int64_t timeout_ms, struct rpc_reply *ret)
{
    const char *request = miner_habits[s->conf->pool.style].template_request;
    char *params;

    if (s->protocol == SEARCH_GETWORK)
        params = mem_strdup("[]");
    else if (longpollid[0] == '\0')
        params = mem_sprintf("[%s}]", request);
    else
        params = mem_sprintf("[%s,\"longpollid\":\"%s\"}]", request, longpollid);
    rpc_miner_call(m, url, protocol_names[s->protocol], params, 0, timeout_ms, ret);
    free(params);
}

/* With io_lock held: until there is new work, or the end. */
static void fetch(struct shared *s)
{
    bool done = false;

    while (!done && !atomic_load(&stopping)) {
        struct rpc_reply r;
        const char *wrong = NULL;

        ask_for_work(s, s->io, NULL, "", CALL_MS, &r);
        if (r.answer == ANSWER_RESULT)
            wrong = take_work(s, r.result, "work");
        done = r.answer == ANSWER_RESULT && wrong == NULL;
        if (done)
            note_extensions(s, &r);
        else if (!atomic_load(&stopping) && !falls_back(s, &r, wrong))
            pause_after(s, protocol_names[s->protocol], wrong != NULL ? wrong : r.message);
        rpc_reply_clear(&r);
    }
}

static bool needs_work(struct thread *t)
{
    struct shared *s = t->shared;

    pthread_mutex_lock(&s->lock);
    const int64_t most = s->longpoll_url[0] != '\0' ? LONG_REFETCH_MS : s->conf->refetch_ms;
    const bool needed = s->generation == 0 || clock_mono_ms() - s->fetched_ms >= most ||
                        (t->exhausted && t->generation == s->generation);
    pthread_mutex_unlock(&s->lock);
    return needed;
}

/* The threads share a search: each begins in a part of the nonces of its own. */
static void follow(struct thread *t)
{
    struct shared *s = t->shared;
    const uint32_t nonce = (uint32_t)(((uint64_t)t->index << 32) / s->conf->threads);

    pthread_mutex_lock(&s->lock);
    if (t->generation != s->generation) {
        search_copy(&s->search, &t->search);
        t->generation = s->generation;
        t->exhausted = false;
        memcpy(t->candidate.header, t->search.header, HEADER_SIZE);
        for (unsigned i = 0; i < 4; i++)
            t->candidate.header[HEADER_SIZE - 4 + i] = (uint8_t)(nonce >> (8 * i));
    }
    pthread_mutex_unlock(&s->lock);
}

/* --- shares --- */

static json_t *share_fields(const struct thread *t)
{
    json_t *fields = work_fields(&t->search);
    uint8_t internal[32];
    char hash[65], header[65];
    struct u256 shown;

    sha256d(t->candidate.header, HEADER_SIZE, internal);
    u256_reverse(internal, &shown);
    u256_to_hex(&shown, header);
    u256_to_hex(&t->found.pow_hash, hash);
    json_object_update_new(fields, json_pack("{s:s, s:s, s:b}", "block_hash", header, "pow_hash",
                                             hash, "block", t->found.is_block));
    return fields;
}

/* Is the parent of T's search still that of the newest? */
static bool is_current(struct thread *t)
{
    struct shared *s = t->shared;
    struct header mine, newest;

    pthread_mutex_lock(&s->lock);
    header_parse(t->search.header, &mine);
    header_parse(s->search.header, &newest);
    const bool current = t->search.submit_old || u256_cmp(&mine.prev, &newest.prev) == 0;
    pthread_mutex_unlock(&s->lock);
    return current;
}

/* Only `true` counts for getwork, only null for submitblock. */
static void count_verdict(struct thread *t, const struct rpc_reply *r)
{
    struct shared *s = t->shared;
    const bool accepted =
        t->search.protocol == SEARCH_GETWORK ? json_is_true(r->result) : json_is_null(r->result);
    json_t *fields = share_fields(t);

    if (!accepted)
        json_object_set_new(
            fields, "reason",
            json_string(json_is_string(r->result) ? json_string_value(r->result) : r->reason));
    report(accepted ? "accepted" : "rejected", fields);
    pthread_mutex_lock(&s->lock);
    if (accepted) {
        s->accepted++;
        s->accepted_ms = clock_mono_ms();
    } else {
        s->rejected++;
    }
    if (s->conf->shares > 0 && s->accepted >= s->conf->shares)
        getwork_miner_stop();
    pthread_mutex_unlock(&s->lock);
}

static void count_dropped(struct thread *t)
{
    report("dropped", share_fields(t));
    pthread_mutex_lock(&t->shared->lock);
    t->shared->dropped++;
    pthread_mutex_unlock(&t->shared->lock);
}

/* With io_lock held: until the pool has a verdict, or the chain has moved on. */
static void submit(struct thread *t)
{
    struct shared *s = t->shared;
    const bool getwork = t->search.protocol == SEARCH_GETWORK;
    char *params = search_params(&t->search, t->candidate.header);
    bool done = false;

    while (!done && !atomic_load(&stopping)) {
        struct rpc_reply r;

        if (!is_current(t)) {
            count_dropped(t);
            break;
        }
        rpc_miner_call(s->io, NULL, getwork ? "getwork" : "submitblock", params,
                       miner_habits[s->conf->pool.style].submit_id, CALL_MS, &r);
        done = r.answer == ANSWER_RESULT;
        if (done)
            count_verdict(t, &r);
        else if (!atomic_load(&stopping))
            pause_after(s, "submit", r.message);
        rpc_reply_clear(&r);
    }
    free(params);
}

/* --- threads --- */

static enum blocks_mode current_mode(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    const bool due = clock_mono_ms() - s->block_ms >= s->conf->block_every_ms;
    pthread_mutex_unlock(&s->lock);
    return due ? BLOCKS_ANY : BLOCKS_NONE;
}

static void note_block(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    s->block_ms = clock_mono_ms();
    pthread_mutex_unlock(&s->lock);
}

/* True when a nonce of the newest search is found. */
static bool grind(struct thread *t)
{
    struct shared *s = t->shared;

    t->found = (struct grind){.pow = s->conf->pow,
                              .share_target = t->search.target,
                              .network_target = t->search.network_target,
                              .mode = current_mode(s),
                              .deadline_ms = clock_mono_ms() + LOOK_MS,
                              .stop = &stopping};
    const enum grind_result result = candidate_grind(&t->candidate, &t->found);

    t->exhausted = result == GRIND_EXHAUSTED;
    pthread_mutex_lock(&s->lock);
    s->hashes += t->found.hashes;
    pthread_mutex_unlock(&s->lock);
    return result == GRIND_FOUND;
}

static void *mine(void *arg)
{
    struct thread *t = arg;
    struct shared *s = t->shared;

    while (!atomic_load(&stopping)) {
        if (needs_work(t)) {
            pthread_mutex_lock(&s->io_lock);
            if (needs_work(t)) /* no other thread has fetched meanwhile */
                fetch(s);
            pthread_mutex_unlock(&s->io_lock);
        }
        follow(t);
        if (atomic_load(&stopping) || !grind(t))
            continue;
        if (t->found.is_block)
            note_block(s);
        pthread_mutex_lock(&s->io_lock);
        submit(t);
        pthread_mutex_unlock(&s->io_lock);
        t->exhausted = !candidate_next_nonce(&t->candidate);
        nap(s->conf->pace_ms);
    }
    return NULL;
}

/* Waits for a URL; false at the end. */
static bool await_longpoll(struct shared *s, char url[1024], char id[SEARCH_MAX_TEXT])
{
    pthread_mutex_lock(&s->lock);
    while (s->longpoll_url[0] == '\0' && !atomic_load(&stopping)) {
        const int64_t at = clock_real_us() / 1000 + LOOK_MS;

        pthread_cond_timedwait(&s->changed, &s->lock,
                               &(struct timespec){at / 1000, at % 1000 * 1000000});
    }
    memcpy(url, s->longpoll_url, sizeof(s->longpoll_url));
    memcpy(id, s->search.longpollid, SEARCH_MAX_TEXT);
    pthread_mutex_unlock(&s->lock);
    return !atomic_load(&stopping);
}

/* LOST: the URL is forgotten until an answer names one. In both cases the work is old now. */
static void longpoll_failed(struct shared *s, const struct rpc_reply *r, const char *wrong)
{
    const bool lost = r->answer != ANSWER_LATE;

    pthread_mutex_lock(&s->lock);
    s->fetched_ms -= LONG_REFETCH_MS;
    if (lost)
        s->longpoll_url[0] = '\0';
    pthread_mutex_unlock(&s->lock);
    if (lost && !atomic_load(&stopping))
        pause_after(s, "longpoll", wrong != NULL ? wrong : r->message);
}

static void *longpoll(void *arg)
{
    struct shared *s = arg;
    struct rpc_miner *m = rpc_miner_open(&s->conf->pool);
    char url[1024], id[SEARCH_MAX_TEXT];

    while (await_longpoll(s, url, id)) {
        const char *wrong = NULL;
        struct rpc_reply r;

        ask_for_work(s, m, url, id, 0, &r);
        if (r.answer == ANSWER_RESULT)
            wrong = take_work(s, r.result, "longpoll_work");
        if (r.answer != ANSWER_RESULT || wrong != NULL)
            longpoll_failed(s, &r, wrong);
        rpc_reply_clear(&r);
    }
    rpc_miner_close(&m);
    return NULL;
}

/* Ends the miner when no share was accepted for too long. */
static void watch(struct shared *s)
{
    while (!atomic_load(&stopping)) {
        nap(LOOK_MS);
        pthread_mutex_lock(&s->lock);
        const bool over =
            s->conf->give_up_ms > 0 && clock_mono_ms() - s->accepted_ms >= s->conf->give_up_ms;
        pthread_mutex_unlock(&s->lock);
        if (over && !atomic_load(&stopping))
            give_up(s, "no share was accepted");
    }
}

static void start_thread(pthread_t *t, void *(*body)(void *), void *arg)
{
    if (pthread_create(t, NULL, body, arg) != 0)
        abort();
}

static void run_threads(struct shared *s)
{
    struct thread *threads = mem_zalloc(s->conf->threads * sizeof(*threads));
    pthread_t longpoller;

    start_thread(&longpoller, longpoll, s);
    for (unsigned i = 0; i < s->conf->threads; i++) {
        threads[i] = (struct thread){.shared = s, .index = i};
        start_thread(&threads[i].id, mine, &threads[i]);
    }
    watch(s);
    for (unsigned i = 0; i < s->conf->threads; i++) {
        pthread_join(threads[i].id, NULL);
        search_clear(&threads[i].search);
    }
    pthread_join(longpoller, NULL);
    free(threads);
}

int getwork_miner_run(const struct getwork_miner_conf *given)
{
    struct getwork_miner_conf conf = *given;
    struct shared s = {.conf = &conf,
                       .io_lock = PTHREAD_MUTEX_INITIALIZER,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .changed = PTHREAD_COND_INITIALIZER,
                       .protocol = conf.use_template ? SEARCH_TEMPLATE : SEARCH_GETWORK,
                       .accepted_ms = clock_mono_ms(),
                       .block_ms = clock_mono_ms() - conf.block_every_ms};

    conf.pool.stop = &stopping;
    s.io = rpc_miner_open(&conf.pool);
    run_threads(&s);
    rpc_miner_close(&s.io);
    search_clear(&s.search);
    report("done", json_pack("{s:I, s:I, s:I, s:I}", "accepted", (json_int_t)s.accepted, "rejected",
                             (json_int_t)s.rejected, "dropped", (json_int_t)s.dropped, "hashes",
                             (json_int_t)s.hashes));
    return s.gave_up ? 1 : 0;
}
