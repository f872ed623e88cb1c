/*
 * Hears of new jobs, in a thread of its own: from the exchange penstock.jobs, over a queue that
 * lasts as long as the connection to the broker. The database tells what was missed: at the
 * beginning, after each new connection, now and then in case that the broker is silent about what
 * it should say, and each second while the broker is away.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_FOLLOW_H
#define PENSTOCK_FRONTEND_LIVE_FOLLOW_H

#include "common/broker/broker.h"
#include "common/db/db.h"
#include "common/work/job.h"

#define FOLLOW_QUEUES "live." /* their names begin so */

struct follow;

struct follow_conf {
    const struct db_conf *database;
    const struct broker_conf *broker;
    const char *const *networks; /* names, in the order of their numbers */
    size_t networks_n;
    void (*news)(void *ctx); /* there is something to be taken; called by that thread */
    void *ctx;
};

/* Connects to nothing before follow_start(). CONF's texts must outlive the result. NULL, with a
 * reason in ERR. */
struct follow *follow_open(const struct follow_conf *conf, char *err, size_t err_size);
void follow_start(struct follow *f);
void follow_close(struct follow **f); /* ends the thread: within a call's time-out */

/* The newest job of a network, if it was not taken yet. */
bool follow_take(struct follow *f, size_t network, struct job *ret);

struct follow_state {
    bool broker, database; /* the last answer of each was a good one */
    uint64_t told, read;   /* jobs that were new, and who said so: the broker, the database */
    int64_t alive_ms;      /* when the thread last showed life: clock_mono_ms() */
};
struct follow_state follow_look(struct follow *f);
/* Somebody else had no good answer of the database: it is to be looked at now. */
void follow_doubt(struct follow *f);

#endif
