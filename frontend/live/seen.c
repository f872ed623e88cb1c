#include "frontend/live/seen.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct seen {
    struct place {
        uint64_t key; /* 0: free */
        int64_t at_ms;
        struct u256 prev;
    } place[SEEN_PLACES];
};

struct seen *seen_new(void)
{
    return mem_zalloc(sizeof(struct seen));
}

void seen_free(struct seen **s)
{
    free(*s);
    *s = NULL;
}

/* FNV-1a, 64 bits. Whoever makes keys collide gets work that he did not wait for. */
static uint64_t add(uint64_t h, const char *text)
{
    do
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return h;
}

static uint64_t key_of(const struct caller *c)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) + c->network;

    h = add(add(add(h, c->auth.address), c->auth.worker), c->ip_text);
    return h ? h : 1;
}

static size_t place_of(uint64_t key)
{
    return (size_t)(key ^ key >> 32) % SEEN_PLACES;
}

void seen_note(struct seen *s, const struct caller *c, const struct u256 *prev, int64_t now_ms)
{
    uint64_t key = key_of(c);

    s->place[place_of(key)] = (struct place){key, now_ms, *prev};
}

bool seen_elsewhere(const struct seen *s, const struct caller *c, const struct u256 *prev,
                    int64_t now_ms)
{
    uint64_t key = key_of(c);
    const struct place *p = &s->place[place_of(key)];

    return p->key == key && now_ms - p->at_ms < SEEN_MS && u256_cmp(&p->prev, prev) != 0;
}
