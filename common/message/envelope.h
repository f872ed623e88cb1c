/*
 * What all messages between frontend and worker begin with. For the files of this folder.
 *
 *   {"v":1, "kind":KIND, "id":UUID, "network":NAME, "received_us":MICROSECONDS,
 *    "origin":{"pid":N, "host":NAME, "ip":ADDRESS, "agent":TEXT, "os":TEXT, "miner":TEXT}, ...
 */
#ifndef PENSTOCK_COMMON_MESSAGE_ENVELOPE_H
#define PENSTOCK_COMMON_MESSAGE_ENVELOPE_H

#include "common/base/buf.h"
#include "common/base/uuid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_VERSION 1
#define NETWORK_MAX_NAME 32
#define ORIGIN_MAX_TEXT  255

struct envelope {
    struct uuid id; /* uuid_is_storable() */
    const char *network;
    int64_t received_us; /* real time at which the frontend had the whole request */
    const char *host, *ip, *agent, *os, *miner; /* for people and statistics; never trusted */
    int64_t pid;
};

/* Appends the opening brace and all members above. False, with nothing defined in B, for what the
 * reader would refuse. The origin's texts are cut at ORIGIN_MAX_TEXT bytes; NULL reads as "". */
bool envelope_build(struct buf *b, const char *kind, const struct envelope *e);

/* What is wrong with a message that says itself that it is of another kind. */
extern const char envelope_other_kind[];

/* NULL on success, or what is wrong. The texts are JSON's. */
const char *envelope_read(const json_t *json, const char *kind, struct envelope *ret);

/* 1 to NETWORK_MAX_NAME of a-z, 0-9 and '-'. */
bool envelope_is_network(const char *name);
/* Between 2020 and 2100. */
bool envelope_is_time(int64_t us);
/* Printable ASCII only. */
bool envelope_is_printable(const char *p, size_t len);

/* Appends TEXT as a JSON string; false when it is not valid UTF-8. */
bool envelope_add_string(struct buf *b, const char *text, size_t len);

#endif
