#include "tests/bench/lib/pauses.h"

#include "common/base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STEP_US    500
#define MAX_CPUS   64
#define MAX_PAUSES 65536
#define PRIORITY   50
#define US_PER_SEC 1000000
#define NS_PER_US  1000

struct pause {
    int64_t from_us, to_us;
};

struct watch {
    struct pauses *all;
    int cpu;
    pthread_t thread;
    struct pause *pause;
    size_t n;
};

struct pauses {
    atomic_bool stop;
    struct watch watch[MAX_CPUS];
    size_t n;
};

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * US_PER_SEC + t.tv_nsec / NS_PER_US;
}

static void *watch_run(void *arg)
{
    struct watch *w = arg;
    int64_t due = now_us();

    while (!atomic_load(&w->all->stop)) {
        due += STEP_US;
        struct timespec until = {due / US_PER_SEC, due % US_PER_SEC * NS_PER_US};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        int64_t woke = now_us();
        if (woke - due >= PAUSE_LEAST_US && w->n < MAX_PAUSES)
            w->pause[w->n++] = (struct pause){due, woke};
        if (woke > due)
            due = woke;
    }
    return NULL;
}

/* On a processor of its own, and before all others there. */
static bool watch_start(struct watch *w)
{
    struct sched_param param = {.sched_priority = PRIORITY};
    pthread_attr_t attr;
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(w->cpu, &cpus);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof cpus, &cpus);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
    pthread_attr_setschedparam(&attr, &param);
    w->pause = mem_resize(NULL, MAX_PAUSES, sizeof *w->pause);
    bool started = pthread_create(&w->thread, &attr, watch_run, w) == 0;
    pthread_attr_destroy(&attr);
    return started;
}

struct pauses *pauses_start(void)
{
    struct pauses *p = mem_zalloc(sizeof *p);
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
        CPU_ZERO(&cpus);
    for (int cpu = 0; cpu < CPU_SETSIZE && p->n < MAX_CPUS; cpu++) {
        struct watch *w = &p->watch[p->n];

        if (!CPU_ISSET(cpu, &cpus))
            continue;
        *w = (struct watch){.all = p, .cpu = cpu};
        if (!watch_start(w)) {
            free(w->pause);
            pauses_stop(p);
            pauses_free(&p);
            return NULL;
        }
        p->n++;
    }
    return p;
}

void pauses_stop(struct pauses *p)
{
    atomic_store(&p->stop, true);
    for (size_t i = 0; i < p->n; i++)
        pthread_join(p->watch[i].thread, NULL);
}

struct pauses_sum pauses_sum(const struct pauses *p, int64_t from_us, int64_t to_us)
{
    struct pauses_sum sum = {0};

    for (size_t i = 0; i < p->n; i++)
        for (const struct pause *a = p->watch[i].pause; a < p->watch[i].pause + p->watch[i].n;
             a++) {
            int64_t us = a->to_us - a->from_us;

            if (a->from_us < from_us || a->from_us >= to_us)
                continue;
            sum.n++;
            sum.all_us += us;
            if (us > sum.longest_us)
                sum.longest_us = us;
        }
    return sum;
}

bool pauses_touch(const struct pauses *p, int64_t from_us, int64_t to_us)
{
    for (size_t i = 0; i < p->n; i++)
        for (const struct pause *a = p->watch[i].pause; a < p->watch[i].pause + p->watch[i].n; a++)
            if (from_us < 2 * a->to_us - a->from_us && to_us > a->from_us)
                return true;
    return false;
}

void pauses_free(struct pauses **p)
{
    if (*p == NULL)
        return;
    for (size_t i = 0; i < (*p)->n; i++)
        free((*p)->watch[i].pause);
    free(*p);
    *p = NULL;
}
