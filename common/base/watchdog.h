/*
 * A hard time limit for calls into a library that may wait for ever on a socket.
 *
 * librabbitmq sends with a poll() that has no time-out, and libmariadb waits the same way under
 * TLS, so a server that stopped would hold the caller until the end of days. A thread per
 * connection shuts the socket down when the time is over; the library's poll(), send() and read()
 * then return with an error.
 *
 * Made after fork(), by the thread that uses it. All signals are blocked in the helper thread.
 */
#ifndef PENSTOCK_COMMON_BASE_WATCHDOG_H
#define PENSTOCK_COMMON_BASE_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog;

struct watchdog *watchdog_new(void); /* NULL, errno set: no thread to be had */
void watchdog_free(struct watchdog **w);

/* Watches FD from now on, by a duplicate: whoever closes FD cannot make us hit a stranger that got
 * the same number. False, errno set, when there is no descriptor left. */
bool watchdog_attach(struct watchdog *w, int fd);
void watchdog_detach(struct watchdog *w); /* gives the duplicate back; safe without one */

/* Shuts the socket down at the monotonic DEADLINE unless watchdog_disarm() comes first. */
void watchdog_arm(struct watchdog *w, int64_t deadline);
void watchdog_disarm(struct watchdog *w);

#endif
