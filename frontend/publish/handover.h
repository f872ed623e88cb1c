/*
 * A FastCGI program's side of the publisher: hands it a message and waits for the broker's word.
 *
 * Many programs publishing one message each cost the broker far more than one program publishing
 * many at a time; so one penstock-publisher per machine does it for all. It is never needed: where
 * it is not there, is another user's, or is silent, the caller publishes the message itself.
 * A message that the publisher may have published before it died is then in the queue twice, with
 * one id, and is credited once.
 */
#ifndef PENSTOCK_FRONTEND_PUBLISH_HANDOVER_H
#define PENSTOCK_FRONTEND_PUBLISH_HANDOVER_H

#include "common/broker/broker.h"

#define HANDOVER_MAX_BODY 65536u /* longer messages are the caller's to publish */

struct handover;

/* Connects to nothing yet. PATH must outlive the result. */
struct handover *handover_new(const char *path);
void handover_free(struct handover **h);

/* True: *RET is the fate of M, as of broker_publish(). False: nothing is known of it, and
 * handover_error() says why. M has at most HANDOVER_MAX_BODY bytes. */
bool handover_publish(struct handover *h, const struct broker_message *m, int64_t timeout_ms,
                      enum broker_result *ret);

/* Whether the publisher is there and answers. */
bool handover_ping(struct handover *h, int64_t timeout_ms);

const char *handover_error(const struct handover *h);

#endif
