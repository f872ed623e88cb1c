#include "frontend/getwork/longpoll.h"

#include <stdio.h>
#include <string.h>

#define MAX_HOST 128

static int port_of(const struct live_conf *conf, const char *scheme)
{
    if (scheme && strcmp(scheme, "https") == 0)
        return (int)conf->https_port;
    return scheme && strcmp(scheme, "http") == 0 ? (int)conf->http_port : 0;
}

/* The length of the name or address in HOST, without a port; 0 when it is none. */
static size_t name_length(const char *host)
{
    size_t len;

    if (*host == '[') {
        len = 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
        len = host[len] == ']' ? len + 1 : 0;
    } else {
        len = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
    }
    return len <= MAX_HOST && (host[len] == '\0' || host[len] == ':') ? len : 0;
}

void longpoll_url(const struct live_conf *conf, const char *scheme, const char *host,
                  const char *network, char ret[LONGPOLL_URL_SIZE])
{
    const int port = port_of(conf, scheme);
    const size_t len = host ? name_length(host) : 0;

    if (port > 0 && len > 0)
        snprintf(ret, LONGPOLL_URL_SIZE, "%.5s://%.*s:%d" LONGPOLL_PATH "%.64s", scheme, (int)len,
                 host, port, network);
    else
        snprintf(ret, LONGPOLL_URL_SIZE, LONGPOLL_PATH "%.64s", network);
}
