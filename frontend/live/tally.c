#include "frontend/live/tally.h"

#include "common/base/mem.h"

#include <assert.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct one {
    char *key;
    size_t n;
};

struct tally {
    void *root; /* tsearch(3) */
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct one *)a)->key, ((const struct one *)b)->key);
}

static struct one *find(const struct tally *t, const char *key)
{
    const struct one wanted = {.key = (char *)(uintptr_t)key};
    void *node = tfind(&wanted, &t->root, compare);

    return node ? *(struct one **)node : NULL;
}

static void free_entry(void *p)
{
    struct one *e = p;

    free(e->key);
    free(e);
}

struct tally *tally_new(void)
{
    return mem_zalloc(sizeof(struct tally));
}

void tally_free(struct tally **t)
{
    if (!*t)
        return;
    tdestroy((*t)->root, free_entry);
    free(*t);
    *t = NULL;
}

size_t tally_count(const struct tally *t, const char *key)
{
    const struct one *e = find(t, key);

    return e ? e->n : 0;
}

bool tally_add(struct tally *t, const char *key, size_t max)
{
    struct one *e = find(t, key);

    if (max > 0 && e && e->n >= max)
        return false;
    if (!e) {
        e = mem_zalloc(sizeof *e);
        e->key = mem_strdup(key);
        if (!tsearch(e, &t->root, compare))
            abort(); /* out of memory, as in common/base/mem.h */
    }
    e->n++;
    return true;
}

void tally_remove(struct tally *t, const char *key)
{
    struct one *e = find(t, key);

    assert(e);
    if (--e->n > 0)
        return;
    tdelete(e, &t->root, compare);
    free_entry(e);
}
