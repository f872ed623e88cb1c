/* A TCP proxy in a thread, for tests that need a network which fails on command. */
#ifndef PENSTOCK_TESTS_TCP_PROXY_H
#define PENSTOCK_TESTS_TCP_PROXY_H

#include <arpa/inet.h>
#include <assert.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY_PAIRS 8

enum proxy_mode {
    PROXY_FORWARD,
    PROXY_STALL,  /* takes nothing more from either side, as a stopped process */
    PROXY_MUTE,   /* the server's answers are held back */
    PROXY_REFUSE, /* ends what there is, and everything new at once */
};

struct proxy {
    int port; /* to connect to */
    int listener, target_port;
    const char *target;
    _Atomic enum proxy_mode mode;
    _Atomic unsigned accepted;
    _Atomic int quit;
    pthread_t thread;
    int pair[PROXY_PAIRS][2]; /* client, server; -1 when free */
};

static inline int proxy_dial(const struct proxy *p)
{
    struct addrinfo hint = {.ai_socktype = SOCK_STREAM}, *at;
    char port[8];

    snprintf(port, sizeof(port), "%d", p->target_port);
    if (getaddrinfo(p->target, port, &hint, &at) != 0)
        return -1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(at);
    return fd;
}

static inline void proxy_end(int *pair)
{
    for (int side = 0; side < 2; side++) {
        if (pair[side] >= 0)
            close(pair[side]);
        pair[side] = -1;
    }
}

static inline void proxy_accept(struct proxy *p)
{
    int client = accept(p->listener, NULL, NULL);
    int server = p->mode == PROXY_REFUSE ? -1 : proxy_dial(p);

    p->accepted++;
    for (int i = 0; i < PROXY_PAIRS && server >= 0; i++) {
        if (p->pair[i][0] >= 0)
            continue;
        p->pair[i][0] = client;
        p->pair[i][1] = server;
        return;
    }
    close(client);
    if (server >= 0)
        close(server);
}

/* Moves what is there from SIDE to the other; blocks while that one is full, as a slow link does.
 */
static inline void proxy_move(int *pair, int side)
{
    char data[65536];
    ssize_t n = recv(pair[side], data, sizeof(data), MSG_DONTWAIT);

    for (ssize_t done = 0; done < n;) {
        ssize_t out = send(pair[!side], data + done, (size_t)(n - done), MSG_NOSIGNAL);

        if (out <= 0) {
            n = 0;
            break;
        }
        done += out;
    }
    if (n <= 0)
        proxy_end(pair);
}

static inline void proxy_round(struct proxy *p)
{
    struct pollfd fds[2 * PROXY_PAIRS + 1];
    enum proxy_mode mode = p->mode;

    for (int i = 0; i < PROXY_PAIRS; i++) {
        if (mode == PROXY_REFUSE)
            proxy_end(p->pair[i]);
        fds[2 * i] = (struct pollfd){mode == PROXY_STALL ? -1 : p->pair[i][0], POLLIN, 0};
        fds[2 * i + 1] = (struct pollfd){mode == PROXY_FORWARD ? p->pair[i][1] : -1, POLLIN, 0};
    }
    fds[2 * PROXY_PAIRS] = (struct pollfd){mode == PROXY_STALL ? -1 : p->listener, POLLIN, 0};
    if (poll(fds, 2 * PROXY_PAIRS + 1, 5) <= 0)
        return;
    if (fds[2 * PROXY_PAIRS].revents)
        proxy_accept(p);
    for (int i = 0; i < 2 * PROXY_PAIRS; i++)
        if (fds[i].revents && p->pair[i / 2][i % 2] == fds[i].fd)
            proxy_move(p->pair[i / 2], i % 2);
}

static inline void *proxy_run(void *arg)
{
    struct proxy *p = arg;

    while (!p->quit)
        proxy_round(p);
    for (int i = 0; i < PROXY_PAIRS; i++)
        proxy_end(p->pair[i]);
    return NULL;
}

static inline struct proxy *proxy_start(const char *target, int target_port)
{
    struct proxy *p = calloc(1, sizeof(*p));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int ok;

    p->target = target;
    p->target_port = target_port;
    memset(p->pair, 0xff, sizeof(p->pair));
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ok = bind(p->listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
         listen(p->listener, 8) == 0 && getsockname(p->listener, (struct sockaddr *)&at, &len) == 0;
    if (!ok)
        abort();
    p->port = ntohs(at.sin_port);
    if (pthread_create(&p->thread, NULL, proxy_run, p) != 0)
        abort();
    return p;
}

/* Returns once the thread acts on MODE. */
static inline void proxy_set(struct proxy *p, enum proxy_mode mode)
{
    p->mode = mode;
    usleep(50000);
}

static inline void proxy_stop(struct proxy *p)
{
    p->quit = 1;
    pthread_join(p->thread, NULL);
    close(p->listener);
    free(p);
}

#endif
