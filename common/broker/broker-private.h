/*
 * Inside common/broker: the connection that publish.c and consume.c share.
 *
 * Frames are read one at a time by broker_read(), which acts on each at once: a confirm settles a
 * message of the window, a delivery joins the list of those ready. Whatever goes wrong ends in
 * broker_fail(), which drops the connection without a farewell; the next call makes a new one.
 */
#ifndef PENSTOCK_COMMON_BROKER_PRIVATE_H
#define PENSTOCK_COMMON_BROKER_PRIVATE_H

#include "common/base/watchdog.h"
#include "common/broker/broker.h"
#include "common/broker/post.h"

#include <amqp.h>
#include <sys/queue.h>
#include <sys/time.h>

#define BROKER_CHANNEL       1    /* publishing, confirms, consuming */
#define BROKER_PROBE_CHANNEL 2    /* questions whose refusal must not end channel 1 */
#define BROKER_SLACK_MS      1000 /* how late a read may end because it had to send a heartbeat */
/* Beyond it, deliveries are left to the network's buffers. */
#define BROKER_READY_BYTES (1u << 20)

/* A delivery between its last frame and broker_receive(). */
struct ready {
    struct broker_delivery delivery; /* first, so that its address is this struct's */
    STAILQ_ENTRY(ready) link;
};

enum content_kind { CONTENT_NONE, CONTENT_RETURN, CONTENT_DELIVERY };

/* What the frames after basic.return and basic.deliver put together. */
struct content {
    enum content_kind kind;
    bool have_header, too_long;
    uint64_t left;       /* bytes of the body still to come */
    struct ready *ready; /* CONTENT_DELIVERY */
};

/* Messages whose confirms are waited for: message I has the tag FIRST_TAG + I. */
struct window {
    const struct broker_message *message;
    enum broker_result *results;
    struct fate {
        bool settled, returned;
    } * fate;
    size_t n, sent, settled;
    size_t lowest; /* every message before this one is settled */
    uint64_t first_tag;
};

struct broker {
    const struct broker_conf *conf;
    char *client_name, *password;
    size_t host; /* index into conf->hosts: the one that worked last, or is next to be tried */
    char error[256];
    struct watchdog *watchdog; /* made with the first connection */

    /* The connection; the rest means nothing while AMQP is NULL. */
    amqp_connection_state_t amqp;
    uint64_t generation; /* counts connections */
    uint64_t next_tag;   /* of the next message published over this connection */
    bool established;    /* logged in; before that a failure is no loss */
    bool blocked, subscribed, probe_open;
    struct content content;

    struct window *window; /* the one being sent or waited for, else NULL */
    struct posts *posts;   /* post.c: of a program that does not wait, else NULL */

    char **queues;
    size_t n_queues;
    char *follow_exchange, *follow_key, *follow_prefix; /* broker_follow(), else NULL */
    unsigned prefetch;
    size_t max_body;    /* of the latest broker_receive() */
    uint64_t too_long;  /* messages beyond it */
    bool consumer_lost; /* a connection with unacknowledged deliveries ended: receive reports it */
    STAILQ_HEAD(, ready) ready;
    size_t ready_bytes; /* of their bodies */
};

static inline struct timeval broker_timeval(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Drops the connection, if any, and notes why. Returns RESULT. */
enum broker_result broker_fail(struct broker *b, enum broker_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void broker_drop(struct broker *b);

/* connect.c: each host for at most connect_timeout_ms, all until DEADLINE. Needs b->amqp NULL. */
enum broker_result broker_connect(struct broker *b, int64_t deadline);

/* A connection that is there and has nothing unread: BROKER_OK, BROKER_UNAVAILABLE or
 * BROKER_FORBIDDEN. Does not look at b->blocked. */
enum broker_result broker_ready(struct broker *b, int64_t deadline);

/* The library's exceptions as a result, with the connection dropped unless BROKER_OK. WHAT names
 * the operation. */
enum broker_result broker_check_status(struct broker *b, int status, const char *what);
enum broker_result broker_check_reply(struct broker *b, amqp_rpc_reply_t reply, const char *what);

/* Before a request that waits for its answer: both must come before DEADLINE. */
void broker_rpc_begin(struct broker *b, int64_t deadline);

/* frames.c: waits for one frame until DEADLINE (0: takes what is there) and acts on it. BROKER_OK,
 * BROKER_IDLE, or what the server's close or the network's failure means, with the connection
 * dropped. */
enum broker_result broker_read(struct broker *b, int64_t deadline);

/* Everything that is there already, or for a consumer until BROKER_READY_BYTES wait for
 * broker_receive(): prefetch counts messages, whatever their size. Never BROKER_IDLE. */
enum broker_result broker_drain(struct broker *b);

/* What a reply code of the server's close means. */
enum broker_result broker_code_result(int code);

/* publish.c */
#define BROKER_BLOCKED_GRACE_MS 250 /* for confirms of messages that came before the alarm */
/* An error means that the end of the message was not handed to the kernel, so the broker cannot
 * have taken it; the connection is dropped then. */
enum broker_result broker_send(struct broker *b, const struct broker_message *m, int64_t deadline);
void broker_confirmed(struct broker *b, uint64_t tag, bool multiple, enum broker_result result);
void broker_returned(struct broker *b, amqp_bytes_t message_id);

/* post.c */
void posts_confirmed(struct posts *p, uint64_t tag, bool multiple, enum broker_result result);
void posts_returned(struct posts *p, amqp_bytes_t message_id);

/* properties.c */
char *broker_bytes_dup(amqp_bytes_t bytes);
void broker_properties_read(const amqp_basic_properties_t *p, struct broker_delivery *d);
void broker_death_free(struct broker_death **d);

/* probe.c: channel BROKER_PROBE_CHANNEL is open afterwards, if BROKER_OK. */
enum broker_result broker_probe_open(struct broker *b, int64_t deadline);
/* The broker refused a question: the channel is closed politely, the connection stays. */
enum broker_result broker_probe_refused(struct broker *b, const char *what,
                                        const amqp_channel_close_t *close, int64_t deadline);

/* consume.c */
void broker_delivery_begin(struct broker *b, const amqp_basic_deliver_t *m);
void broker_delivery_header(struct broker *b, const amqp_basic_properties_t *p, uint64_t size);
enum broker_result broker_delivery_end(struct broker *b);

#endif
