#include "frontend/publish/handover.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "frontend/publish/packet.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct handover {
    const char *path;
    int fd; /* -1: none */
    char error[192];
};

struct handover *handover_new(const char *path)
{
    struct handover *h = mem_zalloc(sizeof *h);

    h->path = path;
    h->fd = -1;
    return h;
}

static void drop(struct handover *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}

void handover_free(struct handover **h)
{
    if (!*h)
        return;
    drop(*h);
    free(*h);
    *h = NULL;
}

const char *handover_error(const struct handover *h)
{
    return h->error;
}

/* Notes why, and drops the connection: an answer that comes later must not be taken for that to
 * the next question. */
static bool fail(struct handover *h, const char *what, const char *why)
{
    snprintf(h->error, sizeof h->error, "%s: %s: %s", h->path, what, why);
    drop(h);
    return false;
}

/* Whoever else could make that socket could say "ok" to what no broker has. */
static bool is_ours(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static bool connected(struct handover *h)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (h->fd >= 0)
        return true;
    if (strlen(h->path) >= sizeof at.sun_path)
        return fail(h, "connect", "the path is too long for a socket");
    memcpy(at.sun_path, h->path, strlen(h->path) + 1);
    h->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (h->fd < 0 || connect(h->fd, (const struct sockaddr *)&at, sizeof at) != 0)
        return fail(h, "connect", strerror(errno));
    if (!is_ours(h->fd))
        return fail(h, "connect", "it belongs to another user");
    return true;
}

static bool send_parts(struct handover *h, struct iovec *part, size_t parts)
{
    const struct msghdr m = {.msg_iov = part, .msg_iovlen = parts};

    return sendmsg(h->fd, &m, MSG_NOSIGNAL) >= 0;
}

/* A publisher that was restarted has closed the connections of the one before. */
static bool ask(struct handover *h, struct iovec *part, size_t parts)
{
    bool old = h->fd >= 0;

    if (!connected(h))
        return false;
    if (send_parts(h, part, parts))
        return true;
    if (!old || errno == EAGAIN)
        return fail(h, "send", strerror(errno));
    drop(h);
    return connected(h) && (send_parts(h, part, parts) || fail(h, "send", strerror(errno)));
}

static bool answer(struct handover *h, const char *id, int64_t deadline, enum broker_result *ret)
{
    struct pollfd waiting = {.fd = h->fd, .events = POLLIN};
    char packet[sizeof(struct packet_answer) + 1];
    int n;

    do
        n = poll(&waiting, 1, (int)clock_left_ms(deadline));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return fail(h, "answer", "none in time");
    ssize_t len = n < 0 ? -1 : recv(h->fd, packet, sizeof packet, 0);
    if (len < 0)
        return fail(h, "answer", strerror(errno));
    if (len == 0)
        return fail(h, "answer", "it closed the connection");
    if (!packet_answer_read(packet, (size_t)len, id, ret))
        return fail(h, "answer", "not to this question");
    return true;
}

bool handover_publish(struct handover *h, const struct broker_message *m, int64_t timeout_ms,
                      enum broker_result *ret)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    struct packet_head head;
    struct iovec part[PACKET_PARTS];

    if (!packet_question(m, &head, part)) {
        snprintf(h->error, sizeof h->error, "the message is too long");
        return false;
    }
    return ask(h, part, PACKET_PARTS) && answer(h, m->message_id, deadline, ret);
}

bool handover_ping(struct handover *h, int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;
    struct packet_head head;
    enum broker_result r;

    packet_ping(&head);
    struct iovec part = {&head, sizeof head};
    return ask(h, &part, 1) && answer(h, head.id, deadline, &r);
}
