#include "frontend/intake/ids.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A table in which each key has one place: what else falls there replaces it. */
struct ids {
    struct slot {
        char *key; /* network, address and worker, each with its NUL; NULL: free */
        struct ids_entry entry;
    } slot[IDS_MAX];
};

struct ids *ids_new(void)
{
    return mem_zalloc(sizeof(struct ids));
}

void ids_free(struct ids **ids)
{
    if (!*ids)
        return;
    for (size_t i = 0; i < IDS_MAX; i++)
        free((*ids)->slot[i].key);
    free(*ids);
    *ids = NULL;
}

/* FNV-1a, 64 bits. Whoever makes keys collide only makes himself slower. */
static uint64_t hash(uint64_t h, const char *text)
{
    do
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return h;
}

static size_t place(const char *network, const char *address, const char *worker)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    h = hash(hash(hash(h, network), address), worker);
    return (size_t)(h ^ h >> 32) % IDS_MAX;
}

static bool matches(const char **key, const char *text)
{
    bool same = strcmp(*key, text) == 0;

    *key += strlen(*key) + 1;
    return same;
}

const struct ids_entry *ids_get(const struct ids *ids, const char *network, const char *address,
                                const char *worker)
{
    const struct slot *s = &ids->slot[place(network, address, worker)];
    const char *key = s->key;

    if (!key || !matches(&key, network) || !matches(&key, address) || !matches(&key, worker))
        return NULL;
    return &s->entry;
}

void ids_put(struct ids *ids, const char *network, const char *address, const char *worker,
             const struct ids_entry *entry)
{
    struct slot *s = &ids->slot[place(network, address, worker)];

    free(s->key);
    s->key = mem_sprintf("%s%c%s%c%s", network, '\0', address, '\0', worker);
    s->entry = *entry;
}
