#include "backend/chain/wallets.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX (64 * 1024 * 1024) /* a full template with its MWEB part, in hex */

static bool serves(const struct wallet_conf *wallet, const char *network)
{
    for (size_t i = 0; i < wallet->networks.n; i++)
        if (strcmp(wallet->networks.word[i], network) == 0)
            return true;
    return false;
}

static bool wallet_open(struct wallet *w, const struct wallet_conf *conf, char *err,
                        size_t err_size)
{
    struct rpc_conf rpc = {
        .url = conf->url,
        .user = conf->user,
        .password_file = conf->password_file,
        .connect_timeout_ms = conf->connect_timeout_ms,
        .timeout_ms = conf->timeout_ms,
        .max_reply = REPLY_MAX,
    };
    char why[256];

    *w = (struct wallet){.conf = conf,
                         .rpc = rpc_open(&rpc, why, sizeof(why)),
                         .backoff = BACKOFF_INIT(WALLET_LOOK_MS, WALLET_LOOK_MOST_MS),
                         .height = -1};
    if (w->rpc == NULL)
        snprintf(err, err_size, "[wallet %s]: %s", conf->label, why);
    return w->rpc != NULL;
}

/* Keeps the order of the file among equal priorities. */
static void insert_by_priority(struct wallets *w, struct wallet fresh)
{
    size_t i = w->n++;

    for (; i > 0 && w->wallet[i - 1].conf->priority > fresh.conf->priority; i--)
        w->wallet[i] = w->wallet[i - 1];
    w->wallet[i] = fresh;
}

struct wallets *wallets_open(const struct backend_conf *conf, const char *network, char *err,
                             size_t err_size)
{
    struct wallets *w = mem_zalloc(sizeof(*w) + conf->wallets.n * sizeof(struct wallet));

    for (size_t i = 0; i < conf->wallets.n; i++) {
        const struct wallet_conf *wallet = backend_wallet_at(conf, i);
        struct wallet fresh;

        if (!serves(wallet, network))
            continue;
        if (!wallet_open(&fresh, wallet, err, err_size)) {
            wallets_close(&w);
            return NULL;
        }
        insert_by_priority(w, fresh);
    }
    return w;
}

void wallets_close(struct wallets **w)
{
    for (size_t i = 0; i < (*w)->n; i++)
        rpc_close(&(*w)->wallet[i].rpc);
    free(*w);
    *w = NULL;
}

void wallets_order(struct wallets *w, struct wallet **order)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        if (!w->wallet[i].away)
            order[n++] = &w->wallet[i];
    for (size_t i = 0; i < w->n; i++)
        if (w->wallet[i].away)
            order[n++] = &w->wallet[i];
}

size_t wallets_choose(const struct wallet_view *view, size_t n, int64_t seen)
{
    for (size_t i = 0; i < n; i++)
        if (view[i].fit && view[i].height > seen)
            seen = view[i].height;
    for (size_t i = 0; i < n; i++)
        if (view[i].fit && view[i].height >= seen)
            return i;
    return n;
}

/* A wallet that fails again and again is looked at ever more rarely, even if it answers in
 * between. */
static void went_away(struct wallet *w)
{
    int64_t now = clock_mono_ms();

    atomic_fetch_add(&w->failures, 1);
    if (now - w->failed_ms > 2 * WALLET_LOOK_MOST_MS)
        backoff_reset(&w->backoff);
    w->away = true;
    w->failed_ms = now;
    w->look_ms = now + backoff_next_ms(&w->backoff);
}

bool wallet_note(struct wallet *w, const struct rpc_call *call)
{
    if (call->result == RPC_OK || call->result == RPC_ERROR) {
        histogram_add(&w->latency, &histogram_time_us, call->took_us);
        if (w->away)
            log_info("wallet.back", LOG_STR("wallet", w->conf->label));
        w->away = false;
        return true;
    }
    if (!w->away)
        log_warning(
            "wallet.away", LOG_STR("wallet", w->conf->label), LOG_STR("method", call->method),
            LOG_STR("result", rpc_result_name(call->result)), LOG_STR("error", call->message));
    went_away(w);
    return false;
}

void wallet_fault(struct wallet *w, const char *method, const char *what)
{
    if (!w->away)
        log_warning("wallet.away", LOG_STR("wallet", w->conf->label), LOG_STR("method", method),
                    LOG_STR("result", "fault"), LOG_STR("error", what));
    went_away(w);
}
