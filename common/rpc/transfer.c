#include "common/rpc/transfer.h"

#include "common/rpc/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Idle connections are given up before the wallet does it (litecoind after 30 s, bcoin after 5),
 * so that a request rarely meets a connection that is just being closed. */
#define IDLE_MAX_S 4L

/* A wrong option is a bug, lack of memory is not survivable. */
#define SETOPT(easy, option, value)                                                                \
    do {                                                                                           \
        if (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)                               \
            abort();                                                                               \
    } while (0)

static size_t on_reply(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    return buf_add(&t->reply, data, size * n) ? size * n : 0;
}

/* Called each time libcurl has a connection and is about to send the request. The second time
 * means that a reused connection died unanswered and libcurl would repeat the request on a new
 * one; but the wallet may have acted on the first copy. */
static int on_ready(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct transfer *t = arg;

    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    t->resent = t->sent;
    t->sent = true;
    return t->resent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void set_callbacks(struct transfer *t)
{
    SETOPT(t->easy, CURLOPT_PRIVATE, t);
    SETOPT(t->easy, CURLOPT_ERRORBUFFER, t->error);
    SETOPT(t->easy, CURLOPT_WRITEFUNCTION, on_reply);
    SETOPT(t->easy, CURLOPT_WRITEDATA, t);
    SETOPT(t->easy, CURLOPT_PREREQFUNCTION, on_ready);
    SETOPT(t->easy, CURLOPT_PREREQDATA, t);
}

void transfer_open(struct transfer *t, const struct rpc_conf *conf, const char *password)
{
    *t = (struct transfer){.easy = curl_easy_init(), .reply = BUF_INIT((size_t)conf->max_reply)};
    if (t->easy == NULL)
        abort();
    t->headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_slist_append(t->headers, "Expect:"); /* no waiting for "100 Continue" */
    set_callbacks(t);
    SETOPT(t->easy, CURLOPT_URL, conf->url);
    SETOPT(t->easy, CURLOPT_HTTPHEADER, t->headers);
    if (conf->user != NULL) {
        SETOPT(t->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SETOPT(t->easy, CURLOPT_USERNAME, conf->user);
        SETOPT(t->easy, CURLOPT_PASSWORD, password);
    }
    SETOPT(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SETOPT(t->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    SETOPT(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
    SETOPT(t->easy, CURLOPT_PROXY, "");
    SETOPT(t->easy, CURLOPT_NOSIGNAL, 1L);
    SETOPT(t->easy, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
    SETOPT(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)conf->connect_timeout_ms);
}

void transfer_close(struct transfer *t)
{
    assert(!t->busy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_free(&t->reply);
}

static int64_t longest_timeout(const struct rpc_call *calls, size_t n, int64_t default_ms)
{
    int64_t longest = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t ms = calls[i].timeout_ms > 0 ? calls[i].timeout_ms : default_ms;
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

void transfer_start(struct transfer *t, struct rpc_call *calls, size_t n, int64_t first_id,
                    int64_t default_timeout_ms)
{
    size_t len;
    bool large = false;

    assert(!t->busy);
    t->busy = true;
    t->sent = t->resent = false;
    t->error[0] = '\0';
    t->calls = calls;
    t->n = n;
    t->first_id = first_id;
    t->request = exchange_encode(calls, n, first_id, &len);
    for (size_t i = 0; i < n; i++)
        large |= calls[i].large;

    SETOPT(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    SETOPT(t->easy, CURLOPT_POSTFIELDS, t->request);
    SETOPT(t->easy, CURLOPT_TIMEOUT_MS, (long)longest_timeout(calls, n, default_timeout_ms));
    SETOPT(t->easy, CURLOPT_FRESH_CONNECT, large ? 1L : 0L);
    SETOPT(t->easy, CURLOPT_FORBID_REUSE, large ? 1L : 0L);
}

/* Why there is no complete answer, and whether the wallet may have acted. */
static void fail(struct transfer *t, CURLcode code)
{
    const char *text = t->error[0] ? t->error : curl_easy_strerror(code);

    if (!t->sent)
        exchange_fail(t->calls, t->n, RPC_UNAVAILABLE, text);
    else if (t->resent)
        exchange_fail(t->calls, t->n, RPC_UNCERTAIN, "connection closed before an answer");
    else if (code == CURLE_WRITE_ERROR)
        exchange_fail(t->calls, t->n, RPC_MALFORMED, "reply exceeds the bound on its size");
    else
        exchange_fail(t->calls, t->n, RPC_UNCERTAIN, text);
}

void transfer_finish(struct transfer *t, CURLcode code)
{
    curl_off_t took_us = 0;
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &took_us);
    for (size_t i = 0; i < t->n; i++) {
        t->calls[i].http_status = status;
        t->calls[i].took_us = took_us;
    }
    if (code == CURLE_OK)
        exchange_decode(t->calls, t->n, t->first_id, t->reply.data ? t->reply.data : "",
                        t->reply.len);
    else
        fail(t, code);

    free(t->request);
    t->request = NULL;
    buf_free(&t->reply); /* a rare large reply must not stay allocated for every handle */
    t->busy = false;
}
