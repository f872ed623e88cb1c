/*
 * The message "share": what a miner found in a job (common/work/job.h), on its way from frontend to
 * worker. The header alone: which work it belongs to, its merkle root tells (job_work_id()), and
 * the worker has the rest.
 *
 * JSON, version 1, one builder and one reader, both here. Routing key `share.NETWORK`; the AMQP
 * properties message_id and type repeat `id` and `kind`.
 *
 *   {"v":1, "kind":"share", "id":UUID, "network":NAME, "received_us":MICROSECONDS,
 *    "origin":{"pid":N, "host":NAME, "ip":ADDRESS, "agent":TEXT, "os":TEXT, "miner":TEXT},
 *    "header":"160 hex digits"}
 */
#ifndef PENSTOCK_COMMON_MESSAGE_SHARE_H
#define PENSTOCK_COMMON_MESSAGE_SHARE_H

#include "common/coin/hash.h"
#include "common/message/solution.h"

#define SHARE_EXCHANGE SOLUTION_EXCHANGE
#define SHARE_KIND     "share"
#define SHARE_MAX_BODY (16u * 1024) /* the origin's texts at their longest, every byte escaped */

/* The routing key, which is also the name of the queue. */
void share_route(const char *network, char ret[SOLUTION_ROUTE_SIZE]);
/* The network of a routing key; false when it is no share's. */
bool share_route_network(const char *route, char ret[NETWORK_MAX_NAME + 1]);

struct share_message {
    struct envelope from; /* host, ip, agent, os, miner: NULL reads as "" */
    uint8_t header[HEADER_SIZE];
    json_t *json; /* owner of the texts after share_read(); NULL when built by hand */
};

/* malloc'd JSON text, never one that the reader refuses: NULL when a text is not valid UTF-8, or
 * the network's name or the time out of bounds. The origin's texts are cut at ORIGIN_MAX_TEXT
 * bytes. */
char *share_build(const struct share_message *m, size_t *ret_len);

/* NULL on success; otherwise a static text that says what is wrong (a poison message), and *RET is
 * untouched. Nothing points into BODY. Bounds: SHARE_MAX_BODY, nesting depth 3, received_us between
 * 2020 and 2100. Unknown members are ignored. */
const char *share_read(const char *body, size_t len, struct share_message *ret);
void share_message_clear(struct share_message *m);

#endif
