#include "frontend/limit/bans.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x

enum { KEY_SIZE = 160 }; /* kind, network and value are 8, 32 and 90 at most */

struct bans {
    struct ipnet *net;
    size_t nets;
    char **key; /* sorted */
    size_t keys;
};

struct bans *bans_new(void)
{
    return mem_zalloc(sizeof(struct bans));
}

static void clear(struct bans *b)
{
    for (size_t i = 0; i < b->keys; i++)
        free(b->key[i]);
    free(b->key);
    free(b->net);
    *b = (struct bans){.nets = 0};
}

void bans_free(struct bans **b)
{
    if (!*b)
        return;
    clear(*b);
    free(*b);
    *b = NULL;
}

/* False when it cannot be one of ours: too long. */
static bool make_key(const char *kind, const char *network, const char *value, char out[KEY_SIZE])
{
    int len = snprintf(out, KEY_SIZE, "%s %s %s", kind, network, value);

    return len > 0 && len < KEY_SIZE;
}

void bans_add(struct bans *b, const char *kind, const char *network, const char *value)
{
    struct ipnet net;
    char key[KEY_SIZE];

    if (strcmp(kind, "ip") == 0) {
        if (!ipnet_parse(value, &net))
            return;
        b->net = mem_resize(b->net, b->nets + 1, sizeof *b->net);
        b->net[b->nets++] = net;
    } else if (network && make_key(kind, network, value, key)) {
        b->key = mem_resize(b->key, b->keys + 1, sizeof *b->key);
        b->key[b->keys++] = mem_strdup(key);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void bans_sort(struct bans *b)
{
    if (b->keys > 0)
        qsort(b->key, b->keys, sizeof *b->key, compare);
}

static bool on_ban(void *ctx, const struct db_value *columns, size_t n)
{
    (void)n;
    bans_add(ctx, db_text(&columns[0]), db_text(&columns[1]), db_text(&columns[2]));
    return true;
}

enum db_result bans_load(struct bans *b, struct db *db)
{
    static const char sql[] = "SELECT kind, network, value FROM intake_ban LIMIT " STRING(BANS_MAX);
    struct bans fresh = {.nets = 0};
    enum db_result r = db_query(db, sql, NULL, 0, on_ban, &fresh);

    if (r != DB_OK) {
        clear(&fresh);
        return r;
    }
    bans_sort(&fresh);
    clear(b);
    *b = fresh;
    return DB_OK;
}

bool bans_ip(const struct bans *b, const struct ip *ip)
{
    return ipnet_any_has(b->net, b->nets, ip);
}

static bool has(const struct bans *b, const char *kind, const char *network, const char *value)
{
    char key[KEY_SIZE], *wanted = key;

    return b->keys > 0 && make_key(kind, network, value, key) &&
           bsearch(&wanted, b->key, b->keys, sizeof *b->key, compare) != NULL;
}

bool bans_address(const struct bans *b, const char *network, const char *address)
{
    return has(b, "address", network, address);
}

bool bans_disabled(const struct bans *b, const char *network, const char *address)
{
    return has(b, "disabled", network, address);
}

bool bans_miner(const struct bans *b, const char *network, const char *guid)
{
    return has(b, "miner", network, guid);
}
