/*
 * Publishing without waiting: many messages under way over one connection, whose fates come in as
 * the broker tells them. For a program that does nothing else with its struct broker.
 *
 * Sending may block, as everywhere here, but never beyond the message's deadline. What is under way
 * when the connection is lost is BROKER_UNCERTAIN.
 */
#ifndef PENSTOCK_COMMON_BROKER_POST_H
#define PENSTOCK_COMMON_BROKER_POST_H

#include "common/broker/broker.h"

#define POSTS_MAX 1024 /* under way, or settled and not yet taken by posts_next() */

struct posts;

/* B stays the caller's, and must outlive the result. */
struct posts *posts_open(struct broker *b);
void posts_close(struct posts **p);

/* Connects if need be, and publishes M. BROKER_OK: it is under way until posts_next() gives COOKIE
 * back, a while after DEADLINE (clock_mono_ms()) at the latest. Else its fate, as of
 * broker_publish(), and COOKIE will not come. */
enum broker_result posts_send(struct posts *p, const struct broker_message *m, uint64_t cookie,
                              int64_t deadline);

/* Sends what posts_send() has gathered, reads what is there, gives up what is overdue. To be called
 * after each round of posts_send(), and whenever posts_fd() can be read, or a second has passed. */
void posts_work(struct posts *p);

/* The next one whose fate is known; false: none. */
bool posts_next(struct posts *p, uint64_t *ret_cookie, enum broker_result *ret);

size_t posts_under_way(const struct posts *p);
int posts_fd(const struct posts *p); /* -1: no connection */
/* Counts connections: another number, another file behind posts_fd(), whatever its number. */
uint64_t posts_generation(const struct posts *p);

#endif
