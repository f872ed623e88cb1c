/*
 * penstock-live: holds miners who wait for new work (the longpoll of getwork and getblocktemplate),
 * and gives it to all of them when a job on another tip comes.
 *
 * One libuv loop does everything that never waits: connections (server.h), whom to hold, whom to
 * wake. What waits for a server is done elsewhere: a thread hears of jobs (follow.h), and libuv's
 * pool threads ask the database (desk.h). It keeps nothing that is lost with it: a miner whose
 * connection ends comes again, and work handed out is a row of the database before the miner has
 * it.
 *
 *   request ─▶ ask_read ─▶ look-up desk ─▶ held ─▶ a new tip, hold_s, or the end ─▶ hand-out desks
 *                                      └─ longpollid of another tip ──────────────────┘   └▶ answer
 *
 * While the database is away those whose turn it is hear 503 and come again; while only the broker
 * is, the database tells of jobs each second.
 */
#ifndef PENSTOCK_FRONTEND_LIVE_LIVE_H
#define PENSTOCK_FRONTEND_LIVE_LIVE_H

#include "frontend/conf/settings.h"

#include <uv.h>

struct live;

/* Listens, or takes over the listening socket FD (-1: none); connects to no server yet. CONF must
 * outlive the result. NULL, with a reason in ERR. */
struct live *live_open(const struct frontend_conf *conf, uv_loop_t *loop, int fd, char *err,
                       size_t err_size);
/* Begins to work, inside uv_run(). */
void live_start(struct live *l);

/* Gives work to all who are held, takes no more, and leaves the loop when all is said; within
 * LIVE_END_MS. */
#define LIVE_END_MS 10000
void live_end(struct live *l);

/* The listening socket; -1 once live_end() was called. */
int live_fd(const struct live *l);
/* Frees everything, after uv_run() has returned. */
void live_close(struct live **l);

#endif
