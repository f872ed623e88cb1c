/*
 * The audit's questions to the wallet: are the blocks that were credited on the chain, and does the
 * wallet hold what the ledger says?
 *
 * The ledger and the wallet change while they are read, so they are read until nothing has changed
 * in between. What the wallet should hold is what the ledger counts as immature and mature, less
 * what payouts have taken out already and the ledger counts as in flight. It may hold more: a block
 * that is not stored yet, coins that the operator put in. Several networks may share a wallet.
 */
#include "backend/chain/blocks.h"
#include "backend/chain/holdings.h"
#include "backend/task/audit.h"
#include "common/base/clock.h"
#include "common/base/fault.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH       2000 /* credited blocks further below the tip are not looked up again */
#define TRIES       10
#define TRY_WAIT_MS 300

/* What the ledger says of one wallet, and what becomes of it. */
struct books {
    int64_t due;                /* immature and mature */
    int64_t owed;               /* to others than the pool itself; not what is in flight */
    int64_t unsent;             /* in flight by the ledger, and still in the wallet */
    int64_t cold;               /* kept elsewhere */
    int64_t sent;               /* in flight, and out of the wallet */
    int64_t lost;               /* rewards of blocks that find-blocks has yet to find missing */
    uint64_t journals, payouts; /* differ when anything has changed */
    bool clear;                 /* all of this is known */
};

/* --- blocks --- */

struct placing {
    struct audit *audit;
    bool judge;
    int64_t lost;
};

/* One row: id, height, hash, credited, subsidy. */
static bool row_block(void *ctx, const struct db_value *v, size_t n)
{
    struct placing *p = ctx;
    struct chain *chain = p->audit->run->chain;
    int64_t height = db_int(&v[1]), confirmations = 0;
    struct u256 hash;

    (void)n;
    memcpy(hash.be, v[2].data, sizeof(hash.be));
    if (chain_confirmations(chain, height, &hash, &confirmations) != CHAIN_OK) {
        audit_wait(p->audit, "%s", chain_error(chain));
        return false;
    }
    if (confirmations == 0 && db_int(&v[3]) == 0)
        p->lost += (int64_t)db_uint(&v[4]);
    else if (confirmations == 0 && p->judge)
        findings_add(&p->audit->findings, "block-chain",
                     "block %" PRId64 " (id %" PRIu64 ") was credited, and is not on the chain",
                     height, db_uint(&v[0]));
    return true;
}

/* Blocks of the pool that count as the chain's. One that is lost and was not credited is nobody's
 * fault: find-blocks will see it. */
static enum db_result place_blocks(struct audit *a, const char *network, bool judge,
                                   int64_t *ret_lost)
{
    static const char sql[] =
        "SELECT id, height, hash, finished_at IS NOT NULL, subsidy FROM block"
        " WHERE network = ? AND pool_block AND status NOT IN ('orphaned', 'stale')"
        " AND (finished_at IS NULL OR height > ?)";
    int64_t tip = chain_height(a->run->chain);
    struct db_value v[] = {DB_TEXT(network), DB_INT(tip > DEPTH ? tip - DEPTH : 0)};
    struct placing p = {.audit = a, .judge = judge};
    enum db_result r = db_query(a->run->db, sql, v, 2, row_block, &p);

    FAULT_POINT("audit.blocks");
    *ret_lost += p.lost;
    return r;
}

static bool row_height(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&v[0]);
    return true;
}

/* A wallet whose chain ends below what is stored is still catching up, or it is another chain. */
static enum db_result chain_is_there(struct audit *a, bool *ret)
{
    struct task_run *run = a->run;
    int64_t stored = 0;
    enum db_result r =
        db_query(run->db,
                 "SELECT CAST(COALESCE(MAX(height), 0) AS SIGNED) FROM block WHERE network = ?"
                 " AND status <> 'orphaned'",
                 (const struct db_value[]){DB_TEXT(run->network)}, 1, row_height, &stored);

    FAULT_POINT("audit.height");
    *ret = r == DB_OK && stored <= chain_height(run->chain);
    if (r == DB_OK && !*ret)
        audit_wait(a, "the wallet's tip is %" PRId64 ", below block %" PRId64 " which is stored",
                   chain_height(run->chain), stored);
    return r;
}

/* --- what should be there --- */

static bool row_sums(void *ctx, const struct db_value *v, size_t n)
{
    struct books *b = ctx;

    (void)n;
    b->due += db_int(&v[0]);
    b->owed += db_int(&v[1]);
    b->unsent += db_int(&v[2]);
    b->cold += db_int(&v[3]);
    b->journals += db_uint(&v[4]);
    b->payouts += db_uint(&v[5]);
    return true;
}

static enum db_result read_sums(struct audit *a, const char *network, struct books *b)
{
    static const char sql[] =
        "SELECT CAST(-COALESCE(SUM(IF(kind IN ('immature', 'mature'), balance, 0)), 0) AS SIGNED),"
        " CAST(COALESCE(SUM(IF(kind IN ('miner', 'unshared'), balance, 0)), 0) AS SIGNED),"
        " CAST(COALESCE(SUM(IF(kind = 'in_flight', balance, 0)), 0) AS SIGNED),"
        " CAST(-COALESCE(SUM(IF(kind = 'cold', balance, 0)), 0) AS SIGNED),"
        " (SELECT CAST(COALESCE(MAX(id), 0) AS UNSIGNED) FROM journal WHERE network = ?),"
        " (SELECT CAST(COALESCE(SUM(CRC32(CONCAT(id, status))), 0) AS UNSIGNED) FROM payout"
        " WHERE network = ? AND status IN ('intent', 'stored', 'sent', 'conflicted'))"
        " FROM account WHERE network = ?";
    struct db_value v[] = {DB_TEXT(network), DB_TEXT(network), DB_TEXT(network)};
    enum db_result r = db_query(a->run->db, sql, v, 3, row_sums, b);

    FAULT_POINT("audit.sums");
    return r;
}

/* Calls READ for each network whose coins are in W. */
typedef enum db_result network_fn(struct audit *a, struct wallet *w, const char *network,
                                  struct books *b);

static enum db_result each_network(struct audit *a, struct wallet *w, network_fn *read,
                                   struct books *b)
{
    const struct backend_conf *conf = a->run->conf;
    enum db_result r = DB_OK;

    for (size_t i = 0; i < conf->networks.n && r == DB_OK; i++) {
        const char *network = backend_network_at(conf, i)->base.label;

        if (strcmp(network, a->run->network) == 0 || chain_same_purse(w, conf, network))
            r = read(a, w, network, b);
    }
    return r;
}

static enum db_result read_all(struct audit *a, struct wallet *w, const char *network,
                               struct books *b)
{
    bool judge = strcmp(network, a->run->network) == 0;
    enum db_result r = read_sums(a, network, b);

    if (r == DB_OK)
        r = place_blocks(a, network, judge, &b->lost);
    if (r == DB_OK)
        r = audit_payouts(a, w, network, &b->sent, &b->clear);
    return r;
}

static enum db_result read_again(struct audit *a, struct wallet *w, const char *network,
                                 struct books *b)
{
    (void)w;
    return read_sums(a, network, b);
}

static void compare(struct audit *a, const struct books *b)
{
    int64_t owed = b->owed + b->unsent - b->sent;

    a->asked = true;
    a->due = b->due - b->sent - b->lost;
    if (a->held < a->due)
        findings_add(&a->findings, "wallet",
                     "the wallet holds %" PRId64 ", but by the ledger it should hold %" PRId64
                     ": %" PRId64 " are missing",
                     a->held, a->due, a->due - a->held);
    else if (a->held + b->cold < owed - b->lost)
        findings_add(&a->findings, "fundings",
                     "the wallet holds %" PRId64 " (and %" PRId64
                     " are kept elsewhere), but %" PRId64 " are owed to miners",
                     a->held, b->cold, owed - b->lost);
}

/* One reading of ledger and wallet. *RET_STEADY: nothing has changed meanwhile. */
static enum db_result measure(struct audit *a, struct wallet *w, bool *ret_steady)
{
    struct books before = {.clear = true}, after = {0};
    size_t findings = findings_count(&a->findings);
    enum db_result r = each_network(a, w, read_all, &before);

    if (r == DB_OK && a->waiting[0] == '\0' && chain_held(a->run->chain, w, &a->held) != CHAIN_OK)
        audit_wait(a, "%s", chain_error(a->run->chain));
    if (r == DB_OK)
        r = each_network(a, w, read_again, &after);
    *ret_steady = before.journals == after.journals && before.payouts == after.payouts;
    if (r != DB_OK || a->waiting[0] != '\0')
        return r;
    if (!*ret_steady) /* what was found may be half of a change */
        while (findings_count(&a->findings) > findings)
            json_array_remove(a->findings.list, findings);
    else if (before.clear)
        compare(a, &before);
    return r;
}

static enum db_result against_wallet(struct audit *a, struct wallet *w)
{
    bool steady = false;
    enum db_result r = DB_OK;

    for (int i = 0; i < TRIES && r == DB_OK && !steady && a->waiting[0] == '\0'; i++) {
        if (i > 0)
            clock_sleep_ms(TRY_WAIT_MS);
        r = measure(a, w, &steady);
    }
    if (r == DB_OK && !steady)
        audit_wait(a, "the ledger changed all the time while the wallet was asked");
    if (r == DB_OK && a->waiting[0] == '\0')
        audit_sent(a, w);
    return r;
}

enum db_result audit_wallet(struct audit *a)
{
    struct chain *chain = a->run->chain;
    struct wallet *w = NULL;
    bool there = false;
    enum db_result r = DB_OK;

    if (chain_look(chain, a->run->db) != CHAIN_OK) {
        audit_wait(a, "%s", chain_error(chain));
        return DB_OK;
    }
    r = chain_is_there(a, &there);
    if (r != DB_OK || !there)
        return r;
    if (!a->run->net->payouts) { /* what the wallet holds is not known: only its chain is asked */
        int64_t lost = 0;

        return place_blocks(a, a->run->network, true, &lost);
    }
    if (chain_purse(chain, &w) != CHAIN_OK)
        audit_wait(a, "%s", chain_error(chain));
    else if (w == NULL)
        audit_wait(a, "no wallet of this network holds the key of the pool's address: nothing to "
                      "compare with");
    else
        r = against_wallet(a, w);
    return r;
}
