#include "backend/ledger/posting.h"

#include "common/base/buf.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_MAX 24
#define REF_MAX  64
#define NOTE_MAX 160
#define LINE_MAX 128 /* bytes of one line as JSON */

struct posting {
    const char *network;
    char kind[KIND_MAX + 1], ref[REF_MAX + 1], note[NOTE_MAX + 1];
    size_t lines;
    struct buf json;
};

static const char *const kind_names[ACCOUNT_KINDS] = {
    [ACCOUNT_MINER] = "miner",
    [ACCOUNT_POOL_FEE] = "pool_fee",
    [ACCOUNT_UNSHARED] = "unshared",
    [ACCOUNT_IN_FLIGHT] = "in_flight",
    [ACCOUNT_NETWORK_FEE] = "network_fee",
    [ACCOUNT_IMMATURE] = "immature",
    [ACCOUNT_MATURE] = "mature",
    [ACCOUNT_COLD] = "cold",
    [ACCOUNT_ADJUSTMENT] = "adjustment",
};

const char *account_kind_name(enum account_kind kind)
{
    assert((size_t)kind < ACCOUNT_KINDS);
    return kind_names[kind];
}

/* What is too long is the program's mistake, not an input's. */
static void copy(char *out, size_t size, const char *text)
{
    assert(strlen(text) < size);
    snprintf(out, size, "%s", text);
}

struct posting *posting_new(const char *network, const char *kind, const char *ref,
                            const char *note)
{
    struct posting *p = mem_zalloc(sizeof *p);

    p->network = network;
    copy(p->kind, sizeof p->kind, kind);
    copy(p->ref, sizeof p->ref, ref);
    copy(p->note, sizeof p->note, note);
    p->json = BUF_INIT((size_t)POSTING_LINES_MAX * LINE_MAX);
    return p;
}

void posting_free(struct posting **p)
{
    if (*p == NULL)
        return;
    buf_free(&(*p)->json);
    free(*p);
    *p = NULL;
}

/* Kinds and ids hold nothing that JSON would have to escape. */
void posting_add(struct posting *p, enum account_kind kind, const struct uuid *miner,
                 int64_t amount)
{
    char id[UUID_TEXT_LEN + 1] = "";

    assert((kind == ACCOUNT_MINER) == (miner != NULL));
    assert(p->lines < POSTING_LINES_MAX);
    if (amount == 0)
        return;
    if (miner != NULL)
        uuid_format(miner, id);
    bool fits = buf_addf(&p->json, "%c[\"%s\",\"%s\",\"%" PRId64 "\"]", p->lines == 0 ? '[' : ',',
                         account_kind_name(kind), id, amount);
    assert(fits);
    (void)fits;
    p->lines++;
}

size_t posting_lines(const struct posting *p)
{
    return p->lines;
}

enum db_result posting_post(struct db *db, const struct posting *p)
{
    if (p->lines == 0)
        return DB_OK;
    char *entries = mem_sprintf("%s]", p->json.data);
    const struct db_value call[] = {DB_TEXT(p->network), DB_TEXT(p->kind), DB_TEXT(p->ref),
                                    DB_TEXT(p->note), DB_TEXT(entries)};
    enum db_result r =
        FAULT_CALL("posting.posted", db_exec(db, "CALL post_journal(?, ?, ?, ?, ?)", call, 5, NULL),
                   DB_UNAVAILABLE, DB_UNAVAILABLE);
    free(entries);
    return r;
}

/* --- the events of a block --- */

void posting_block_ref(uint64_t block_id, uint64_t epoch, char out[BLOCK_REF_MAX + 1])
{
    snprintf(out, BLOCK_REF_MAX + 1, "%" PRIu64 ".%" PRIu64, block_id, epoch);
}

static enum db_result post_block(struct db *db, const char *network, const char *kind,
                                 uint64_t block_id, uint64_t epoch, const char *note,
                                 int64_t unshared)
{
    char ref[BLOCK_REF_MAX + 1];

    posting_block_ref(block_id, epoch, ref);
    struct posting *p = posting_new(network, kind, ref, note);
    posting_add(p, ACCOUNT_IMMATURE, NULL, -unshared);
    posting_add(p, ACCOUNT_UNSHARED, NULL, unshared);
    enum db_result r = posting_post(db, p);
    posting_free(&p);
    return r;
}

enum db_result posting_block_found(struct db *db, const char *network, uint64_t block_id,
                                   uint64_t epoch, uint64_t height, uint64_t subsidy)
{
    char note[NOTE_MAX + 1];

    assert(subsidy <= INT64_MAX);
    snprintf(note, sizeof note, "Block %" PRIu64, height);
    return post_block(db, network, "block-found", block_id, epoch, note, (int64_t)subsidy);
}

enum db_result posting_block_orphaned(struct db *db, const char *network, uint64_t block_id,
                                      uint64_t epoch, uint64_t height, uint64_t subsidy)
{
    char note[NOTE_MAX + 1];

    assert(subsidy <= INT64_MAX);
    snprintf(note, sizeof note, "Block %" PRIu64 " is not on the chain", height);
    return post_block(db, network, "block-orphaned", block_id, epoch, note, -(int64_t)subsidy);
}
