#include "tests/tools/lib/miner.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/hex.h"
#include "common/base/mem.h"
#include "tests/tools/lib/report.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PAUSE_MS        1000   /* between looks at the node's tip */
#define WORK_MAX_MS     180000 /* the deployed miner asks for new work this often */
#define TEMPLATE_MAX_MS 20000  /* new transactions */
#define NAP_MS          100    /* how soon a waiting thread notices the end */
#define RETRY_FIRST_MS  500
#define RETRY_MOST_MS   10000

static atomic_bool stopping;

struct shared {
    const struct miner_conf *conf;
    int64_t start_ms; /* real time */
    atomic_bool gave_up;
    atomic_uint_fast64_t hashes;
    pthread_mutex_t lock; /* for all below */
    uint64_t claimed;     /* accepted, or on their way */
    uint64_t accepted, refused;
    int64_t last_block_ms; /* monotonic */
};

struct thread {
    struct shared *shared;
    pthread_t id;
    unsigned thread_id;
    int64_t start_ms;
    uint64_t hashes;

    struct pool_client *pool;
    struct node node;
    struct backoff backoff;
    int64_t failing_since; /* monotonic; 0: not failing */

    bool has_work;
    struct pool_work work;
    int64_t work_ms; /* monotonic, when it was fetched */
    char paid[128];  /* the address that SCRIPT pays */
    uint8_t script[NODE_MAX_SCRIPT];
    size_t script_len;
    struct template template;
    uint64_t extranonce;
    struct candidate candidate;
    struct grind found;
};

void miner_stop(void)
{
    atomic_store(&stopping, true);
}

static void nap(int64_t ms)
{
    int64_t deadline = clock_mono_ms() + ms, left;

    while (!atomic_load(&stopping) && (left = clock_left_ms(deadline)) > 0)
        clock_sleep_ms(left < NAP_MS ? left : NAP_MS);
}

static void succeeded(struct thread *t)
{
    t->failing_since = 0;
    backoff_reset(&t->backoff);
}

/* Shows what went wrong and waits before the next try. */
static void failed(struct thread *t, const char *what, const char *result, const char *message)
{
    int64_t give_up = t->shared->conf->give_up_ms, now = clock_mono_ms();

    if (t->failing_since == 0)
        t->failing_since = now;
    bool enough = give_up > 0 && now - t->failing_since >= give_up;
    int64_t wait = enough ? 0 : backoff_next_ms(&t->backoff);
    report(enough ? "gave_up" : "retry",
           json_pack("{s:I, s:s, s:s, s:s, s:I}", "thread", (json_int_t)t->thread_id, "what", what,
                     "result", result, "message", message, "wait_ms", (json_int_t)wait));
    if (enough) {
        atomic_store(&t->shared->gave_up, true);
        miner_stop();
    }
    nap(wait);
}

static bool get_work(struct thread *t)
{
    char target[65];
    enum pool_result result = pool_ready(t->pool, &t->work);

    t->has_work = result == POOL_OK;
    if (!t->has_work) {
        failed(t, "readytomine2", pool_result_name(result), pool_message(t->pool));
        return false;
    }
    t->work_ms = clock_mono_ms();
    if (strcmp(t->work.address, t->paid) != 0) {
        if (!node_script(&t->node, t->work.address, t->script, &t->script_len)) {
            t->has_work = false;
            failed(t, "node", "failed", t->node.message);
            return false;
        }
        snprintf(t->paid, sizeof(t->paid), "%s", t->work.address);
    }
    u256_to_hex(&t->work.target, target);
    report("work", json_pack("{s:I, s:s, s:s}", "thread", (json_int_t)t->thread_id, "work_id",
                             t->work.work_id, "target", target));
    return true;
}

/* False when the node could not be asked. *CURRENT: the template's parent is still the tip. */
static bool check_tip(struct thread *t, bool *current)
{
    char tip[65], prev[65];

    if (!node_tip(&t->node, tip))
        return false;
    u256_to_hex(&t->template.prev, prev);
    *current = t->template.json != NULL && strcmp(tip, prev) == 0;
    return true;
}

static bool get_template(struct thread *t)
{
    bool current = false;
    int64_t height = t->template.height;

    if (!check_tip(t, &current) ||
        ((!current || clock_mono_ms() - t->template.fetched_ms > TEMPLATE_MAX_MS) &&
         !node_template(&t->node, &t->template))) {
        failed(t, "node", "failed", t->node.message);
        return false;
    }
    if (t->template.height != height)
        report("tip", json_pack("{s:I, s:I, s:I}", "thread", (json_int_t)t->thread_id, "height",
                                (json_int_t)t->template.height - 1, "transactions",
                                (json_int_t)t->template.tx_count));
    return true;
}

static bool block_is_due(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool due = clock_mono_ms() - s->last_block_ms >= s->conf->block_every_ms;
    pthread_mutex_unlock(&s->lock);
    return due;
}

/* Between threads that find a block at the same time, one may have it. */
static bool take_block(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool due = clock_mono_ms() - s->last_block_ms >= s->conf->block_every_ms;
    if (due)
        s->last_block_ms = clock_mono_ms();
    pthread_mutex_unlock(&s->lock);
    return due;
}

static enum blocks_mode current_mode(struct shared *s)
{
    if (s->conf->block_every_ms == 0)
        return s->conf->blocks;
    return block_is_due(s) ? BLOCKS_ANY : BLOCKS_NONE;
}

static bool new_candidate(struct thread *t)
{
    const struct template *tm = &t->template;
    struct coinbase_spec spec = {t->script, t->script_len, t->extranonce++, t->work.miner_guid,
                                 t->shared->conf->tag};
    int64_t time = tm->time + (clock_mono_ms() - tm->fetched_ms) / 1000;

    if (candidate_build(tm, &spec, time > tm->mintime ? time : tm->mintime, &t->candidate))
        return true;
    failed(t, "node", "failed", "getblocktemplate: text that is not hexadecimal");
    return false;
}

static bool still_worth_it(struct thread *t)
{
    bool current;

    if (atomic_load(&stopping))
        return false;
    if (clock_mono_ms() - t->work_ms > WORK_MAX_MS) {
        t->has_work = false;
        return false;
    }
    return !check_tip(t, &current) || current; /* a node that is away need not stop us */
}

/* True when t->candidate is solved. */
static bool solve(struct thread *t)
{
    struct shared *s = t->shared;
    enum grind_result result = GRIND_EXHAUSTED;

    while (result != GRIND_FOUND) {
        if (result == GRIND_EXHAUSTED && !new_candidate(t))
            return false;
        if (result == GRIND_PAUSED && !still_worth_it(t))
            return false;
        t->found = (struct grind){.pow = s->conf->pow,
                                  .share_target = t->work.target,
                                  .network_target = t->template.network_target,
                                  .mode = current_mode(s),
                                  .deadline_ms = clock_mono_ms() + PAUSE_MS,
                                  .stop = &stopping};
        result = candidate_grind(&t->candidate, &t->found);
        t->hashes += t->found.hashes;
        atomic_fetch_add(&s->hashes, t->found.hashes);
        if (result == GRIND_FOUND && t->found.is_block && s->conf->block_every_ms > 0 &&
            !take_block(s))
            result = candidate_next_nonce(&t->candidate) ? GRIND_PAUSED : GRIND_EXHAUSTED;
    }
    return true;
}

static void header_hash(const struct candidate *c, char hex[65])
{
    uint8_t internal[32];
    struct u256 hash;

    sha256d(c->header, HEADER_SIZE, internal);
    u256_reverse(internal, &hash);
    u256_to_hex(&hash, hex);
}

/* The 16 fields, in order (the protocol document, section 3); malloc'd. */
static char *solution_text(const struct thread *t, const char *block_hex)
{
    const struct candidate *c = &t->candidate;
    const uint8_t *h = c->header;
    char block_hash[65], pow_hash[65];
    char *coinbase = mem_zalloc(2 * c->coinbase.len + 1);
    uint32_t time =
        (uint32_t)h[68] | (uint32_t)h[69] << 8 | (uint32_t)h[70] << 16 | (uint32_t)h[71] << 24;

    header_hash(c, block_hash);
    u256_to_hex(&t->found.pow_hash, pow_hash);
    hex_encode((const uint8_t *)c->coinbase.data, c->coinbase.len, coinbase);
    char *text = mem_sprintf(
        "%s,%u,%lld,%lld,%s,%s,%s,%u,%llu,%lld,%llu,%lld,%lld,%u,%s,%s", block_hash, time,
        (long long)t->template.prev_time, (long long)t->template.height - 1, pow_hash,
        t->work.miner_guid, t->work.work_id, t->thread_id, (unsigned long long)t->hashes,
        (long long)t->start_ms, (unsigned long long)atomic_load(&t->shared->hashes),
        (long long)t->shared->start_ms, (long long)(clock_real_us() / 1000), candidate_nonce(c),
        block_hex, coinbase);
    free(coinbase);
    return text;
}

static json_t *solution_fields(const struct thread *t)
{
    char block_hash[65], pow_hash[65];

    header_hash(&t->candidate, block_hash);
    u256_to_hex(&t->found.pow_hash, pow_hash);
    return json_pack("{s:I, s:s, s:I, s:s, s:s, s:b}", "thread", (json_int_t)t->thread_id,
                     "work_id", t->work.work_id, "height", (json_int_t)t->template.height,
                     "block_hash", block_hash, "pow_hash", pow_hash, "block", t->found.is_block);
}

/* Sends until there is a verdict or the chain has moved on; true when accepted. */
static bool send_solution(struct thread *t, const char *solution)
{
    for (;;) {
        enum pool_result result = pool_solution(t->pool, solution, t->work.work_id);
        if (result == POOL_OK)
            return true;
        if (result == POOL_REFUSED) {
            json_t *fields = solution_fields(t);
            json_object_set_new(fields, "message", json_string(pool_message(t->pool)));
            report("refused", fields);
            pthread_mutex_lock(&t->shared->lock);
            t->shared->refused++;
            pthread_mutex_unlock(&t->shared->lock);
            t->has_work = false;
        }
        failed(t, "solution", pool_result_name(result), pool_message(t->pool));
        if (result == POOL_REFUSED)
            return false;
        if (!still_worth_it(t)) {
            report("dropped", solution_fields(t));
            return false;
        }
    }
}

/* One of COUNT may be on its way in each thread, but never more than COUNT in all. */
static bool claim(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool ok = s->conf->count == 0 || s->claimed < s->conf->count;
    s->claimed += ok;
    pthread_mutex_unlock(&s->lock);
    return ok;
}

static void settle(struct shared *s, bool accepted)
{
    pthread_mutex_lock(&s->lock);
    if (accepted)
        s->accepted++;
    else
        s->claimed--;
    if (s->conf->count > 0 && s->accepted >= s->conf->count)
        miner_stop();
    pthread_mutex_unlock(&s->lock);
}

static void submit_own(struct thread *t, const char *block_hex)
{
    node_submit(&t->node, block_hex);
    json_t *fields = solution_fields(t);
    json_object_set_new(fields, "verdict", json_string(t->node.message));
    report("submitted", fields);
}

static void deliver(struct thread *t)
{
    if (!claim(t->shared)) {
        nap(NAP_MS); /* another thread is about to send the last one */
        return;
    }
    char *block_hex = candidate_block_hex(&t->candidate, &t->template);
    char *solution = solution_text(t, block_hex);
    bool accepted = send_solution(t, solution);
    if (accepted) {
        succeeded(t);
        report("accepted", solution_fields(t));
    }
    settle(t->shared, accepted);
    if (t->shared->conf->submit_own && t->found.is_block)
        submit_own(t, block_hex);
    free(solution);
    free(block_hex);
}

static void *mine(void *arg)
{
    struct thread *t = arg;
    const struct miner_conf *conf = t->shared->conf;

    while (!atomic_load(&stopping)) {
        if (!get_work(t))
            continue;
        for (unsigned i = 0; i < conf->shares_per_work && t->has_work; i++) {
            if (atomic_load(&stopping) || !get_template(t) || !solve(t))
                continue;
            deliver(t);
            nap(conf->interval_ms);
        }
    }
    return NULL;
}

static bool thread_open(struct thread *t, struct shared *s, unsigned i)
{
    char err[512];
    struct pool_conf pool = s->conf->pool;

    t->shared = s;
    t->thread_id = pool.thread_id += i;
    t->start_ms = clock_real_us() / 1000;
    t->backoff = BACKOFF_INIT(RETRY_FIRST_MS, RETRY_MOST_MS);
    t->node.rpc = rpc_open(&s->conf->node, err, sizeof(err));
    if (t->node.rpc == NULL) {
        fprintf(stderr, "%s\n", err);
        return false;
    }
    t->pool = pool_open(&pool);
    if (getrandom(&t->extranonce, sizeof(t->extranonce), 0) != sizeof(t->extranonce))
        abort();
    return true;
}

static void thread_close(struct thread *t)
{
    rpc_close(&t->node.rpc);
    if (t->pool != NULL)
        pool_close(&t->pool);
    template_clear(&t->template);
    candidate_free(&t->candidate);
}

int miner_run(const struct miner_conf *conf)
{
    struct shared s = {.conf = conf,
                       .start_ms = clock_real_us() / 1000,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .last_block_ms = clock_mono_ms() - conf->block_every_ms};
    struct thread *threads = mem_zalloc(conf->threads * sizeof(*threads));
    bool ok = true;

    for (unsigned i = 0; ok && i < conf->threads; i++)
        ok = thread_open(&threads[i], &s, i);
    for (unsigned i = 0; ok && i < conf->threads; i++) {
        if (pthread_create(&threads[i].id, NULL, mine, &threads[i]) != 0)
            abort();
    }
    for (unsigned i = 0; ok && i < conf->threads; i++)
        pthread_join(threads[i].id, NULL);
    for (unsigned i = 0; i < conf->threads; i++)
        thread_close(&threads[i]);
    free(threads);
    if (ok)
        report("done",
               json_pack("{s:I, s:I, s:I}", "accepted", (json_int_t)s.accepted, "refused",
                         (json_int_t)s.refused, "hashes", (json_int_t)atomic_load(&s.hashes)));
    return ok && !atomic_load(&s.gave_up) ? 0 : 1;
}
