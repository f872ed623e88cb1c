/*
 * What the backend's daemons have in common: settings, signals, waiting for a database whose schema
 * they know, systemd. The work is done by threads that OPEN and START make; this thread waits for
 * signals, tells systemd how the threads do, and ends or restarts the whole.
 */
#ifndef PENSTOCK_BACKEND_DAEMON_DAEMON_H
#define PENSTOCK_BACKEND_DAEMON_DAEMON_H

#include "backend/conf/settings.h"

#include <stdbool.h>

#define DAEMON_STALLED_MS 120000 /* a thread silent for so long hangs: its calls are bounded */

struct daemon_ops {
    const char *program;        /* "penstock-worker" */
    const char *text;           /* what it does, for --help */
    const char *name;           /* in front of the names of events: "worker" */
    const char *held;           /* in the log beside the version: what it is that ... */
    size_t (*count)(void *all); /* ... there are so many of */

    /* Reads files, connects to nothing. NULL, with a reason in ERR: the settings are wrong. */
    void *(*open)(const struct backend_conf *conf, char *err, size_t err_size);
    void (*start)(void *all);
    void (*close)(void *all); /* ends the threads, and frees */
    /* Monotonic time at which the thread that has been silent the longest last showed life. */
    int64_t (*alive_ms)(void *all);
};

/* main() of a daemon: does not return before it is to end. SIGHUP restarts it with the settings of
 * the file, unless these are not usable. */
int daemon_main(const struct daemon_ops *ops, int argc, char **argv);

#endif
