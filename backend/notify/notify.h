/*
 * Notifications of miners and of the operator: mails and calls of webhooks.
 *
 * A frontend stores who wishes to be told of what (notify_subscription), and that somebody knows a
 * token (notify_answer). An address is told nothing but the question whether it wants to be, until
 * the token in that question came back. Messages are queued by what they are about, each once, and
 * sent at least once: one that was sent by a run that died before it noted so is sent again.
 */
#ifndef PENSTOCK_BACKEND_NOTIFY_NOTIFY_H
#define PENSTOCK_BACKEND_NOTIFY_NOTIFY_H

#include "backend/conf/settings.h"
#include "common/db/db.h"

/* Answers that came, wishes that are new, events of the last day: each leads to rows of
 * notify_queue. May be repeated. */
enum db_result notify_collect(struct db *db, const struct notify_conf *conf);

struct notify_count {
    uint64_t sent, failed, given_up;
};

/* Sends what is due, until it is all sent or DEADLINE_MS (monotonic) has come. */
enum db_result notify_deliver(struct db *db, const struct notify_conf *conf, int64_t deadline_ms,
                              struct notify_count *ret);

#endif
