#include "frontend/live/ask.h"

#include "frontend/intake/text.h"
#include "frontend/limit/client_ip.h"

#include <stdio.h>
#include <string.h>

static const struct refusal not_found = {404, "path", "There is nothing here", 0};
static const struct refusal wrong_method = {405, "method", "POST or GET", 0};
static const struct refusal who_are_you = {
    401, "auth", "Give your address as the user name: ADDRESS or ADDRESS.WORKER", 0};
static const struct refusal no_longpoll = {
    200, "call", "Only getwork and getblocktemplate wait here; send all else to the pool's URL",
    -32601};

/* --- the sender --- */

/* The proxy on this machine appended whom it was asked by; what stands before is for client_ip().
 */
static void split_forwarded(const char *list, char hop[IP_TEXT_SIZE], char *rest, size_t rest_size)
{
    const char *comma = strrchr(list, ',');
    const char *last = comma ? comma + 1 : list;

    last += strspn(last, " \t");
    snprintf(hop, IP_TEXT_SIZE, "%.*s", (int)strcspn(last, " \t"), last);
    snprintf(rest, rest_size, "HTTP_X_FORWARDED_FOR=%.*s", comma ? (int)(comma - list) : 0, list);
}

static bool is_local(const char *peer)
{
    struct ip ip;
    struct ipnet local[2];

    return ipnet_parse("127.0.0.0/8", &local[0]) && ipnet_parse("::1", &local[1]) &&
           ip_parse(peer, &ip) && ipnet_any_has(local, 2, &ip);
}

static bool find_sender(const struct ask_rules *rules, const struct http_ask *ask, const char *peer,
                        struct caller *ret)
{
    char hop[IP_TEXT_SIZE], rest[sizeof ask->forwarded + 32];
    char *env[] = {rest, NULL};
    struct request rq = {.env = env, .ip = peer};

    if (is_local(peer) && ask->forwarded[0]) {
        split_forwarded(ask->forwarded, hop, rest, sizeof rest);
        rq.ip = hop;
    } else {
        snprintf(rest, sizeof rest, "HTTP_X_FORWARDED_FOR=%s", ask->forwarded);
    }
    client_ip(rules->proxies, rules->proxies_n, &rq, ret->ip_text);
    return ip_parse(ret->ip_text, &ret->ip);
}

/* --- the address that it was asked under --- */

static bool is_plain(const char *text)
{
    return text[0] &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             ".-:[]")] == '\0';
}

/* As the proxy was asked, so that a miner comes back the same way; else the path alone. */
static void note_uri(const struct http_ask *ask, struct caller *ret)
{
    const bool https = strcmp(ask->scheme, "https") == 0;

    if (is_plain(ask->host) && (https || strcmp(ask->scheme, "http") == 0) &&
        strlen(ask->host) + strlen(ask->path) + sizeof "https://" <= sizeof ret->uri)
        snprintf(ret->uri, sizeof ret->uri, "%.5s://%.180s%s", ask->scheme, ask->host, ask->path);
    else
        snprintf(ret->uri, sizeof ret->uri, "%s", ask->path);
}

/* --- the call --- */

/* A GET wants work, as the first longpolling miners asked for it. */
static const struct refusal *read_call(const struct http_ask *ask, struct call *ret)
{
    static struct refusal wrong[CALL_ERRORS];

    if (strcmp(ask->method, "GET") == 0) {
        *ret = (struct call){.id = "null", .method = CALL_GETWORK};
        return NULL;
    }
    enum call_error e = call_read(ask->body, ask->body_len, ret);
    if (e == CALL_OK)
        return ret->method == CALL_GETWORK || ret->method == CALL_TEMPLATE ? NULL : &no_longpoll;
    wrong[e] = (struct refusal){200, "call", call_errors[e].message, call_errors[e].code};
    return &wrong[e];
}

const struct refusal *ask_read(const struct ask_rules *rules, const struct http_ask *ask,
                               const char *peer, struct caller *ret)
{
    const size_t prefix = strlen(LONGPOLL_PATH);

    strcpy(ret->call.id, "null");
    struct net *net = strncmp(ask->path, LONGPOLL_PATH, prefix) == 0
                          ? net_named(rules->nets, rules->nets_n, ask->path + prefix)
                          : NULL;
    if (!net || !find_sender(rules, ask, peer, ret))
        return &not_found;
    if (strcmp(ask->method, "POST") != 0 && strcmp(ask->method, "GET") != 0)
        return &wrong_method;
    ret->network = (size_t)(net - rules->nets);
    if (auth_parse(&net->rules, ask->authorization[0] ? ask->authorization : NULL, &ret->auth) !=
        AUTH_OK)
        return &who_are_you;
    text_tidy(ask->agent, WORK_AGENT_CHARS, ret->agent, sizeof ret->agent);
    note_uri(ask, ret);
    return read_call(ask, &ret->call);
}

const char *refusal_headers(const struct refusal *r)
{
    switch (r->status) {
    case 401:
        return "WWW-Authenticate: Basic realm=\"Penstock\", charset=\"UTF-8\"\r\n";
    case 405:
        return "Allow: GET, POST\r\n";
    case 429:
    case 503:
        return "Retry-After: 5\r\n";
    default:
        return "";
    }
}
