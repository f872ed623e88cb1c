#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "frontend/live/live-private.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 250, CLIENTS_BESIDE = 1024, MOST_ATTEMPTS = 3 };

/* Answers that wait for slow readers; templates are large. Beyond it nothing more is written. */
#define UNSENT_MAX (256u << 20)
/* What one batch of templates may have in memory. */
#define BATCH_MAX (64u << 20)

static const struct refusal too_fast = {429, "limit", "Too many requests, slow down", 0};
static const struct refusal too_many = {429, "held_limit", "Too many of you wait here already", 0};
static const struct refusal full = {503, "full", "Too many miners wait here; try again later", 0};
static const struct refusal no_job = {503, "no_job", "There is no work now; try again later", 0};
static const struct refusal ending = {503, "ending", "Try again", 0};
static const struct refusal by_fate[] = {
    [CALLER_BANNED] = {403, "banned", "You are banned; ask the pool", 0},
    [CALLER_NOT_NOW] = {429, "limit", "Too many requests, slow down", 0},
    [CALLER_AWAY] = {503, "database", "No work now; try again later", 0},
    [CALLER_STRANGE] = {503, "database", "No work now; try again later", 0},
};

/* --- callers come and go --- */

static void count_refusal(struct live *l, const char *reason)
{
    for (size_t i = 0; i < LIVE_REASONS; i++) {
        if (!l->refused[i].name)
            l->refused[i].name = reason;
        if (strcmp(l->refused[i].name, reason) == 0) {
            l->refused[i].n++;
            return;
        }
    }
}

static void refuse(struct live *l, struct client *client, const struct refusal *r, const char *id)
{
    struct buf body = BUF_INIT(SAY_MAX_SHORT);

    count_refusal(l, r->reason);
    if (r->status == 200)
        say_error(&body, id, r->code, r->text);
    else
        buf_addf(&body, "%s\n", r->text);
    client_answer(client,
                  &(struct answer){.status = r->status,
                                   .type = r->status == 200 ? "application/json" : "text/plain",
                                   .headers = refusal_headers(r),
                                   .body = &body});
}

/* One IPv6 customer has a /64. */
static void ip_key(const struct caller *c, char out[IP_TEXT_SIZE])
{
    struct ip ip = c->ip;

    if (!ip_is_v4(&ip))
        memset(ip.byte + 8, 0, 8);
    ip_format(&ip, out);
}

/* NULL when it may wait here, with its place taken; enrol() and dismiss() are a pair. */
static const struct refusal *enrol(struct live *l, const struct caller *c)
{
    const struct live_conf *conf = &l->conf->live;
    const bool exempt = ipnet_any_has(l->exempt, l->conf->limits.exempt.n, &c->ip);
    char key[IP_TEXT_SIZE];

    ip_key(c, key);
    if (l->callers >= (size_t)conf->held_max)
        return &full;
    if (!tally_add(l->per_ip, key, exempt ? 0 : (size_t)conf->held_per_ip))
        return &too_many;
    if (!tally_add(l->per_address, c->auth.address, exempt ? 0 : (size_t)conf->held_per_address)) {
        tally_remove(l->per_ip, key);
        return &too_many;
    }
    l->callers++;
    return NULL;
}

static void dismiss(struct live *l, struct caller *c)
{
    char key[IP_TEXT_SIZE];

    ip_key(c, key);
    tally_remove(l->per_ip, key);
    tally_remove(l->per_address, c->auth.address);
    l->callers--;
    tip_unref(&c->tip);
    buf_free(&c->text);
    free(c);
}

static bool may_ask(struct live *l, const struct caller *c)
{
    int64_t now = clock_mono_ms();

    return limits_by_ip(l->limits, LIMIT_WORK_IP, &c->ip, now) &&
           limits_by_miner(l->limits, LIMIT_WORK_ADDRESS, &c->ip, c->auth.address, now);
}

/* --- handing out --- */

static struct desk *free_desk(struct live *l)
{
    struct desk *best = l->hand_out[0];

    for (size_t i = 1; i < LIVE_DESKS; i++)
        if (desk_queued(l->hand_out[i]) < desk_queued(best))
            best = l->hand_out[i];
    return best;
}

static void kick(struct live *l)
{
    desk_kick(l->look_up);
    for (size_t i = 0; i < LIVE_DESKS; i++)
        desk_kick(l->hand_out[i]);
}

/* C is nowhere. Its ids may be of another database, which the look-up desk then finds out. */
static void give_work(struct live *l, struct caller *c, enum live_why why)
{
    c->why = why;
    c->at_once = true;
    if (c->epoch != l->epoch) {
        desk_add(l->look_up, c);
        return;
    }
    tip_unref(&c->tip);
    c->tip = tip_ref(l->nets[c->network].tip);
    desk_add(free_desk(l), c);
}

static void unhold(struct net *net, struct caller *c)
{
    TAILQ_REMOVE(&net->held, c, link);
    net->held_n--;
    c->place = CALLER_NOWHERE;
}

static void wake_all(struct live *l, struct net *net, enum live_why why)
{
    while (!TAILQ_EMPTY(&net->held)) {
        struct caller *c = TAILQ_FIRST(&net->held);

        unhold(net, c);
        give_work(l, c, why);
    }
    kick(l);
}

/* Nobody is to be held any more: C, which is nowhere, is answered, or forgotten if it has gone. */
static void turn_away(struct live *l, struct caller *c, const struct refusal *r)
{
    if (c->client) {
        client_set(c->client, NULL);
        refuse(l, c->client, r, c->call.id);
    }
    dismiss(l, c);
}

static void hold(struct live *l, struct caller *c)
{
    struct net *net = &l->nets[c->network];
    const struct tip *tip = net->tip;

    if (!tip) {
        turn_away(l, c, &no_job);
        return;
    }
    bool elsewhere = c->call.longpollid[0]
                         ? strcmp(c->call.longpollid, tip->longpollid) != 0
                         : seen_elsewhere(l->seen, c, &tip->job.prev, clock_mono_ms());
    if (c->at_once || elsewhere || l->end_ms > 0) {
        give_work(l, c, c->at_once ? c->why : l->end_ms > 0 ? WHY_END : WHY_AT_ONCE);
        kick(l);
        return;
    }
    TAILQ_INSERT_TAIL(&net->held, c, link);
    net->held_n++;
    c->place = CALLER_HELD;
}

/* --- what the desks found --- */

static void note_database(struct live *l, const struct caller *c, bool strange)
{
    if (c->fate == CALLER_AWAY && l->follow)
        follow_doubt(l->follow);
    if (strange)
        l->epoch++;
}

static void after_look_up(void *ctx, struct desk *d, struct callers *batch, bool strange)
{
    struct live *l = ctx;
    struct caller *c;

    (void)d;
    note_database(l, TAILQ_FIRST(batch), strange);
    while ((c = TAILQ_FIRST(batch))) {
        TAILQ_REMOVE(batch, c, link);
        c->place = CALLER_NOWHERE;
        c->epoch = l->epoch;
        if (!c->client)
            dismiss(l, c);
        else if (c->fate != CALLER_GOOD)
            turn_away(l, c, &by_fate[c->fate]);
        else
            hold(l, c);
    }
}

static void answer(struct live *l, struct caller *c)
{
    seen_note(l->seen, c, &c->tip->job.prev, clock_mono_ms());
    l->answered[c->why]++;
    client_answer(c->client,
                  &(struct answer){
                      .status = 200, .type = "application/json", .headers = "", .body = &c->text});
    c->text = (struct buf){0}; /* taken */
}

static void after_hand_out(void *ctx, struct desk *d, struct callers *batch, bool strange)
{
    struct live *l = ctx;
    struct caller *c;

    (void)d;
    note_database(l, TAILQ_FIRST(batch), strange);
    while ((c = TAILQ_FIRST(batch))) {
        TAILQ_REMOVE(batch, c, link);
        c->place = CALLER_NOWHERE;
        if (!c->client) {
            dismiss(l, c);
        } else if (strange && c->fate == CALLER_GOOD && c->attempts++ < MOST_ATTEMPTS) {
            buf_free(&c->text);
            give_work(l, c, c->why);
        } else if (c->fate != CALLER_GOOD || strange) {
            turn_away(l, c, &by_fate[strange ? CALLER_STRANGE : c->fate]);
        } else {
            answer(l, c);
        }
    }
    kick(l);
}

static void work_look_up(void *ctx, struct db *db, struct callers *batch)
{
    clerk_look_up(((struct live *)ctx)->clerk, db, batch);
}

static void work_hand_out(void *ctx, struct db *db, struct callers *batch)
{
    clerk_hand_out(((struct live *)ctx)->clerk, db, batch);
}

static bool is_full(const struct live *l)
{
    return l->server && server_unsent(l->server) > UNSENT_MAX;
}

/* Templates are held to what fits into memory: one is as long as a block, in hexadecimal. */
static size_t room(void *ctx, const struct caller *first)
{
    struct live *l = ctx;

    if (is_full(l))
        return 0;
    return first->call.method == CALL_TEMPLATE ? BATCH_MAX / CLERK_MAX_TEMPLATE : CLERK_MAX_BATCH;
}

static size_t room_to_look(void *ctx, const struct caller *first)
{
    (void)ctx, (void)first;
    return CLERK_MAX_BATCH;
}

/* --- what the server tells --- */

static void on_ask(void *ctx, struct client *client, const struct http_ask *ask)
{
    struct live *l = ctx;
    const struct ask_rules rules = {l->nets, l->nets_n, l->proxies,
                                    l->conf->frontend.trusted_proxies.n};
    struct caller *c;

    if (!ask->forwarded[0] && live_answer_vital(l, client, ask->path))
        return;
    c = mem_zalloc(sizeof *c);
    const struct refusal *r = ask_read(&rules, ask, client_peer(client), c);
    if (!r && !may_ask(l, c))
        r = &too_fast;
    if (!r)
        r = l->end_ms > 0 ? &ending : enrol(l, c);
    if (r) {
        refuse(l, client, r, c->call.id);
        free(c);
        return;
    }
    c->client = client;
    c->since_ms = clock_mono_ms();
    client_set(client, c);
    desk_add(l->look_up, c);
    desk_kick(l->look_up);
}

static void on_gone(void *ctx, struct client *client)
{
    struct live *l = ctx;
    struct caller *c = client_get(client);

    if (!c)
        return;
    c->client = NULL;
    if (c->place != CALLER_HELD)
        return; /* a desk has it */
    unhold(&l->nets[c->network], c);
    dismiss(l, c);
}

static void on_sent(void *ctx, struct client *client)
{
    struct live *l = ctx;
    struct caller *c = client_get(client);

    if (c) {
        if (c->why == WHY_TIP)
            histogram_add(&l->wake_us, &histogram_time_us, clock_mono_us() - c->tip->came_us);
        client_set(client, NULL);
        dismiss(l, c);
    }
    if (!is_full(l))
        kick(l);
}

static const struct server_ops server_ops = {.ask = on_ask, .gone = on_gone, .sent = on_sent};

/* --- jobs --- */

static void take_job(struct live *l, struct net *net, const struct job *job)
{
    const bool other = !net->tip || u256_cmp(&net->tip->job.prev, &job->prev) != 0;

    tip_unref(&net->tip);
    net->tip = tip_new(job);
    l->jobs++;
    if (!other)
        return;
    l->tips++;
    wake_all(l, net, WHY_TIP);
}

static void on_news(uv_async_t *async)
{
    struct live *l = async->data;
    struct job *job = mem_zalloc(sizeof *job);

    for (size_t i = 0; i < l->nets_n; i++)
        if (follow_take(l->follow, i, job))
            take_job(l, &l->nets[i], job);
    free(job);
}

static void tell_news(void *ctx)
{
    uv_async_send(&((struct live *)ctx)->news);
}

/* --- time --- */

static void wake_overdue(struct live *l, struct net *net, int64_t now)
{
    struct caller *c, *next;

    for (c = TAILQ_FIRST(&net->held); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (now - c->since_ms < l->conf->live.hold_s * 1000)
            continue;
        unhold(net, c);
        give_work(l, c, WHY_TIME);
    }
}

/* The thread first: it rings the bell that is taken down here. */
static void leave(struct live *l)
{
    follow_close(&l->follow);
    uv_close((uv_handle_t *)&l->tick, NULL);
    uv_close((uv_handle_t *)&l->news, NULL);
    server_close(&l->server);
}

static void on_tick(uv_timer_t *timer)
{
    struct live *l = timer->data;
    int64_t now = clock_mono_ms();

    server_tick(l->server);
    for (size_t i = 0; i < l->nets_n; i++)
        wake_overdue(l, &l->nets[i], now);
    kick(l);
    if (l->end_ms > 0 && (server_clients(l->server) == 0 || now >= l->end_ms))
        leave(l);
}

void live_end(struct live *l)
{
    if (l->end_ms > 0)
        return;
    l->end_ms = clock_mono_ms() + LIVE_END_MS;
    for (size_t i = 0; i < l->nets_n; i++)
        wake_all(l, &l->nets[i], WHY_END);
    server_end(l->server);
}

int live_fd(const struct live *l)
{
    return l->server && l->end_ms == 0 ? server_fd(l->server) : -1;
}

/* --- beginning and end --- */

static bool open_desks(struct live *l, char *err, size_t err_size)
{
    const struct db_conf *db = &l->conf->database;
    bool good;

    l->look_ops = (struct desk_ops){work_look_up, after_look_up, room_to_look};
    l->hand_ops = (struct desk_ops){work_hand_out, after_hand_out, room};
    l->look_up = desk_open(l->loop, db, &l->look_ops, l, err, err_size);
    good = l->look_up != NULL;
    for (size_t i = 0; i < LIVE_DESKS && good; i++) {
        l->hand_out[i] = desk_open(l->loop, db, &l->hand_ops, l, err, err_size);
        good = l->hand_out[i] != NULL;
    }
    return good;
}

static bool open_follow(struct live *l, char *err, size_t err_size)
{
    l->broker = l->conf->broker;
    l->broker.user = l->conf->live.broker_user;
    l->broker.password_file = l->conf->live.broker_password_file;
    l->names = mem_zalloc(l->nets_n * sizeof *l->names);
    for (size_t i = 0; i < l->nets_n; i++)
        l->names[i] = l->nets[i].name;
    const struct follow_conf conf = {.database = &l->conf->database,
                                     .broker = &l->broker,
                                     .networks = l->names,
                                     .networks_n = l->nets_n,
                                     .news = tell_news,
                                     .ctx = l};
    l->follow = follow_open(&conf, err, err_size);
    return l->follow != NULL;
}

struct live *live_open(const struct frontend_conf *conf, uv_loop_t *loop, int fd, char *err,
                       size_t err_size)
{
    struct live *l = mem_zalloc(sizeof *l);

    l->conf = conf;
    l->loop = loop;
    l->nets_n = conf->networks.n;
    l->nets = nets_new(conf);
    l->proxies = limits_networks(&conf->frontend.trusted_proxies);
    l->exempt = limits_networks(&conf->limits.exempt);
    l->per_ip = tally_new();
    l->per_address = tally_new();
    l->seen = seen_new();
    l->limits = limits_open(&conf->limits, conf->frontend.health_file, err, err_size);
    if (l->limits)
        l->clerk = clerk_new(conf, l->nets, l->limits);
    if (l->limits && open_desks(l, err, err_size) && open_follow(l, err, err_size))
        l->server =
            server_open(loop, conf->live.listen, fd, (size_t)conf->live.held_max + CLIENTS_BESIDE,
                        &server_ops, l, err, err_size);
    if (!l->server)
        live_close(&l);
    return l;
}

void live_start(struct live *l)
{
    uv_timer_init(l->loop, &l->tick);
    uv_async_init(l->loop, &l->news, on_news);
    l->tick.data = l->news.data = l;
    uv_timer_start(&l->tick, on_tick, TICK_MS, TICK_MS);
    desk_warm(l->look_up);
    for (size_t i = 0; i < LIVE_DESKS; i++)
        desk_warm(l->hand_out[i]);
    follow_start(l->follow);
}

void live_close(struct live **l)
{
    struct live *all = *l;

    *l = NULL;
    follow_close(&all->follow);
    desk_close(&all->look_up);
    for (size_t i = 0; i < LIVE_DESKS; i++)
        desk_close(&all->hand_out[i]);
    clerk_free(&all->clerk);
    limits_close(&all->limits);
    nets_free(&all->nets, all->nets_n);
    tally_free(&all->per_ip);
    tally_free(&all->per_address);
    seen_free(&all->seen);
    free(all->names);
    free(all->proxies);
    free(all->exempt);
    free(all);
}
