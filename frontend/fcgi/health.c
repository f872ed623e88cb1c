#include "frontend/fcgi/health.h"

#include "common/base/mem.h"
#include "frontend/fcgi/shared_map.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define HEALTH_MAGIC   UINT64_C(0x50534b4845414c54) /* "PSKHEALT" */
#define HEALTH_VERSION 4
#define HEALTH_SIZE    4096

/* next_probe_ms is the whole state; away_since_ms is for the log only. */
struct slot {
    _Atomic int64_t next_probe_ms; /* 0: the server is up, as far as anyone knows */
    _Atomic int64_t away_since_ms;
};

struct shared {
    struct shared_map_head head;
    struct slot slot[HEALTH_SERVERS];
    _Atomic uint64_t meeting; /* token << 16 | number of processes */
};

_Static_assert(sizeof(struct shared) <= HEALTH_SIZE, "fits the file");
_Static_assert(ATOMIC_LONG_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "atomics work between processes");

struct health {
    struct shared *shared;
    int64_t interval_ms;
};

struct health *health_open(const char *path, int64_t interval_ms, char *err, size_t err_size)
{
    struct shared *shared =
        shared_map_open(path, HEALTH_MAGIC, HEALTH_VERSION, HEALTH_SIZE, err, err_size);

    if (!shared)
        return NULL;
    struct health *h = mem_zalloc(sizeof *h);
    h->shared = shared;
    h->interval_ms = interval_ms;
    return h;
}

void health_close(struct health **h)
{
    if (!*h)
        return;
    munmap((*h)->shared, HEALTH_SIZE);
    free(*h);
    *h = NULL;
}

enum health_gate health_ask(struct health *h, enum health_server server, int64_t now_ms)
{
    struct slot *slot = &h->shared->slot[server];
    int64_t next = atomic_load(&slot->next_probe_ms);

    if (next == 0)
        return HEALTH_USE;
    /* A time further ahead than any lease was written before the machine's clock began anew. */
    bool stale = next > now_ms + HEALTH_LEASE_MS + h->interval_ms;
    if (next > now_ms && !stale)
        return HEALTH_AWAY;
    return atomic_compare_exchange_strong(&slot->next_probe_ms, &next, now_ms + HEALTH_LEASE_MS)
               ? HEALTH_PROBE
               : HEALTH_AWAY;
}

enum health_change health_report(struct health *h, enum health_server server, bool up,
                                 int64_t now_ms, int64_t *ret_away_ms)
{
    struct slot *slot = &h->shared->slot[server];

    if (up) {
        /* A plain load first: in good times this word stays shared in every core's cache. */
        if (atomic_load(&slot->next_probe_ms) == 0 || atomic_exchange(&slot->next_probe_ms, 0) == 0)
            return HEALTH_SAME;
        *ret_away_ms = now_ms - atomic_load(&slot->away_since_ms);
        return HEALTH_CAME_BACK;
    }
    if (atomic_load(&slot->next_probe_ms) == 0)
        atomic_store(&slot->away_since_ms, now_ms);
    return atomic_exchange(&slot->next_probe_ms, now_ms + h->interval_ms) == 0 ? HEALTH_WENT_AWAY
                                                                               : HEALTH_SAME;
}

static uint64_t meeting_of(uint64_t token)
{
    return token << 16;
}

void health_meet(struct health *h, uint64_t token)
{
    uint64_t old = atomic_load(&h->shared->meeting), joined;

    do {
        bool joins = old >> 16 == meeting_of(token) >> 16;

        joined = joins ? old + ((old & 0xffff) < 0xffff) : meeting_of(token) + 1;
    } while (!atomic_compare_exchange_weak(&h->shared->meeting, &old, joined));
}

bool health_met(struct health *h, uint64_t token, unsigned processes)
{
    uint64_t now = atomic_load(&h->shared->meeting);

    return now >> 16 != meeting_of(token) >> 16 || (now & 0xffff) >= processes;
}
