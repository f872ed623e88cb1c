#include "frontend/health/counters.h"

#include "common/base/mem.h"
#include "frontend/fcgi/shared_map.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define COUNTERS_MAGIC   UINT64_C(0x50534b434f554e54) /* "PSKCOUNT" */
#define COUNTERS_VERSION 1
#define PLACES           512u /* a power of two, several times what the program has names for */

/* A place is taken in two steps, so that nobody compares a name that is half written. */
enum { PLACE_FREE, PLACE_TAKEN, PLACE_NAMED };

struct place {
    _Atomic uint32_t state;
    uint32_t kind;
    char name[COUNTER_MAX_NAME + 1];
    _Atomic uint64_t count;
};

struct observations {
    _Atomic uint64_t in[HISTOGRAM_BOUNDS + 1];
    _Atomic uint64_t sum_us;
};

struct shared {
    struct shared_map_head head;
    struct observations histogram[HISTOGRAMS];
    struct place place[PLACES];
};

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2,
               "atomics work between processes");

struct counters {
    struct shared *shared;
};

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000};

struct counters *counters_open(const char *path, char *err, size_t err_size)
{
    struct shared *shared = shared_map_open(path, COUNTERS_MAGIC, COUNTERS_VERSION,
                                            sizeof(struct shared), err, err_size);

    if (!shared)
        return NULL;
    struct counters *c = mem_zalloc(sizeof *c);
    c->shared = shared;
    return c;
}

void counters_close(struct counters **c)
{
    if (!*c)
        return;
    munmap((*c)->shared, sizeof *(*c)->shared);
    free(*c);
    *c = NULL;
}

/* FNV-1a; the names are the program's own. */
static uint32_t hash(enum counter_kind kind, const char *name)
{
    uint32_t h = 2166136261u ^ (uint32_t)kind;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static bool is_named(struct place *p, enum counter_kind kind, const char *name)
{
    return atomic_load(&p->state) == PLACE_NAMED && p->kind == (uint32_t)kind &&
           strncmp(p->name, name, COUNTER_MAX_NAME) == 0;
}

static bool take(struct place *p, enum counter_kind kind, const char *name)
{
    uint32_t state = PLACE_FREE;

    if (!atomic_compare_exchange_strong(&p->state, &state, PLACE_TAKEN))
        return false;
    p->kind = (uint32_t)kind;
    snprintf(p->name, sizeof p->name, "%s", name);
    atomic_store(&p->state, PLACE_NAMED);
    return true;
}

/* Two processes that meet here for the first time may take two places for one name: whoever reads
 * adds them up. */
void counters_add(struct counters *c, enum counter_kind kind, const char *name)
{
    uint32_t at = hash(kind, name);

    for (uint32_t i = 0; c && i < PLACES; i++) {
        struct place *p = &c->shared->place[(at + i) % PLACES];

        if (is_named(p, kind, name) || take(p, kind, name)) {
            atomic_fetch_add(&p->count, 1);
            return;
        }
    }
}

void counters_observe(struct counters *c, enum histogram_kind kind, int64_t us)
{
    size_t i = 0;

    if (!c)
        return;
    while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
        i++;
    atomic_fetch_add(&c->shared->histogram[kind].in[i], 1);
    atomic_fetch_add(&c->shared->histogram[kind].sum_us, us > 0 ? (uint64_t)us : 0);
}

/* The sum of all places of P's name, or nothing when an earlier place has it. */
static bool sum(struct shared *s, uint32_t place, uint64_t *ret)
{
    const struct place *p = &s->place[place];

    *ret = 0;
    for (uint32_t i = 0; i < PLACES; i++) {
        if (!is_named(&s->place[i], p->kind, p->name))
            continue;
        if (i < place)
            return false;
        *ret += atomic_load(&s->place[i].count);
    }
    return true;
}

void counters_each(const struct counters *c, enum counter_kind kind, counter_fn *fn, void *ctx)
{
    uint64_t count;

    for (uint32_t i = 0; i < PLACES; i++) {
        struct place *p = &c->shared->place[i];

        if (atomic_load(&p->state) == PLACE_NAMED && p->kind == (uint32_t)kind &&
            sum(c->shared, i, &count))
            fn(ctx, p->name, count);
    }
}

void counters_histogram(const struct counters *c, enum histogram_kind kind, struct histogram *ret)
{
    struct observations *o = &c->shared->histogram[kind];
    uint64_t all = 0;

    ret->sum_us = atomic_load(&o->sum_us);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        all += atomic_load(&o->in[i]);
        ret->upto[i] = all;
    }
}
