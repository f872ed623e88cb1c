#include "common/base/watchdog.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NEVER INT64_MAX

struct watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int fd;           /* our duplicate; -1 when there is nothing to watch */
    int64_t deadline; /* NEVER when disarmed */
    int64_t wakes_at; /* when the thread looks again by itself */
    bool quit;
};

/* One round: sleeps until the deadline or a signal, and bites when it is time. */
static void watch(struct watchdog *w)
{
    struct timespec until;

    w->wakes_at = w->deadline;
    if (w->deadline == NEVER) {
        pthread_cond_wait(&w->wake, &w->lock);
    } else if (clock_left_ms(w->deadline) > 0) {
        until.tv_sec = (time_t)(w->deadline / 1000);
        until.tv_nsec = (long)(w->deadline % 1000) * 1000000;
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
    } else {
        if (w->fd >= 0)
            shutdown(w->fd, SHUT_RDWR);
        w->deadline = NEVER;
    }
}

static void *run(void *arg)
{
    struct watchdog *w = arg;

    pthread_mutex_lock(&w->lock);
    while (!w->quit)
        watch(w);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* The thread must never be the one that gets the program's SIGTERM. */
static int start_thread(struct watchdog *w)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

struct watchdog *watchdog_new(void)
{
    struct watchdog *w = mem_zalloc(sizeof(*w));
    pthread_condattr_t attr;

    w->fd = -1;
    w->deadline = w->wakes_at = NEVER;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    int rc = start_thread(w);
    if (rc == 0)
        return w;
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
    errno = rc;
    return NULL;
}

void watchdog_free(struct watchdog **w)
{
    if (!*w)
        return;
    watchdog_detach(*w);
    pthread_mutex_lock(&(*w)->lock);
    (*w)->quit = true;
    pthread_cond_signal(&(*w)->wake);
    pthread_mutex_unlock(&(*w)->lock);
    pthread_join((*w)->thread, NULL);
    pthread_cond_destroy(&(*w)->wake);
    pthread_mutex_destroy(&(*w)->lock);
    free(*w);
    *w = NULL;
}

bool watchdog_attach(struct watchdog *w, int fd)
{
    watchdog_detach(w);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return false;
    pthread_mutex_lock(&w->lock);
    w->fd = copy;
    pthread_mutex_unlock(&w->lock);
    return true;
}

void watchdog_detach(struct watchdog *w)
{
    pthread_mutex_lock(&w->lock);
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->deadline = NEVER;
    pthread_mutex_unlock(&w->lock);
}

void watchdog_arm(struct watchdog *w, int64_t deadline)
{
    pthread_mutex_lock(&w->lock);
    w->deadline = deadline;
    if (deadline < w->wakes_at) /* else the thread comes by early enough without being woken */
        pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void watchdog_disarm(struct watchdog *w)
{
    pthread_mutex_lock(&w->lock);
    w->deadline = NEVER;
    pthread_mutex_unlock(&w->lock);
}
