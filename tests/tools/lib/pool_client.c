#include "tests/tools/lib/pool_client.h"

#include "common/base/buf.h"
#include "common/base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX  50000 /* where the deployed miner stops reading */
#define HEADER_MAX 60000

struct pool_client {
    struct pool_conf conf;
    CURL *easy;
    char *url;
    struct buf reply;
    char curl_error[CURL_ERROR_SIZE];
    char message[256];
};

const char *pool_result_name(enum pool_result r)
{
    static const char *const name[] = {"ok", "refused", "down", "silent"};
    return name[r];
}

static size_t on_reply(char *data, size_t size, size_t n, void *arg)
{
    struct pool_client *p = arg;

    return buf_add(&p->reply, data, size * n) ? size * n : 0;
}

struct pool_client *pool_open(const struct pool_conf *conf)
{
    struct pool_client *p = mem_zalloc(sizeof(*p));
    size_t len = strlen(conf->url);

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(p->easy = curl_easy_init()))
        abort();
    p->conf = *conf;
    while (len > 0 && conf->url[len - 1] == '/')
        len--;
    p->url = mem_sprintf("%.*s/Action.aspx", (int)len, conf->url);
    p->reply = BUF_INIT(REPLY_MAX);

    curl_easy_setopt(p->easy, CURLOPT_URL, p->url);
    curl_easy_setopt(p->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(p->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(p->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(p->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(p->easy, CURLOPT_TIMEOUT_MS, (long)conf->timeout_ms);
    curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->curl_error);
    if (conf->ca != NULL)
        curl_easy_setopt(p->easy, CURLOPT_CAINFO, conf->ca);
    if (!conf->keep_alive) {
        curl_easy_setopt(p->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(p->easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(p->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* the wallets have none */
    }
    return p;
}

void pool_close(struct pool_client **pool)
{
    struct pool_client *p = *pool;

    curl_easy_cleanup(p->easy);
    curl_global_cleanup();
    buf_free(&p->reply);
    free(p->url);
    free(p);
    *pool = NULL;
}

const char *pool_message(const struct pool_client *pool)
{
    return pool->message;
}

/* Copies what stands between <NAME> and </NAME>, without surrounding spaces. */
static bool tag(const char *reply, const char *name, char *out, size_t size)
{
    char open[32], close[32];

    snprintf(open, sizeof(open), "<%s>", name);
    snprintf(close, sizeof(close), "</%s>", name);
    const char *start = strstr(reply, open);
    if (start == NULL)
        return false;
    start += strlen(open);
    const char *end = strstr(start, close);
    if (end == NULL)
        return false;
    while (start < end && *start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    if ((size_t)(end - start) >= size)
        return false;
    snprintf(out, size, "%.*s", (int)(end - start), start);
    return true;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
    char *line = mem_sprintf("%s: %s", name, value);

    *list = curl_slist_append(*list, line);
    free(line);
}

static struct curl_slist *build_headers(const struct pool_client *p, const char *action,
                                        const char *solution, bool as_body)
{
    char thread_id[16];
    struct curl_slist *list = NULL;

    snprintf(thread_id, sizeof(thread_id), "%u", p->conf.thread_id);
    /* A name without a value takes out what libcurl would send by itself. */
    list = curl_slist_append(list, as_body ? "Content-Type: text/plain" : "Content-Type:");
    list = curl_slist_append(list, "Expect:");
    list = curl_slist_append(list, "Accept:");
    if (p->conf.keep_alive)
        list = curl_slist_append(list, "Connection: keep-alive");
    add_header(&list, "Action", action);
    add_header(&list, "NetworkID", p->conf.network);
    add_header(&list, "Miner", p->conf.miner);
    add_header(&list, "ThreadID", thread_id);
    add_header(&list, "OS", "LIN");
    add_header(&list, "Agent", PENSTOCK_VERSION);
    if (solution != NULL && !as_body)
        add_header(&list, "Solution", solution);
    return list;
}

/* POOL_OK: an answer with HTTP status 200 that names no error. */
static enum pool_result check_answer(struct pool_client *p)
{
    long status = 0;

    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    if (tag(p->reply.data ? p->reply.data : "", "ERROR", p->message, sizeof(p->message)))
        return strcmp(p->message, "HEALTH_DOWN") == 0 ? POOL_DOWN : POOL_REFUSED;
    if (status == 200)
        return POOL_OK;
    snprintf(p->message, sizeof(p->message), "HTTP %ld", status);
    return status >= 500 ? POOL_DOWN : POOL_REFUSED;
}

static enum pool_result request(struct pool_client *p, const char *action, const char *solution)
{
    bool as_body = solution != NULL && strlen(solution) > HEADER_MAX;
    const char *body = as_body ? solution : action;
    struct curl_slist *headers = build_headers(p, action, solution, as_body);

    buf_clear(&p->reply);
    p->curl_error[0] = p->message[0] = '\0';
    curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    curl_easy_setopt(p->easy, CURLOPT_POSTFIELDS, body);
    CURLcode code = curl_easy_perform(p->easy);
    curl_slist_free_all(headers);
    if (code == CURLE_OK)
        return check_answer(p);
    snprintf(p->message, sizeof(p->message), "%s",
             p->curl_error[0] ? p->curl_error : curl_easy_strerror(code));
    return POOL_SILENT;
}

static enum pool_result nonsense(struct pool_client *p, const char *what)
{
    snprintf(p->message, sizeof(p->message), "%s: %.100s", what,
             p->reply.data ? p->reply.data : "");
    return POOL_SILENT;
}

enum pool_result pool_ready(struct pool_client *p, struct pool_work *ret)
{
    struct pool_work work;
    char target[65];
    enum pool_result result = request(p, "readytomine2", NULL);

    if (result != POOL_OK)
        return result;
    const char *reply = p->reply.data ? p->reply.data : "";
    if (!tag(reply, "ADDRESS", work.address, sizeof(work.address)) || !work.address[0] ||
        !tag(reply, "MINERGUID", work.miner_guid, sizeof(work.miner_guid)) || !work.miner_guid[0] ||
        !tag(reply, "WORKID", work.work_id, sizeof(work.work_id)) || !work.work_id[0] ||
        !tag(reply, "HASHTARGET", target, sizeof(target)) ||
        !u256_from_hex(target, strlen(target), &work.target))
        return nonsense(p, "not an answer to readytomine2");
    *ret = work;
    return POOL_OK;
}

enum pool_result pool_solution(struct pool_client *p, const char *solution, const char *work_id)
{
    char status[8], id[64];
    enum pool_result result = request(p, "solution", solution);

    if (result != POOL_OK)
        return result;
    const char *reply = p->reply.data ? p->reply.data : "";
    if (!tag(reply, "STATUS", status, sizeof(status)) || strcmp(status, "ok") != 0 ||
        !tag(reply, "WORKID", id, sizeof(id)) || strcasecmp(id, work_id) != 0)
        return nonsense(p, "not an answer to solution");
    return POOL_OK;
}
