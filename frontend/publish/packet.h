/*
 * What a FastCGI program and the publisher of its machine say to each other: one question and one
 * answer at a time over a Unix socket that keeps packets apart (SOCK_SEQPACKET). Both ends are of
 * one installation; another version's packet is refused, and the program publishes by itself.
 */
#ifndef PENSTOCK_FRONTEND_PUBLISH_PACKET_H
#define PENSTOCK_FRONTEND_PUBLISH_PACKET_H

#include "common/base/uuid.h"
#include "common/broker/broker.h"
#include "frontend/publish/handover.h"

#include <sys/uio.h>

#define PACKET_MAX_BODY  HANDOVER_MAX_BODY
#define PACKET_MAX_ROUTE 63u

/* Question: this head, the routing key, the body. A ping has neither. */
struct packet_head {
    uint32_t magic;
    uint8_t version, kind, route_len, zero;
    char id[UUID_TEXT_LEN]; /* the message's */
    uint32_t body_len;
    uint64_t timestamp_s;
};

/* Of a message: tells its type. No two kinds are one bit apart. */
enum packet_kind { PACKET_PING = 1, PACKET_SOLUTION = 2, PACKET_SHARE = 4 };

#define PACKET_MAX (sizeof(struct packet_head) + PACKET_MAX_ROUTE + PACKET_MAX_BODY)

struct packet_answer {
    uint32_t magic;
    uint8_t version, result; /* enum broker_result */
    char id[UUID_TEXT_LEN];  /* of the question */
};

/* The question that carries M, as the parts to be sent; HEAD holds the first, the others are M's.
 * False when it does not fit: such a message is none for the publisher. */
#define PACKET_PARTS 3
bool packet_question(const struct broker_message *m, struct packet_head *head,
                     struct iovec part[PACKET_PARTS]);
void packet_ping(struct packet_head *ret);

struct packet {
    enum packet_kind kind;
    char id[UUID_TEXT_LEN + 1], route[PACKET_MAX_ROUTE + 1];
    uint64_t timestamp_s;
    const char *type; /* of the message; NULL: a ping */
    const void *body; /* points into what was read */
    size_t len;
};

/* False: nothing that an honest program sends. */
bool packet_read(const void *data, size_t len, struct packet *ret);

void packet_answer(const char *id, enum broker_result result, struct packet_answer *ret);
/* False unless it is the answer to the question with that ID. */
bool packet_answer_read(const void *data, size_t len, const char *id, enum broker_result *ret);

#endif
