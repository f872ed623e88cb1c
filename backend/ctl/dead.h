/* One message of the dead-letter queue: what is known of it, and how it is sent again. */
#ifndef PENSTOCK_BACKEND_CTL_DEAD_H
#define PENSTOCK_BACKEND_CTL_DEAD_H

#include "common/broker/broker.h"
#include "common/message/solution.h"

#include <jansson.h>

#define DEAD_QUEUE    "dead"
#define DEAD_TEXT_MAX 64

/* Printable texts, cut to fit; "-" for what is not known. */
struct dead_letter {
    char
        id[DEAD_TEXT_MAX + 1]; /* its message id; else "sha256-" and the start of its body's hash */
    char kind[DEAD_TEXT_MAX + 1], network[NETWORK_MAX_NAME + 1];
    char reason[DEAD_TEXT_MAX + 1]; /* of its death */
    int64_t received_s;             /* by a frontend; 0: not known */
    const char *wrong;              /* what its reader says; NULL: nothing is wrong with it */
};

void dead_letter_read(struct dead_letter *ret, const struct broker_delivery *d);
json_t *dead_letter_json(const struct dead_letter *letter, const struct broker_delivery *d);

/* The whole message, for people; false when stdout takes no more. */
bool dead_print(const struct broker_delivery *d);
/* The same for programs: the body as text, or in hex if it is not UTF-8. */
json_t *dead_body_json(const struct broker_delivery *d);

/* The routing key to send it again with: that of its first time, but for a solution that came by
 * the way of another size (an older frontend knew but one). */
#define DEAD_ROUTE_SIZE 256 /* of AMQP's longest, and a NUL */
void dead_route(const struct broker_delivery *d, char ret[DEAD_ROUTE_SIZE]);

/* Publishes it there, as it was published first, and waits for the confirm. */
enum broker_result dead_resend(struct broker *writer, const struct broker_delivery *d);

#endif
