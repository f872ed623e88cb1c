#include "tests/tools/lib/rpc_miner.h"

#include "common/base/buf.h"
#include "common/base/mem.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_MAX         (32 * 1024 * 1024)
#define CONNECT_MS        30000
#define CAPABILITIES      "\"capabilities\":[\"coinbasetxn\",\"coinbasevalue\",\"longpoll\",\"workid\"]"
#define RULES             ",\"rules\":[\"segwit\"]"
#define STATUS_NOT_FOUND  404
#define STATUS_FIRST_FAIL 400

const struct miner_habits miner_habits[STYLES] = {
    [STYLE_MINERD] = {"minerd", "cpuminer/2.5.1", false, true, "{" CAPABILITIES RULES, 1},
    [STYLE_MULTI] = {"multi", "cpuminer-multi/1.3.7", true, false, "{" CAPABILITIES, 4},
};

struct rpc_miner {
    struct rpc_miner_conf conf;
    const struct miner_habits *habits;
    CURL *easy;
    struct buf reply;
    const char *body; /* what is still to be sent */
    size_t body_left;
    struct rpc_reply *headers_to;
    char error[CURL_ERROR_SIZE];
};

static size_t on_reply(char *data, size_t size, size_t n, void *arg)
{
    struct rpc_miner *m = arg;

    return buf_add(&m->reply, data, size * n) ? size * n : 0;
}

static size_t on_body(char *to, size_t size, size_t n, void *arg)
{
    struct rpc_miner *m = arg;
    const size_t len = size * n < m->body_left ? size * n : m->body_left;

    memcpy(to, m->body, len);
    m->body += len;
    m->body_left -= len;
    return len;
}

static void take_header(const char *line, size_t len, const char *name, char *to, size_t size)
{
    const size_t start = strlen(name);

    if (len <= start || strncasecmp(line, name, start) != 0 || line[start] != ':')
        return;
    const char *value = line + start + 1, *end = line + len;
    while (value < end && *value == ' ')
        value++;
    while (end > value && (unsigned char)end[-1] <= ' ')
        end--;
    snprintf(to, size, "%.*s", (int)(end - value), value);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
    struct rpc_reply *r = ((struct rpc_miner *)arg)->headers_to;
    const size_t len = size * n;

    take_header(line, len, "X-Long-Polling", r->longpoll, sizeof(r->longpoll));
    take_header(line, len, "X-Stratum", r->stratum, sizeof(r->stratum));
    take_header(line, len, "X-Reject-Reason", r->reason, sizeof(r->reason));
    return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(((struct rpc_miner *)arg)->conf.stop);
}

struct rpc_miner *rpc_miner_open(const struct rpc_miner_conf *conf)
{
    struct rpc_miner *m = mem_zalloc(sizeof(*m));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(m->easy = curl_easy_init()))
        abort();
    m->conf = *conf;
    m->habits = &miner_habits[conf->style];
    m->reply = BUF_INIT(REPLY_MAX);
    curl_easy_setopt(m->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(m->easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(m->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(m->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(m->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(m->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(m->easy, CURLOPT_USERNAME, conf->user);
    curl_easy_setopt(m->easy, CURLOPT_PASSWORD, conf->password);
    curl_easy_setopt(m->easy, CURLOPT_WRITEFUNCTION, on_reply);
    curl_easy_setopt(m->easy, CURLOPT_WRITEDATA, m);
    curl_easy_setopt(m->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(m->easy, CURLOPT_HEADERDATA, m);
    curl_easy_setopt(m->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(m->easy, CURLOPT_XFERINFODATA, m);
    curl_easy_setopt(m->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(m->easy, CURLOPT_ERRORBUFFER, m->error);
    if (conf->ca != NULL)
        curl_easy_setopt(m->easy, CURLOPT_CAINFO, conf->ca);
    return m;
}

void rpc_miner_close(struct rpc_miner **m)
{
    if (*m == NULL)
        return;
    curl_easy_cleanup((*m)->easy);
    curl_global_cleanup();
    buf_free(&(*m)->reply);
    free(*m);
    *m = NULL;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
    char *line = mem_sprintf("%s: %s", name, value);

    *list = curl_slist_append(*list, line);
    free(line);
}

static struct curl_slist *build_headers(const struct rpc_miner *m, size_t body_len)
{
    struct curl_slist *list = NULL;
    char length[24];

    snprintf(length, sizeof(length), "%zu", body_len);
    add_header(&list, "Content-Type", "application/json");
    add_header(&list, "User-Agent", m->habits->agent);
    if (m->habits->chunked) {
        add_header(&list, "Transfer-Encoding", "chunked");
        add_header(&list, "Content-Length", length);
        add_header(&list, "Expect", "100-continue");
    } else {
        add_header(&list, "X-Mining-Extensions", "midstate");
        list = curl_slist_append(list, "Expect:"); /* libcurl adds none */
    }
    list = curl_slist_append(list, "Accept:");
    return list;
}

static CURLcode post(struct rpc_miner *m, const char *url, const char *body, int64_t timeout_ms)
{
    struct curl_slist *headers = build_headers(m, strlen(body));

    m->body = body;
    m->body_left = strlen(body);
    m->error[0] = '\0';
    buf_clear(&m->reply);
    curl_easy_setopt(m->easy, CURLOPT_URL, url != NULL ? url : m->conf.url);
    curl_easy_setopt(m->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(m->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(m->easy, CURLOPT_POST, 1L);
    if (m->habits->chunked) {
        curl_easy_setopt(m->easy, CURLOPT_READFUNCTION, on_body);
        curl_easy_setopt(m->easy, CURLOPT_READDATA, m);
    } else {
        curl_easy_setopt(m->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        curl_easy_setopt(m->easy, CURLOPT_POSTFIELDS, body);
    }
    CURLcode code = curl_easy_perform(m->easy);
    curl_slist_free_all(headers);
    return code;
}

static void refuse(struct rpc_reply *r, enum rpc_answer answer, const char *message)
{
    r->answer = answer;
    snprintf(r->message, sizeof(r->message), "%s", message);
}

/* The first thing wrong with the body decides; a `result` of null is one. */
static void judge_body(struct rpc_miner *m, struct rpc_reply *r)
{
    json_t *root = json_loadb(m->reply.data, m->reply.len, 0, NULL);
    json_t *result = json_object_get(root, "result"), *error = json_object_get(root, "error");

    if (root == NULL) {
        refuse(r, ANSWER_REFUSED, "no JSON in the answer");
    } else if (error != NULL && !json_is_null(error)) {
        char *text = json_dumps(error, JSON_ENCODE_ANY | JSON_COMPACT);

        refuse(r, ANSWER_REFUSED, text);
        free(text);
    } else if (result == NULL) {
        refuse(r, ANSWER_REFUSED, "neither result nor error in the answer");
    } else {
        r->answer = ANSWER_RESULT;
        r->result = json_incref(result);
    }
    json_decref(root);
}

static void judge(struct rpc_miner *m, CURLcode code, struct rpc_reply *r)
{
    const char *why = m->error[0] ? m->error : curl_easy_strerror(code);
    long status = 0;

    curl_easy_getinfo(m->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        refuse(r, code == CURLE_OPERATION_TIMEDOUT ? ANSWER_LATE : ANSWER_AWAY, why);
    } else if (m->habits->judges_status && status >= STATUS_FIRST_FAIL) {
        r->empty = status == STATUS_NOT_FOUND;
        refuse(r, r->empty ? ANSWER_REFUSED : ANSWER_AWAY, "");
        snprintf(r->message, sizeof(r->message), "HTTP %ld", status);
    } else if (m->reply.len == 0) {
        r->empty = true;
        refuse(r, ANSWER_REFUSED, "");
        snprintf(r->message, sizeof(r->message), "HTTP %ld, empty", status);
    } else {
        judge_body(m, r);
    }
}

void rpc_miner_call(struct rpc_miner *m, const char *url, const char *method, const char *params,
                    int id, int64_t timeout_ms, struct rpc_reply *ret)
{
    char *body =
        mem_sprintf("{\"method\": \"%s\", \"params\": %s, \"id\":%d}\r\n", method, params, id);

    memset(ret, 0, sizeof(*ret));
    m->headers_to = ret;
    judge(m, post(m, url, body, timeout_ms), ret);
    free(body);
}

void rpc_reply_clear(struct rpc_reply *reply)
{
    json_decref(reply->result);
    reply->result = NULL;
}
