/* Judges a set of shares: what the tip table knows of their parents, the cheap rules, the proof of
 * work, and only for those that passed it a question to the wallet about a parent that never was
 * the tip. So a liar never costs the wallet a call. */
#include "backend/chain/bitcoin.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void bitcoin_hash(const struct bitcoin *b, struct share **shares, size_t n)
{
    uint8_t(*headers)[HEADER_SIZE] = mem_zalloc(n * sizeof(*headers));
    struct u256 *hashes = mem_zalloc(n * sizeof(*hashes));
    size_t todo = 0;

    for (size_t i = 0; i < n; i++)
        if (!shares[i]->has_true_hash)
            memcpy(headers[todo++], shares[i]->header_bytes, HEADER_SIZE);
    b->pow->hash_many((const uint8_t(*)[HEADER_SIZE])headers, todo, hashes);
    todo = 0;
    for (size_t i = 0; i < n; i++) {
        if (shares[i]->has_true_hash)
            continue;
        shares[i]->true_hash = hashes[todo++];
        shares[i]->has_true_hash = true;
    }
    free(headers);
    free(hashes);
}

void bitcoin_hash_jobs(struct chain *c, struct share **shares, size_t n)
{
    struct share **todo = mem_zalloc(n * sizeof(struct share *));
    size_t m = 0;

    for (size_t i = 0; i < n; i++)
        if (shares[i]->of_job && !shares[i]->has_true_hash)
            todo[m++] = shares[i];
    bitcoin_hash(c->data, todo, m);
    for (size_t i = 0; i < m; i++) {
        todo[i]->pow_hash = todo[i]->true_hash;
        todo[i]->has_pow_hash = true;
    }
    free(todo);
}

/* The wallet's answer about one parent; neighbours in a batch mostly share theirs. */
struct answer {
    bool any;
    struct u256 hash;
    enum parent_state state;
    int64_t height;
};

/* The parent never was the tip: the wallet may know it all the same, or it may still arrive. */
static enum chain_result ask_for_parent(struct chain *c, const struct u256 *hash, struct answer *a)
{
    int64_t confirmations;
    bool found;

    if (a->any && u256_cmp(&a->hash, hash) == 0)
        return CHAIN_OK;
    a->any = bitcoin_block_header(c, c->best, hash, &found, &a->height, &confirmations);
    if (!a->any)
        return CHAIN_HOLD;
    a->hash = *hash;
    a->state = !found ? PARENT_UNSEEN : confirmations >= 1 ? PARENT_KNOWN : PARENT_SIDE;
    return CHAIN_OK;
}

static enum chain_result decide(struct chain *c, struct share *s, struct parent *p,
                                struct answer *a)
{
    if (p->state == PARENT_UNSEEN) {
        if (ask_for_parent(c, &s->header.prev, a) != CHAIN_OK)
            return CHAIN_HOLD;
        p->state = a->state;
        p->height = a->height;
        bitcoin_rules(c, s, p);
    }
    if (s->state != SHARE_OPEN)
        return CHAIN_OK;
    if (parent_judge(p) != UNDECIDED)
        s->state = SHARE_ACCEPTED;
    else if (s->may_wait)
        s->state = SHARE_PARKED;
    else
        share_reject(s, s->of_job ? REASON_STALE : REASON_TAMPERED,
                     "height: no wallet knows the parent block");
    return CHAIN_OK;
}

/* The dear rule, for all at once. */
static void check_work(const struct bitcoin *b, struct share **shares, size_t n)
{
    bitcoin_hash(b, shares, n);
    for (size_t i = 0; i < n; i++) {
        char hex[65];

        if (u256_cmp(&shares[i]->true_hash, &shares[i]->pow_hash) == 0)
            continue;
        u256_to_hex(&shares[i]->true_hash, hex);
        share_reject(shares[i], REASON_HASH_WRONG, "the header hashes to %s", hex);
    }
}

/* Drops those that are not open from both arrays. */
static size_t keep_open(struct share **shares, struct parent *parents, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        if (shares[i]->state != SHARE_OPEN)
            continue;
        shares[kept] = shares[i];
        parents[kept++] = parents[i];
    }
    return kept;
}

static enum chain_result check_open(struct chain *c, struct db *db, struct share **shares,
                                    struct parent *parents, size_t n)
{
    struct answer answer = {0};

    n = keep_open(shares, parents, n);
    for (size_t i = 0; i < n; i++) {
        if (shares[i]->has_header && parent_look_up(c, db, shares[i], &parents[i]) != CHAIN_OK)
            return CHAIN_HOLD;
        bitcoin_rules(c, shares[i], &parents[i]);
    }
    n = keep_open(shares, parents, n);
    check_work(c->data, shares, n);
    n = keep_open(shares, parents, n);
    for (size_t i = 0; i < n; i++)
        if (decide(c, shares[i], &parents[i], &answer) != CHAIN_OK)
            return CHAIN_HOLD;
    return CHAIN_OK;
}

enum chain_result bitcoin_check(struct chain *c, struct db *db, struct share **shares, size_t n)
{
    struct share **open = mem_zalloc(n * sizeof(struct share *));
    struct parent *parents = mem_zalloc(n * sizeof(*parents));
    enum chain_result r;

    memcpy(open, shares, n * sizeof(struct share *));
    r = check_open(c, db, open, parents, n);
    free(open);
    free(parents);
    return r;
}
