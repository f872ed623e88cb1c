#include "common/rpc/rpc.h"

#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/rpc/transfer.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_MAX 8 /* a wallet's work queue holds 16 by default */
#define POLL_MS       1000

struct rpc {
    CURLM *multi;
    int64_t timeout_ms;
    int64_t next_id;
    atomic_bool interrupted;
    struct transfer transfer[IN_FLIGHT_MAX];
};

const char *rpc_result_name(enum rpc_result r)
{
    static const char *const name[] = {
        [RPC_OK] = "ok",
        [RPC_ERROR] = "error",
        [RPC_UNAVAILABLE] = "unavailable",
        [RPC_UNCERTAIN] = "uncertain",
        [RPC_MALFORMED] = "malformed",
    };
    return name[r];
}

/* NULL when URL is usable; else what is wrong with it. */
static const char *check_url(const char *url)
{
    const char *problem = NULL;
    char *scheme = NULL, *user = NULL, *password = NULL;
    CURLU *parsed = curl_url();

    if (parsed == NULL)
        abort();
    if (curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        problem = "is no URL; write http://HOST:PORT/";
    else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        problem = "is neither http nor https";
    else if (curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK ||
             curl_url_get(parsed, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK)
        problem = "holds a user or password; give them by the settings made for them";
    curl_free(scheme);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parsed);
    return problem;
}

struct rpc *rpc_open(const struct rpc_conf *conf, char *err, size_t err_size)
{
    char *password = NULL;

    assert(conf->timeout_ms > 0 && conf->connect_timeout_ms > 0 && conf->max_reply > 0);
    const char *problem = check_url(conf->url);
    if (problem != NULL) {
        /* Not repeated here: it may hold a password. */
        snprintf(err, err_size, "the wallet's URL %s", problem);
        return NULL;
    }
    if (conf->user != NULL && !(password = secret_read(conf->password_file, err, err_size)))
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();

    struct rpc *rpc = mem_zalloc(sizeof(*rpc));
    rpc->multi = curl_multi_init();
    if (rpc->multi == NULL)
        abort();
    rpc->timeout_ms = conf->timeout_ms;
    rpc->next_id = 1;
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        transfer_open(&rpc->transfer[i], conf, password);
    secret_free(&password);
    return rpc;
}

void rpc_close(struct rpc **rpc)
{
    if (*rpc == NULL)
        return;
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++)
        transfer_close(&(*rpc)->transfer[i]);
    curl_multi_cleanup((*rpc)->multi);
    free(*rpc);
    *rpc = NULL;
    curl_global_cleanup();
}

static void calls_reset(struct rpc_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        calls[i].result = RPC_UNAVAILABLE;
        calls[i].reply = NULL;
        calls[i].code = 0;
        calls[i].http_status = 0;
        calls[i].took_us = 0;
        calls[i].message[0] = '\0';
    }
}

static struct transfer *idle_transfer(struct rpc *rpc)
{
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
        if (!rpc->transfer[i].busy)
            return &rpc->transfer[i];
    }
    return NULL;
}

static void start(struct rpc *rpc, struct transfer *t, struct rpc_call *calls, size_t n)
{
    transfer_start(t, calls, n, rpc->next_id, rpc->timeout_ms);
    rpc->next_id += (int64_t)n;
    if (curl_multi_add_handle(rpc->multi, t->easy) != CURLM_OK)
        abort();
}

/* Number of transfers that ended. */
static size_t collect(struct rpc *rpc)
{
    size_t ended = 0;
    int left;
    CURLMsg *msg;

    while ((msg = curl_multi_info_read(rpc->multi, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURLcode code = msg->data.result; /* MSG does not outlive the removal */
        CURL *easy = msg->easy_handle;
        struct transfer *t;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        curl_multi_remove_handle(rpc->multi, easy);
        transfer_finish(t, code);
        ended++;
    }
    return ended;
}

void rpc_interrupt(struct rpc *rpc)
{
    atomic_store(&rpc->interrupted, true);
    if (curl_multi_wakeup(rpc->multi) != CURLM_OK)
        abort();
}

static void end_all(struct rpc *rpc)
{
    for (size_t i = 0; i < IN_FLIGHT_MAX; i++) {
        if (!rpc->transfer[i].busy)
            continue;
        curl_multi_remove_handle(rpc->multi, rpc->transfer[i].easy);
        transfer_finish(&rpc->transfer[i], CURLE_ABORTED_BY_CALLBACK);
    }
}

/* PER_REQUEST calls share a request; the last one has what is left. */
static void run(struct rpc *rpc, struct rpc_call *calls, size_t n, size_t per_request)
{
    size_t started = 0, in_flight = 0;
    struct transfer *t;
    int running;

    calls_reset(calls, n);
    while (started < n || in_flight > 0) {
        while (started < n && (t = idle_transfer(rpc)) != NULL) {
            size_t left = n - started, share = left < per_request ? left : per_request;

            start(rpc, t, &calls[started], share);
            started += share;
            in_flight++;
        }
        if (curl_multi_perform(rpc->multi, &running) != CURLM_OK)
            abort();
        size_t ended = collect(rpc);
        if (atomic_exchange(&rpc->interrupted, false)) {
            end_all(rpc);
            return; /* calls that were not started are RPC_UNAVAILABLE: calls_reset() */
        }
        in_flight -= ended;
        if (ended == 0)
            curl_multi_poll(rpc->multi, NULL, 0, POLL_MS, NULL);
    }
}

void rpc_perform(struct rpc *rpc, struct rpc_call *calls, size_t n)
{
    run(rpc, calls, n, 1);
}

void rpc_perform_batched(struct rpc *rpc, struct rpc_call *calls, size_t n, size_t per_request)
{
    assert(per_request > 0);
    run(rpc, calls, n, per_request);
}

void rpc_batch(struct rpc *rpc, struct rpc_call *calls, size_t n)
{
    run(rpc, calls, n, n);
}

void rpc_calls_clear(struct rpc_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        json_decref(calls[i].reply);
        calls[i].reply = NULL;
    }
}
