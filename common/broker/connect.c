#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/broker/broker-private.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FRAME_MAX 131072 /* RabbitMQ's own default; longer frames gain nothing */
#define HOST_MAX  256

struct endpoint {
    char host[HOST_MAX];
    int port;
};

/* HOST, HOST:PORT or [ADDRESS]:PORT; a bare IPv6 address has several colons and no port. */
static bool endpoint_parse(const char *word, int64_t default_port, struct endpoint *ret)
{
    const char *colon = strrchr(word, ':'), *end = word + strlen(word);
    int64_t port = default_port;

    if (colon && (colon == strchr(word, ':') || colon[-1] == ']')) {
        char *rest;

        port = strtol(colon + 1, &rest, 10);
        if (*rest || rest == colon + 1)
            return false;
        end = colon;
    }
    if (*word == '[' && end[-1] == ']') {
        word++;
        end--;
    }
    if (end <= word || end - word >= HOST_MAX || port < 1 || port > 65535)
        return false;
    memcpy(ret->host, word, (size_t)(end - word));
    ret->host[end - word] = '\0';
    ret->port = (int)port;
    return true;
}

/* The socket belongs to b->amqp. NULL: the CA file is unusable. */
static amqp_socket_t *make_socket(struct broker *b)
{
    if (!b->conf->tls_ca[0])
        return amqp_tcp_socket_new(b->amqp);
    amqp_socket_t *s = amqp_ssl_socket_new(b->amqp);
    if (!s || amqp_ssl_socket_set_cacert(s, b->conf->tls_ca) != AMQP_STATUS_OK ||
        amqp_ssl_socket_set_ssl_versions(s, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK)
        return NULL;
    amqp_ssl_socket_set_verify_peer(s, 1);
    amqp_ssl_socket_set_verify_hostname(s, 1);
    return s;
}

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    return (amqp_table_entry_t){amqp_cstring_bytes(key),
                                {AMQP_FIELD_KIND_UTF8, {.bytes = amqp_cstring_bytes(value)}}};
}

static amqp_table_entry_t true_entry(const char *key)
{
    return (amqp_table_entry_t){amqp_cstring_bytes(key), {AMQP_FIELD_KIND_BOOLEAN, {.boolean = 1}}};
}

/* A consumer keeps up heartbeats while it waits for messages. A connection that only publishes may
 * lie idle for as long as nobody has anything to send: with heartbeats the broker would end it each
 * time. */
static int heartbeat(const struct broker *b)
{
    return b->n_queues > 0 ? (int)b->conf->heartbeat_s : 0;
}

/* The kernel looks after it instead: a peer that has been silent for twice heartbeat_s is gone. */
static bool keep_alive(const struct broker *b)
{
    const int fd = amqp_get_sockfd(b->amqp), on = 1, probes = 3;
    const int idle = (int)b->conf->heartbeat_s, interval = (idle + probes - 1) / probes;

    return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) == 0;
}

/* The capabilities without which the broker would not tell us that it is blocked, that a queue has
 * gone, or that it has refused a message. */
static amqp_rpc_reply_t login(struct broker *b)
{
    amqp_table_entry_t capability[] = {
        true_entry("connection.blocked"),
        true_entry("consumer_cancel_notify"),
        true_entry("publisher_confirms"),
        true_entry("basic.nack"),
    };
    amqp_table_entry_t property[] = {
        text_entry("connection_name", b->client_name),
        text_entry("product", "Penstock"),
        text_entry("version", PENSTOCK_VERSION),
        {amqp_cstring_bytes("capabilities"),
         {AMQP_FIELD_KIND_TABLE,
          {.table = {sizeof(capability) / sizeof(capability[0]), capability}}}},
    };
    amqp_table_t properties = {sizeof(property) / sizeof(property[0]), property};

    return amqp_login_with_properties(b->amqp, b->conf->vhost, BROKER_PROBE_CHANNEL, FRAME_MAX,
                                      heartbeat(b), &properties, AMQP_SASL_METHOD_PLAIN,
                                      b->conf->user, b->password);
}

/* Log-in, channel and confirm mode. */
static enum broker_result handshake(struct broker *b, int64_t deadline)
{
    struct timeval tv = broker_timeval(clock_left_ms(deadline));
    enum broker_result r;

    amqp_set_handshake_timeout(b->amqp, &tv);
    broker_rpc_begin(b, deadline);
    r = broker_check_reply(b, login(b), "login");
    if (r != BROKER_OK)
        return r;
    broker_rpc_begin(b, deadline);
    amqp_channel_open(b->amqp, BROKER_CHANNEL);
    r = broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "channel.open");
    if (r != BROKER_OK)
        return r;
    broker_rpc_begin(b, deadline);
    amqp_confirm_select(b->amqp, BROKER_CHANNEL);
    return broker_check_reply(b, amqp_get_rpc_reply(b->amqp), "confirm.select");
}

static enum broker_result connect_failed(struct broker *b, const struct endpoint *at, int status)
{
    bool certificate = status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
                       status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED;

    if (!certificate)
        return broker_fail(b, BROKER_UNAVAILABLE, "connect to %s:%d: %s", at->host, at->port,
                           amqp_error_string2(status));
    return broker_fail(b, BROKER_UNAVAILABLE,
                       "connect to %s:%d: %s (its certificate must be of tls_ca, %s, have this "
                       "name, and be in force)",
                       at->host, at->port, amqp_error_string2(status), b->conf->tls_ca);
}

static enum broker_result connect_host(struct broker *b, const struct endpoint *at,
                                       int64_t deadline)
{
    struct timeval tv = broker_timeval(clock_left_ms(deadline));

    b->amqp = amqp_new_connection();
    if (!b->amqp)
        abort(); /* out of memory, as in common/base/mem.h */
    amqp_socket_t *socket = make_socket(b);
    if (!socket)
        return broker_fail(b, BROKER_UNAVAILABLE, "cannot use the CA file %s", b->conf->tls_ca);
    int status = amqp_socket_open_noblock(socket, at->host, at->port, &tv);
    if (status != AMQP_STATUS_OK)
        return connect_failed(b, at, status);
    if (!keep_alive(b) || !watchdog_attach(b->watchdog, amqp_get_sockfd(b->amqp)))
        return broker_fail(b, BROKER_UNAVAILABLE, "connect to %s:%d: %s", at->host, at->port,
                           strerror(errno));
    enum broker_result r = handshake(b, deadline);
    if (r != BROKER_OK)
        return r;
    b->established = true;
    b->generation++;
    b->next_tag = 1;
    log_info("broker.connected", LOG_STR("host", at->host), LOG_INT("port", at->port),
             LOG_UINT("generation", b->generation));
    return BROKER_OK;
}

enum broker_result broker_connect(struct broker *b, int64_t deadline)
{
    const struct conf_words *hosts = &b->conf->hosts;
    enum broker_result r = BROKER_UNAVAILABLE;
    struct endpoint at;

    if (!b->watchdog && !(b->watchdog = watchdog_new()))
        return broker_fail(b, BROKER_UNAVAILABLE, "cannot start a thread: %s", strerror(errno));
    for (size_t i = 0; i < hosts->n; i++) {
        int64_t limit = clock_mono_ms() + b->conf->connect_timeout_ms;

        if (endpoint_parse(hosts->word[b->host], b->conf->port, &at))
            r = connect_host(b, &at, limit < deadline ? limit : deadline);
        else
            r = broker_fail(b, BROKER_UNAVAILABLE, "no HOST or HOST:PORT: %s",
                            hosts->word[b->host]);
        if (r != BROKER_UNAVAILABLE)
            break; /* a refused account is refused by the whole cluster */
        b->host = (b->host + 1) % hosts->n;
        if (clock_left_ms(deadline) == 0)
            break;
    }
    return r;
}
