#include "backend/job/datagram.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define METHOD_MAX 32

/* --- the line --- */

/* What PowerPool's other managers are told is here one more reason to look, or means nothing. */
static const struct {
    const char *name;
    bool look;
} methods[] = {{"getblocktemplate", true}, {"_check_new_jobs", true}, {"update_profit", false}};

/* The next word of at most MAX bytes; empty at the end of the line or where it is not one. */
static size_t next_word(const char **p, const char *end, const char **ret, size_t max)
{
    while (*p < end && **p == ' ')
        (*p)++;
    *ret = *p;
    while (*p < end && **p != ' ')
        (*p)++;
    const size_t n = (size_t)(*p - *ret);
    return n <= max ? n : 0;
}

static bool is_word(const char *word, size_t n, const char *text)
{
    return n == strlen(text) && memcmp(word, text, n) == 0;
}

static bool method_looks(const char *word, size_t n)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (is_word(word, n, methods[i].name))
            return methods[i].look;
    return false;
}

/* Any argument without '=' may be the token. */
static bool has_token(const char *p, const char *end, const char *token)
{
    const char *word;
    size_t n;
    bool found = *token == '\0';

    while ((n = next_word(&p, end, &word, DATAGRAM_MAX)) > 0)
        if (memchr(word, '=', n) == NULL && n == strlen(token) &&
            CRYPTO_memcmp(word, token, n) == 0)
            found = true;
    return found;
}

bool datagram_parse(const char *text, size_t len, const char *token,
                    char component[DATAGRAM_MAX + 1])
{
    const char *p = text, *end, *name, *method;

    component[0] = '\0';
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    end = text + len;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    if (len > DATAGRAM_MAX)
        return false;
    const size_t n = next_word(&p, end, &name, DATAGRAM_MAX);
    const size_t m = next_word(&p, end, &method, METHOD_MAX);
    if (n == 0 || !method_looks(method, m) || !has_token(p, end, token))
        return false;
    memcpy(component, name, n);
    component[n] = '\0';
    return true;
}

/* --- the socket --- */

struct datagrams {
    int fd, stop;
    pthread_t thread;
    char *token;
    void (*poke)(void *ctx, const char *component);
    void *ctx;
    int64_t second; /* that COUNT is of */
    unsigned count;
};

/* HOST:PORT as a socket address; NULL when it is none. To be freed with freeaddrinfo(). */
static struct addrinfo *resolve(const char *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(address, ':');
    const bool brackets = colon != NULL && address[0] == '[' && colon > address && colon[-1] == ']';

    if (colon == NULL || colon == address || colon[1] == '\0')
        return NULL;
    char *host = mem_strndup(address + brackets, (size_t)(colon - address) - 2 * (size_t)brackets);
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        found = NULL;
    free(host);
    return found;
}

/* False when there have been too many in this second. */
static bool admit(struct datagrams *d)
{
    const int64_t second = clock_mono_ms() / 1000;

    if (second != d->second) {
        if (d->count > DATAGRAMS_PER_S)
            log_warning("jobs.datagrams_ignored", LOG_UINT("number", d->count - DATAGRAMS_PER_S));
        d->second = second;
        d->count = 0;
    }
    return ++d->count <= DATAGRAMS_PER_S;
}

static void receive(struct datagrams *d)
{
    char text[DATAGRAM_MAX + 2], component[DATAGRAM_MAX + 1];
    const ssize_t n = recv(d->fd, text, sizeof(text), 0);

    if (n > 0 && admit(d) && datagram_parse(text, (size_t)n, d->token, component))
        d->poke(d->ctx, component);
}

static void *listen_main(void *arg)
{
    struct datagrams *d = arg;
    struct pollfd fds[] = {{.fd = d->fd, .events = POLLIN}, {.fd = d->stop, .events = POLLIN}};

    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        if (fds[1].revents != 0)
            break;
        if (fds[0].revents != 0)
            receive(d);
    }
    return NULL;
}

static int bind_socket(const char *address, char *err, size_t err_size)
{
    struct addrinfo *at = resolve(address);
    int fd = -1;

    if (at == NULL) {
        snprintf(err, err_size, "'%s' is no HOST:PORT in numbers", address);
        return -1;
    }
    fd = socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, at->ai_addr, at->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0)
        snprintf(err, err_size, "%s: %s", address, strerror(errno));
    freeaddrinfo(at);
    return fd;
}

struct datagrams *datagrams_open(const char *address, const char *token,
                                 void (*poke)(void *ctx, const char *component), void *ctx,
                                 char *err, size_t err_size)
{
    const int fd = bind_socket(address, err, err_size);

    if (fd < 0)
        return NULL;
    struct datagrams *d = mem_zalloc(sizeof(*d));
    *d = (struct datagrams){.fd = fd,
                            .stop = eventfd(0, EFD_CLOEXEC),
                            .token = mem_strdup(token),
                            .poke = poke,
                            .ctx = ctx};
    if (d->stop < 0 || pthread_create(&d->thread, NULL, listen_main, d) != 0)
        abort(); /* neither descriptors nor threads: there is nothing to be done */
    return d;
}

void datagrams_close(struct datagrams **d)
{
    const uint64_t one = 1;

    if (*d == NULL)
        return;
    if (write((*d)->stop, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort(); /* it takes any number but the largest */
    pthread_join((*d)->thread, NULL);
    close((*d)->fd);
    close((*d)->stop);
    OPENSSL_cleanse((*d)->token, strlen((*d)->token));
    free((*d)->token);
    free(*d);
    *d = NULL;
}

const char *datagram_send(const char *address, const char *line)
{
    struct addrinfo *to = resolve(address);
    const char *wrong = NULL;

    if (to == NULL)
        return "no HOST:PORT in numbers";
    const int fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, line, strlen(line), 0, to->ai_addr, to->ai_addrlen) < 0)
        wrong = strerror(errno); /* of a program with one thread */
    if (fd >= 0)
        close(fd);
    freeaddrinfo(to);
    return wrong;
}
