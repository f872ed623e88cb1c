/*
 * RabbitMQ: confirmed publishing and batched consuming over one connection.
 *
 * One struct broker is one connection with one channel, made when first needed and made again when
 * lost. It declares nothing: topology comes from deploy/rabbitmq. Not thread-safe.
 * Connections announce connection.blocked and a client name that the operator sees in the broker.
 * One that consumes keeps up heartbeats; one that only publishes may lie idle for days, and the
 * kernel's keepalive tells when its peer has gone.
 */
#ifndef PENSTOCK_COMMON_BROKER_BROKER_H
#define PENSTOCK_COMMON_BROKER_BROKER_H

#include "common/conf/shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum broker_result {
    BROKER_OK,
    BROKER_IDLE,        /* receive: nothing came within the time */
    BROKER_UNAVAILABLE, /* away, refusing, or blocked by an alarm: the message was not taken */
    BROKER_UNCERTAIN,   /* sent, but no confirm came: it may be in the queue */
    BROKER_NACKED,      /* the broker refused it (queue full, leader election): it was not taken */
    BROKER_UNROUTABLE,  /* no queue is bound to the routing key: it was not taken */
    BROKER_FORBIDDEN,   /* this account may not do that (403), or the thing does not exist (404) */
};

const char *broker_result_name(enum broker_result r);

struct broker;

/* Reads the password file; does not connect. NULL, with a reason in ERR, when the file is unusable.
 * CONF must outlive the result. CLIENT_NAME is copied. */
struct broker *broker_open(const struct broker_conf *conf, const char *client_name, char *err,
                           size_t err_size);
void broker_close(struct broker **b);

/* Connects if there is no connection, and looks at one that exists (reads what the server sent:
 * heartbeats, blocked, close). BROKER_OK, BROKER_UNAVAILABLE or BROKER_FORBIDDEN. */
enum broker_result broker_ping(struct broker *b);

/* Text of the last failure, for logs. */
const char *broker_error(const struct broker *b);

struct broker_message {
    const char *exchange, *routing_key;
    const char *message_id; /* UUID text */
    const char *type;       /* the message's kind */
    uint64_t timestamp_s;
    const void *body; /* JSON */
    size_t len;
};

/* Publishes persistent and mandatory, and waits for the broker's confirm, at most
 * confirm_timeout_ms in all (connecting included). Anything but BROKER_OK means: do not tell anyone
 * that it was taken. */
enum broker_result broker_publish(struct broker *b, const struct broker_message *m);

/* The same for N messages in one window; RESULTS[i] is the fate of each. Returns BROKER_OK when all
 * are BROKER_OK, else the first other result. */
enum broker_result broker_publish_many(struct broker *b, const struct broker_message *m, size_t n,
                                       enum broker_result *results);

/* --- consuming --- */

/* How a message came into the dead-letter queue; texts are "" when the broker did not say. */
struct broker_death {
    char *reason;           /* "rejected", "delivery_limit", "expired", "maxlen" */
    char *queue, *exchange; /* which gave it up; where it was published to */
    uint64_t time_s, count;
};

struct broker_delivery {
    uint64_t tag;
    uint64_t generation; /* of the connection it came over; a tag means nothing on another one */
    bool redelivered;
    uint64_t delivery_count;    /* x-delivery-count of a quorum queue; 0 when absent */
    char *queue;                /* the consumer's queue */
    char *routing_key;          /* that it was published with */
    char *message_id, *type;    /* NULL when the property is missing */
    uint64_t timestamp_s;       /* when it was published, by its publisher; 0 when missing */
    struct broker_death *death; /* the latest; NULL unless it was dead-lettered */
    void *body;
    size_t len;
};

/* Consumes from the queues from now on and again after each reconnect, with at most PREFETCH
 * unacknowledged messages in all. QUEUES is copied. Does not connect by itself. */
void broker_consume(struct broker *b, const char *const *queues, size_t n, unsigned prefetch);

/* Instead of broker_consume(): what EXCHANGE gets under a routing key that KEY matches, from now on
 * and again after each reconnect. Each connection declares a queue of its own for it, exclusive,
 * gone with the connection and named PREFIX and a random part; beyond its bound the broker forgets
 * the oldest. There is nothing to be acknowledged, and what came between two connections is not
 * seen. The texts are copied. */
void broker_follow(struct broker *b, const char *exchange, const char *key, const char *prefix);

/* The next message, connecting if needed. BROKER_OK: *RET is the caller's, freed with
 * broker_delivery_free(). A message whose body exceeds MAX_BODY is dead-lettered and counted, never
 * returned. After BROKER_UNAVAILABLE every unacknowledged delivery will come again. */
enum broker_result broker_receive(struct broker *b, size_t max_body, int64_t timeout_ms,
                                  struct broker_delivery **ret);
void broker_delivery_free(struct broker_delivery **d);

/* Acknowledges one message, or with UP_TO every one up to its tag. A delivery of an earlier
 * connection is ignored: BROKER_UNAVAILABLE, and the message comes again. */
enum broker_result broker_ack(struct broker *b, uint64_t generation, uint64_t tag, bool up_to);

/* Refuses one message for good: the dead-letter route takes it. */
enum broker_result broker_dead_letter(struct broker *b, uint64_t generation, uint64_t tag);

/* Messages ready in a queue, by passive declaration. */
enum broker_result broker_queue_depth(struct broker *b, const char *queue, uint64_t *ret);

/* The same, and how many consumers it has. */
struct broker_queue_state {
    uint64_t messages, consumers;
};
enum broker_result broker_queue_look(struct broker *b, const char *queue,
                                     struct broker_queue_state *ret);

#endif
