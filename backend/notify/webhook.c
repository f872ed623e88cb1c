#include "backend/notify/webhook.h"

#include "common/base/hex.h"
#include "common/base/ipnet.h"

#include <curl/curl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_MS  5000L
#define MOST_MS     10000L
#define MOST_ANSWER 65536

/* --- where it may go --- */

/* Special-purpose registries of IANA; IPv4 ones by its mapped form too. */
static const char *const not_public[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
};

static bool is_public_v6(const uint8_t b[16])
{
    bool global = (b[0] & 0xe0) == 0x20; /* 2000::/3 is all that is given out */
    bool teredo_or_special = b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02; /* 2001::/23 */
    bool documentation = b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8;
    bool six_to_four = b[0] == 0x20 && b[1] == 0x02; /* holds any IPv4 address */
    bool documentation_2 = b[0] == 0x3f && b[1] == 0xff && b[2] < 0x10;

    return global && !teredo_or_special && !documentation && !six_to_four && !documentation_2;
}

bool webhook_is_public(const struct sockaddr *address)
{
    struct ip ip = {{[10] = 0xff, [11] = 0xff}};
    struct ipnet net;

    if (address->sa_family == AF_INET)
        memcpy(ip.byte + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    else if (address->sa_family == AF_INET6)
        memcpy(ip.byte, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        return false;
    if (!ip_is_v4(&ip))
        return is_public_v6(ip.byte);
    for (size_t i = 0; i < sizeof not_public / sizeof not_public[0]; i++)
        if (!ipnet_parse(not_public[i], &net) || ipnet_has(&net, &ip))
            return false;
    return true;
}

struct call {
    const struct notify_conf *conf;
    bool refused; /* the address is not public */
    size_t answer;
};

/* libcurl's callbacks. */
static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct call *c = ctx;

    (void)purpose;
    if (!c->conf->webhook_private && !webhook_is_public(&address->addr)) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_answer(char *data, size_t size, size_t n, void *ctx)
{
    struct call *c = ctx;

    (void)data;
    c->answer += size * n;
    return c->answer > MOST_ANSWER ? 0 : size * n;
}

/* --- what is sent --- */

static char *body_of(const struct notify_conf *conf, const struct notice *n, const char *secret)
{
    json_t *j = json_pack("{s:I, s:s, s:s, s:s}", "id", (json_int_t)n->id, "kind", n->kind,
                          "network", n->network, "text", n->detail);
    bool asks = strcmp(n->kind, "confirm") == 0;
    char url[512];

    if (j && *n->token) {
        snprintf(url, sizeof url, "%s/notify/%s?token=%s", conf->url, asks ? "confirm" : "stop",
                 n->token);
        json_object_set_new(j, asks ? "confirmUrl" : "stopUrl", json_string(url));
    }
    if (j && asks && secret)
        json_object_set_new(j, "secret", json_string(secret));
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    json_decref(j);
    return text;
}

static struct curl_slist *headers_of(const char *body, const char *secret)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    uint8_t mac[32];
    unsigned len = sizeof mac;
    char hex[65], line[128];

    if (secret && HMAC(EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)body,
                       strlen(body), mac, &len)) {
        hex_encode(mac, sizeof mac, hex);
        snprintf(line, sizeof line, "X-Penstock-Signature: sha256=%s", hex);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_options(CURL *easy, struct call *c, const struct notice *n, const char *body)
{
    curl_easy_setopt(easy, CURLOPT_URL, n->target);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, MOST_MS);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "penstock/" PENSTOCK_VERSION);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c);
    if (*c->conf->webhook_ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, c->conf->webhook_ca);
}

static bool perform(struct call *c, CURL *easy, char *err, size_t err_size)
{
    CURLcode code = curl_easy_perform(easy);
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (c->refused)
        snprintf(err, err_size, "its address is not a public one");
    else if (code != CURLE_OK)
        snprintf(err, err_size, "%s", curl_easy_strerror(code));
    else if (status < 200 || status > 299)
        snprintf(err, err_size, "it answered %ld", status);
    else
        return true;
    return false;
}

bool webhook_call(const struct notify_conf *conf, const struct notice *n, char *err,
                  size_t err_size)
{
    struct call c = {.conf = conf};
    char secret[33];

    if (n->secret)
        hex_encode(n->secret, 16, secret);
    char *body = body_of(conf, n, n->secret ? secret : NULL);
    CURL *easy = curl_easy_init();

    if (!body || !easy) {
        snprintf(err, err_size, "the message cannot be written");
        free(body);
        curl_easy_cleanup(easy);
        return false;
    }
    struct curl_slist *headers = headers_of(body, n->secret ? secret : NULL);

    set_options(easy, &c, n, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    bool ok = perform(&c, easy, err, err_size);

    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    free(body);
    return ok;
}
