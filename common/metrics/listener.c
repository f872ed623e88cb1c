#include "common/metrics/listener.h"

#include "common/base/ipnet.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_CONNECTIONS 32
#define IDLE_S           3
#define REQUEST_BYTES    8192 /* of its line and headers, and of what is being sent */
#define ANSWER_BYTES     (1 << 20)

struct listener {
    struct MHD_Daemon *daemon;
    listener_fn *fn;
    void *ctx;
};

static bool is_loopback(const struct ip *ip)
{
    static const uint8_t v6[16] = {[15] = 1};

    return memcmp(ip->byte, v6, sizeof v6) == 0 || (ip_is_v4(ip) && ip->byte[12] == 127);
}

bool loopback_address_parse(const char *text, struct sockaddr_in6 *ret)
{
    const char *colon = strrchr(text, ':');
    char host[IP_TEXT_SIZE + 2] = "", *end;
    struct ip ip;

    if (colon == NULL || (size_t)(colon - text) >= sizeof host || colon[1] < '0' || colon[1] > '9')
        return false;
    memcpy(host, text, (size_t)(colon - text));
    long port = strtol(colon + 1, &end, 10);
    size_t n = strlen(host);

    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        memmove(host, host + 1, n - 1);
    } else if (strchr(host, ':') != NULL) {
        return false;
    }
    if (*end != '\0' || port < 1 || port > 65536 - METRICS_PORTS || !ip_parse(host, &ip) ||
        !is_loopback(&ip))
        return false;
    *ret = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    memcpy(&ret->sin6_addr, ip.byte, sizeof ip.byte);
    return true;
}

/* An IPv4 address gets a socket of its family: IPv6 may be switched off. */
static int bind_to(const struct sockaddr_in6 *a, uint16_t port)
{
    struct sockaddr_in6 v6 = *a;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        return -1;
    memcpy(&v4.sin_addr, &a->sin6_addr.s6_addr[12], sizeof v4.sin_addr);
    v6.sin6_port = htons(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* a restart meets its old sockets */
    if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
             is_v4 ? sizeof v4 : sizeof v6) == 0 &&
        listen(fd, MOST_CONNECTIONS) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* --- answers --- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct buf *body)
{
    struct MHD_Response *r =
        MHD_create_response_from_buffer(body->len, body->data, MHD_RESPMEM_MUST_FREE);

    if (r == NULL) {
        buf_free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result result = MHD_queue_response(connection, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
    struct buf body = BUF_INIT(256);

    buf_addf(&body, "%s\n", why);
    return answer(connection, status, "text/plain; charset=utf-8", &body);
}

/* The library's callback. What is sent in a body is thrown away; its first call only has headers.
 */
static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct listener *l = ctx;
    struct buf body = BUF_INIT(ANSWER_BYTES);

    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    if (strcmp(url, "/metrics") != 0)
        return refuse(connection, MHD_HTTP_NOT_FOUND, "there is /metrics, and nothing else");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD");
    if (l->fn(l->ctx, &body) && body.len > 0)
        return answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
    buf_free(&body);
    return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is too long");
}

/* What the library has to say is about its clients: nothing that somebody must read. */
static void say_nothing(void *ctx, const char *format, va_list args)
{
    (void)ctx;
    (void)format;
    (void)args;
}

static struct MHD_Daemon *start(struct listener *l, int fd)
{
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0,
                            NULL, NULL, handle, l, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)MOST_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)REQUEST_BYTES, MHD_OPTION_END);
}

struct listener *listener_open(const char *address, int ports, listener_fn *fn, void *ctx,
                               char *err, size_t err_size)
{
    struct sockaddr_in6 a;
    uint16_t port = 0;
    int fd = -1;

    if (!loopback_address_parse(address, &a)) {
        snprintf(err, err_size, "'%s' is no loopback address with a port", address);
        return NULL;
    }
    for (int i = 0; i < ports && fd < 0; i++) {
        port = (uint16_t)(ntohs(a.sin6_port) + i);
        fd = bind_to(&a, port);
        if (fd < 0 && errno != EADDRINUSE)
            break;
    }
    if (fd < 0) {
        snprintf(err, err_size, "%s: %s", address, strerror(errno));
        return NULL;
    }
    struct listener *l = mem_zalloc(sizeof *l);
    *l = (struct listener){.fn = fn, .ctx = ctx};
    l->daemon = start(l, fd);
    if (l->daemon == NULL) {
        snprintf(err, err_size, "%s: libmicrohttpd does not start", address);
        close(fd);
        free(l);
        return NULL;
    }
    log_info("metrics.listening", LOG_STR("address", address), LOG_UINT("port", port));
    return l;
}

void listener_close(struct listener **l)
{
    if (*l == NULL)
        return;
    MHD_stop_daemon((*l)->daemon);
    free(*l);
    *l = NULL;
}
