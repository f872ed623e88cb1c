#include "frontend/publish/publisher.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/broker/post.h"
#include "common/message/share.h"
#include "frontend/publish/packet.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 256, ROUND = 128, LOOK_MS = 1000, COMPLAIN_MS = 60000 };

/* Longer than a broker takes to confirm whose disk is not busy. */
#define GATHER_MS 5

_Static_assert(SOLUTION_SMALL_MAX == PACKET_MAX_BODY, "all that go by the route for small ones");
_Static_assert(PUBLISHER_MAX_CLIENTS <= POSTS_MAX, "each has one message under way");

/* In the place of a client's number. */
enum { EVENT_LISTENER = PUBLISHER_MAX_CLIENTS, EVENT_BROKER };

struct client {
    int fd;           /* -1: this place is free */
    bool waiting;     /* for its answer */
    uint32_t serial;  /* of all who had this place: tells a late fate whose it is */
    int64_t since_us; /* when its message came */
    char id[UUID_TEXT_LEN + 1];
};

struct publisher {
    const struct frontend_conf *conf;
    struct broker *broker;
    struct posts *posts;
    int epoll, listener;
    uint64_t generation; /* of the broker's connection that EPOLL watches */
    int64_t look_ms;     /* when the broker is looked at although nobody asked */
    int64_t complain_ms; /* when its failure may be logged again */
    struct publisher_signs signs;
    struct client client[PUBLISHER_MAX_CLIENTS];
    char data[PACKET_MAX + 1]; /* one more, by which a longer packet shows */
};

/* --- setting up --- */

static bool watch(const struct publisher *p, int fd, uint32_t who)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = who};

    return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

/* For its owner only; welcome() looks at who comes all the same. */
static bool listen_at(struct publisher *p, const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    p->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->listener < 0 || strlen(path) >= sizeof at.sun_path)
        return false;
    memcpy(at.sun_path, path, strlen(path) + 1);
    unlink(path);
    mode_t before = umask(0177);
    bool bound = bind(p->listener, (const struct sockaddr *)&at, sizeof at) == 0;
    int cause = errno;
    umask(before);
    errno = cause;
    return bound && listen(p->listener, BACKLOG) == 0 && watch(p, p->listener, EVENT_LISTENER);
}

struct publisher *publisher_open(const struct frontend_conf *conf, char *err, size_t err_size)
{
    const char *path = conf->frontend.publisher_socket;
    struct publisher *p = mem_zalloc(sizeof *p);

    p->conf = conf;
    p->listener = -1;
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        p->client[i].fd = -1;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    p->broker = broker_open(&conf->broker, "penstock-publisher", err, err_size);
    if (p->broker) {
        p->posts = posts_open(p->broker);
        if (p->epoll >= 0 && listen_at(p, path))
            return p;
        snprintf(err, err_size,
                 "%s: %s; [frontend] publisher_socket must lie in a folder that the frontend may "
                 "write",
                 *path ? path : "no socket is named", strerror(errno));
    }
    publisher_close(&p);
    return NULL;
}

void publisher_close(struct publisher **p)
{
    if (!*p)
        return;
    posts_close(&(*p)->posts);
    if ((*p)->broker)
        broker_close(&(*p)->broker);
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        if ((*p)->client[i].fd >= 0)
            close((*p)->client[i].fd);
    if ((*p)->listener >= 0)
        close((*p)->listener);
    close((*p)->epoll);
    free(*p);
    *p = NULL;
}

/* --- programs --- */

static void farewell(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    c->waiting = false;
    c->serial++;
}

/* Programs of this user only: another's could not publish by itself, and must not through us. */
static bool welcome(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static struct client *free_place(struct publisher *p)
{
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        if (p->client[i].fd < 0)
            return &p->client[i];
    return NULL;
}

static void accept_one(struct publisher *p)
{
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *c = free_place(p);

    if (fd < 0)
        return;
    if (!c || !welcome(fd) || !watch(p, fd, (uint32_t)(c - p->client)))
        close(fd); /* it publishes by itself */
    else
        c->fd = fd;
}

/* A program that does not take its answer is not waiting for it. */
static void answer(struct client *c, enum broker_result r)
{
    struct packet_answer a;

    packet_answer(c->id, r, &a);
    c->waiting = false;
    if (send(c->fd, &a, sizeof a, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof a)
        farewell(c);
}

/* One wrong routing key and the broker closes the channel, for everybody's messages. */
static bool is_known(const struct publisher *p, const char *route)
{
    const struct frontend_network *net = p->conf->networks.item;
    char known[SOLUTION_ROUTE_SIZE];

    for (size_t i = 0; i < p->conf->networks.n; i++) {
        solution_route(net[i].base.label, SOLUTION_SMALL, known);
        if (strcmp(route, known) == 0)
            return true;
        share_route(net[i].base.label, known);
        if (strcmp(route, known) == 0)
            return true;
    }
    return false;
}

/* --- the broker --- */

static void complain(struct publisher *p, enum broker_result r)
{
    int64_t now = clock_mono_ms();

    if (r == BROKER_OK || now < p->complain_ms)
        return;
    p->complain_ms = now + COMPLAIN_MS;
    log_error("publisher.broker_failed", LOG_STR("result", broker_result_name(r)),
              LOG_STR("why", broker_error(p->broker)));
}

static void settle(struct publisher *p, struct client *c, enum broker_result r)
{
    complain(p, r);
    atomic_fetch_add(&p->signs.answered[r], 1);
    if (r == BROKER_OK)
        histogram_add(&p->signs.confirm_us, &histogram_time_us, clock_real_us() - c->since_us);
    answer(c, r);
}

static void publish(struct publisher *p, struct client *c, const struct packet *packet)
{
    const struct broker_message m = {.exchange = SOLUTION_EXCHANGE,
                                     .routing_key = packet->route,
                                     .message_id = packet->id,
                                     .type = packet->type,
                                     .timestamp_s = packet->timestamp_s,
                                     .body = packet->body,
                                     .len = packet->len};
    uint64_t cookie = (uint64_t)c->serial << 32 | (uint64_t)(c - p->client);
    enum broker_result r =
        posts_send(p->posts, &m, cookie, clock_mono_ms() + p->conf->broker.confirm_timeout_ms);

    if (r == BROKER_OK)
        c->waiting = true;
    else
        settle(p, c, r);
}

/* Tells everyone whose message's fate is known. */
static void settle_all(struct publisher *p)
{
    enum broker_result r;
    uint64_t cookie;

    while (posts_next(p->posts, &cookie, &r)) {
        struct client *c = &p->client[cookie & UINT32_MAX];

        if (c->waiting && c->serial == cookie >> 32)
            settle(p, c, r);
    }
}

/* --- a round --- */

/* One packet: a question, or the program's end. Who asks again before it was answered is none of
 * ours. */
static void take(struct publisher *p, struct client *c)
{
    struct packet packet;
    ssize_t len = recv(c->fd, p->data, sizeof p->data, MSG_DONTWAIT);

    if (len <= 0 || c->waiting || !packet_read(p->data, (size_t)len, &packet)) {
        farewell(c);
        return;
    }
    memcpy(c->id, packet.id, sizeof c->id);
    c->since_us = clock_real_us();
    if (packet.kind == PACKET_PING)
        answer(c, BROKER_OK);
    else if (!is_known(p, packet.route))
        answer(c, BROKER_FORBIDDEN);
    else
        publish(p, c, &packet);
}

static void act(struct publisher *p, uint32_t who)
{
    if (who == EVENT_LISTENER)
        accept_one(p);
    else if (who < PUBLISHER_MAX_CLIENTS && p->client[who].fd >= 0)
        take(p, &p->client[who]);
}

/* Heartbeats, deadlines, and a connection before somebody needs it. */
static void look_at_broker(struct publisher *p)
{
    int64_t now = clock_mono_ms();

    if (now < p->look_ms)
        return;
    p->look_ms = now + LOOK_MS;
    if (posts_fd(p->posts) < 0)
        complain(p, broker_ping(p->broker));
}

static void watch_broker(struct publisher *p)
{
    if (posts_fd(p->posts) < 0 || posts_generation(p->posts) == p->generation)
        return;
    p->generation = posts_generation(p->posts);
    watch(p, posts_fd(p->posts), EVENT_BROKER);
}

/* What comes while a group is under way waits in its sockets, and is the next group: the larger
 * they are, the less a message costs the broker, and its disk. Any word of the broker ends the
 * wait, also one about a part of the group. */
static void gather(struct publisher *p)
{
    struct pollfd broker = {.fd = posts_fd(p->posts), .events = POLLIN};

    if (broker.fd < 0 || posts_under_way(p->posts) == 0 || poll(&broker, 1, GATHER_MS) <= 0)
        return;
    posts_work(p->posts);
    settle_all(p);
}

static void tell_signs(struct publisher *p)
{
    uint64_t clients = 0;

    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        clients += p->client[i].fd >= 0;
    atomic_store(&p->signs.clients, clients);
    atomic_store(&p->signs.under_way, posts_under_way(p->posts));
    atomic_store(&p->signs.connected, posts_fd(p->posts) >= 0);
}

struct publisher_signs *publisher_signs(struct publisher *p)
{
    return &p->signs;
}

void publisher_work(struct publisher *p, int timeout_ms)
{
    struct epoll_event event[ROUND];

    gather(p);
    int n = epoll_wait(p->epoll, event, ROUND, timeout_ms);

    for (int i = 0; i < n; i++)
        act(p, event[i].data.u32);
    look_at_broker(p);
    posts_work(p->posts);
    settle_all(p);
    watch_broker(p);
    tell_signs(p);
}

void publisher_end(struct publisher *p)
{
    close(p->listener);
    p->listener = -1;
    for (size_t i = 0; i < PUBLISHER_MAX_CLIENTS; i++)
        if (p->client[i].fd >= 0 && !p->client[i].waiting)
            farewell(&p->client[i]);
}

bool publisher_idle(const struct publisher *p)
{
    return posts_under_way(p->posts) == 0;
}
