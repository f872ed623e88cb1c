/*
 * The message "solution": an Action miner's solution on its way from frontend to worker.
 *
 * JSON, version 1, one builder and one reader, both here. Routing key `solution.NETWORK`, or for a
 * large one `solution.NETWORK.large`; the AMQP properties message_id and type repeat `id` and
 * `kind`.
 *
 *   {"v":1, "kind":"solution", "id":UUID, "network":NAME, "received_us":MICROSECONDS,
 *    "origin":{"host":NAME, "pid":N, "ip":ADDRESS, "agent":TEXT, "os":TEXT, "miner":TEXT},
 *    "solution":[16 strings, as the miner sent them]}
 */
#ifndef PENSTOCK_COMMON_MESSAGE_SOLUTION_H
#define PENSTOCK_COMMON_MESSAGE_SOLUTION_H

#include "common/message/envelope.h"

#define SOLUTION_EXCHANGE "penstock"
#define SOLUTION_KIND     "solution"
#define SOLUTION_FIELDS   16
#define SOLUTION_MAX_BODY (9u * 1024 * 1024) /* hex of a 4 MB block, its coinbase and the rest */

/* What is longer than SOLUTION_SMALL_MAX goes by a queue of its own: a consumer's prefetch counts
 * messages and not bytes, and the long ones must not keep the many short ones waiting. */
#define SOLUTION_SMALL_MAX (64u * 1024)
enum solution_way { SOLUTION_SMALL, SOLUTION_LARGE, SOLUTION_WAYS };
enum solution_way solution_way(size_t len);

/* The routing key of that way, which is also the name of its queue. */
#define SOLUTION_ROUTE_SIZE (sizeof SOLUTION_KIND ".large" + 1 + NETWORK_MAX_NAME)
void solution_route(const char *network, enum solution_way way, char ret[SOLUTION_ROUTE_SIZE]);
/* The network of a routing key, whichever way; false when it is no solution's. */
bool solution_route_network(const char *route, char ret[NETWORK_MAX_NAME + 1]);

/* action.md section 3 */
enum solution_field {
    SOLUTION_BLOCK_HASH,
    SOLUTION_BLOCK_TIME,
    SOLUTION_PREV_BLOCK_TIME,
    SOLUTION_PREV_HEIGHT,
    SOLUTION_POW_HASH,
    SOLUTION_MINER_GUID,
    SOLUTION_WORK_ID,
    SOLUTION_THREAD_ID,
    SOLUTION_THREAD_HASH_COUNTER,
    SOLUTION_THREAD_START,
    SOLUTION_HASH_COUNTER,
    SOLUTION_TIMER_START,
    SOLUTION_TIMER_END,
    SOLUTION_NONCE,
    SOLUTION_BLOCK_HEX,
    SOLUTION_TRANSACTION_HEX,
};

struct text {
    const char *p; /* not NUL-terminated */
    size_t len;
};

/* Splits TEXT at commas; white space around a field is dropped. False unless there are exactly 16
 * fields of printable ASCII. The fields point into TEXT. */
bool solution_split(const char *text, size_t len, struct text field[SOLUTION_FIELDS]);

struct solution_message {
    struct uuid id;
    const char *network;
    int64_t received_us; /* real time at which the frontend had the whole request */
    const char *host, *ip, *agent, *os, *miner; /* for people and statistics; never trusted */
    int64_t pid;
    struct text field[SOLUTION_FIELDS];
    /* Owners of texts after solution_read(), one of the first two; NULL when built by hand. */
    json_t *json;
    char *copy, *kept;
};

/* malloc'd JSON text, never one that the reader refuses: NULL when a text is not valid UTF-8, a
 * field not printable ASCII, the network's name or the time out of bounds, or the whole longer than
 * SOLUTION_MAX_BODY. The origin's texts are cut at ORIGIN_MAX_TEXT bytes; NULL reads as "". */
char *solution_build(const struct solution_message *m, size_t *ret_len);

/* NULL on success; otherwise a static text that says what is wrong (a poison message), and *RET is
 * untouched. The fields may point into BODY, which must stay as long as *RET, or until
 * solution_message_keep(). Bounds: SOLUTION_MAX_BODY, the fields above, nesting depth 3,
 * received_us between 2020 and 2100. Unknown members are ignored. */
const char *solution_read(const char *body, size_t len, struct solution_message *ret);
void solution_message_clear(struct solution_message *m);

/* Copies the fields, so that M needs its body no more. */
void solution_message_keep(struct solution_message *m);

/* action.md section 3: 1000 * hash_counter / (timer_end - timer_start), integer part, for display
 * only. 0 for nonsense of any kind; never overflows. */
uint64_t solution_hash_rate(const struct solution_message *m);

/* A field as a non-negative decimal; anything else reads as 0 and returns false. */
bool solution_number(const struct text *field, uint64_t *ret);

#endif
