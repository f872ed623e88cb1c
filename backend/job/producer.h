/*
 * One network's jobs, made in a thread of its own: a template that is new becomes a job, which is
 * stored, and then published.
 *
 * One producer per network leads, wherever it runs: it holds its row of job_leader
 * (backend/task/lock.h). Others stand by, ask no wallet, and take over within seconds when its
 * process, its machine or its connection to the database is gone.
 *
 * What happens when it dies
 *   before the job is stored     there is none; the successor makes one of the same template
 *   between storing and publishing   those who read the database have it, those who wait for the
 *                                exchange do not; the successor's first job, made at once and
 *                                always published, tells them of the new block
 *   while another believes to lead too (its connection to the database was cut, and it has not
 *                                noticed)   both make good jobs, each with bytes of its own in the
 *                                coinbase (job.h): nobody searches in vain, or twice
 * and when others do
 *   the wallet    another is used (sources.h); without one there is no new job, and job_health says
 *                 why. Jobs that are out stay.
 *   the database  no job is published that a share of it could not be checked against; the newest
 *                 template waits
 *   the broker    jobs are stored; the newest one is published when it is back
 */
#ifndef PENSTOCK_BACKEND_JOB_PRODUCER_H
#define PENSTOCK_BACKEND_JOB_PRODUCER_H

#include "backend/conf/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct producer;

/* Whether this program makes jobs of NET at all: its family's blocks can be made from templates. */
bool producer_wanted(const struct backend_network *net);

/* Reads password files; connects to nothing. NULL, with a reason in ERR. */
struct producer *producer_open(const struct backend_conf *conf, const struct backend_network *net,
                               char *err, size_t err_size);
void producer_close(struct producer **p);

void producer_start(struct producer *p);
/* Asks the thread to end; from any thread. */
void producer_stop(struct producer *p);
void producer_join(struct producer *p);

/* There may be a new block; from any thread. */
void producer_poke(struct producer *p);

/* What it did so far; from any thread, until it is closed. */
struct producer_signs;
const struct producer_signs *producer_signs(const struct producer *p);
const char *producer_network(const struct producer *p);

/* Monotonic time at which the thread last showed that it runs; from any thread. */
int64_t producer_alive_ms(const struct producer *p);

#endif
