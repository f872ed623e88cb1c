/*
 * Which server is away, told from process to process through a small file that all of them map.
 *
 * While a server is marked as away, requests that need it are refused at once, except that one
 * process at a time tries it again, every INTERVAL milliseconds. So a dead server costs one miner
 * the time-out and everyone else nothing, and its return is noticed within INTERVAL.
 *
 * The shared memory is only ever touched by atomic operations on single words: a process that dies
 * at any instruction leaves nothing locked. Times are clock_mono_ms(), given by the caller.
 */
#ifndef PENSTOCK_FRONTEND_FCGI_HEALTH_H
#define PENSTOCK_FRONTEND_FCGI_HEALTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A process that was let through and never reported back is given up after this time. */
#define HEALTH_LEASE_MS 2000

enum health_server { HEALTH_DATABASE, HEALTH_BROKER, HEALTH_PUBLISHER, HEALTH_SERVERS };

struct health;

/* Maps the file, making it if needed. A file that is not of this version is made anew in place.
 * NULL, with a reason and remedy in ERR, when that is impossible. */
struct health *health_open(const char *path, int64_t interval_ms, char *err, size_t err_size);
void health_close(struct health **h);

enum health_gate {
    HEALTH_USE,   /* not marked */
    HEALTH_PROBE, /* marked, and it is this process's turn to try: health_report() must follow */
    HEALTH_AWAY,  /* marked: do not try */
};

/* May this process use the server now? */
enum health_gate health_ask(struct health *h, enum health_server server, int64_t now_ms);

enum health_change { HEALTH_SAME, HEALTH_WENT_AWAY, HEALTH_CAME_BACK };

/* How the server was found. Of all processes exactly one is told of a change; *RET_AWAY_MS is then
 * how long the server was away (HEALTH_CAME_BACK). */
enum health_change health_report(struct health *h, enum health_server server, bool up,
                                 int64_t now_ms, int64_t *ret_away_ms);

/* Processes that meet: each calls health_meet() once, then waits until health_met() says that
 * enough are there. TOKEN is that of the meeting, at most 48 bits, and a new one each time, so that
 * processes that died during the last meeting are forgotten. A new meeting ends the old one. */
void health_meet(struct health *h, uint64_t token);
bool health_met(struct health *h, uint64_t token, unsigned processes);

#endif
