#include "frontend/read/kept.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* As many as there are facts and networks, so a walk through all is short. */
struct fact {
    kept_read_fn *read;
    char *network;
    bool known;
    int64_t read_s;
    size_t size;
    void *value;
};

struct kept {
    struct fact *fact;
    size_t n;
};

struct kept *kept_new(void)
{
    return mem_zalloc(sizeof(struct kept));
}

void kept_free(struct kept **k)
{
    if (!*k)
        return;
    for (size_t i = 0; i < (*k)->n; i++) {
        free((*k)->fact[i].network);
        free((*k)->fact[i].value);
    }
    free((*k)->fact);
    free(*k);
    *k = NULL;
}

static struct fact *find(struct kept *k, const char *network, kept_read_fn *read, size_t size)
{
    for (size_t i = 0; i < k->n; i++) {
        if (k->fact[i].read == read && strcmp(k->fact[i].network, network) == 0)
            return &k->fact[i];
    }
    k->fact = mem_resize(k->fact, k->n + 1, sizeof *k->fact);
    k->fact[k->n] = (struct fact){
        .read = read, .network = mem_strdup(network), .size = size, .value = mem_zalloc(size)};
    return &k->fact[k->n++];
}

/* A time that is yet to come was written before the machine's clock was set back. */
static bool is_fresh(const struct fact *f, int64_t now_s)
{
    return f->known && now_s >= f->read_s && now_s - f->read_s < KEPT_S;
}

enum db_result kept_get(struct kept *k, struct db *db, const char *network, int64_t now_s,
                        bool anew, kept_read_fn *read, size_t size, void *ret)
{
    struct fact *f = find(k, network, read, size);
    enum db_result r = DB_OK;

    assert(f->size == size);
    if (anew || !is_fresh(f, now_s)) {
        memset(f->value, 0, size);
        r = read(db, network, now_s, f->value);
        f->known = r == DB_OK;
        f->read_s = now_s;
    }
    if (f->known)
        memcpy(ret, f->value, size);
    else
        memset(ret, 0, size);
    return r;
}
