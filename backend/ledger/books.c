#include "backend/ledger/books.h"

#include "common/base/buf.h"
#include "common/base/fault.h"
#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING(x)  STRING_(x)
#define STRING_(x) #x
#define LIMIT      " LIMIT " STRING(FINDINGS_PER_CHECK)

/* Entries with their journals and accounts. In this order always: the entries of a journal lie side
 * by side. Left to choose, the server begins with the accounts at times, whose entries lie
 * everywhere. */
#define LEDGER                                                                                     \
    " FROM journal j STRAIGHT_JOIN entry e ON e.journal_id = j.id"                                 \
    " STRAIGHT_JOIN account a ON a.id = e.account_id"

/* What the entries of each account add up to. */
#define OF_ACCOUNTS                                                                                \
    "(SELECT e.account_id, SUM(e.amount) AS amount FROM account x JOIN entry e"                    \
    " ON e.account_id = x.id WHERE x.network = ? GROUP BY e.account_id)"

/* The journals that are about a block; their ref begins with its id. */
#define BLOCK_ID    "CAST(SUBSTRING_INDEX(j.ref, '.', 1) AS UNSIGNED) AS block_id"
#define BLOCK_KINDS "'block-found', 'block-orphaned', 'share-out'"

/* What the journals of one block add up to, per block. */
#define OF_BLOCKS                                                                                  \
    "(SELECT " BLOCK_ID ","                                                                        \
    " SUM(IF(a.kind = 'unshared', e.amount, 0)) AS unshared,"                                      \
    " SUM(IF(a.kind = 'immature', e.amount, 0)) AS immature,"                                      \
    " SUM(IF(a.kind = 'mature', e.amount, 0)) AS mature,"                                          \
    " SUM(IF(a.kind = 'pool_fee', e.amount, 0)) AS fee,"                                           \
    " SUM(IF(a.kind = 'miner', e.amount, 0)) AS miners" LEDGER                                     \
    " WHERE j.network = ? AND j.kind IN (" BLOCK_KINDS ")"                                         \
    " GROUP BY 1)"

/* Of these only the pool's fee, from its account: the miners' entries are nearly all there are, and
 * are not read. */
#define FEES_OF_BLOCKS                                                                             \
    "(SELECT " BLOCK_ID ", SUM(e.amount) AS fee FROM account a"                                    \
    " STRAIGHT_JOIN entry e ON e.account_id = a.id"                                                \
    " STRAIGHT_JOIN journal j ON j.id = e.journal_id AND j.network = a.network"                    \
    " WHERE a.network = ? AND a.kind = 'pool_fee' AND j.kind IN (" BLOCK_KINDS ") GROUP BY 1)"

/* The same of payouts, whose id is the ref. */
#define OF_PAYOUTS                                                                                 \
    "(SELECT CAST(j.ref AS UUID) AS payout_id,"                                                    \
    " SUM(IF(a.kind = 'in_flight', e.amount, 0)) AS in_flight,"                                    \
    " SUM(IF(a.kind = 'mature', e.amount, 0)) AS mature,"                                          \
    " SUM(IF(a.kind = 'cold', e.amount, 0)) AS cold,"                                              \
    " SUM(IF(a.kind = 'network_fee', e.amount, 0)) AS fee,"                                        \
    " SUM(IF(a.kind = 'miner', e.amount, 0)) AS miners" LEDGER                                     \
    " WHERE j.network = ? AND j.kind IN (" PAYOUT_KINDS ") GROUP BY 1)"
#define PAYOUT_KINDS                                                                               \
    "'payment', 'payment-fee', 'payment-confirmed', 'payment-cancelled', 'sweep',"                 \
    " 'sweep-confirmed', 'sweep-cancelled'"

/* A pool block that another installation pays (find-blocks --mark-processed): the ledger is not
 * told. */
#define IS_FOREIGN "t.block_id IS NULL AND b.status = 'finished' AND b.assigned_at IS NULL"

/* A pool block's reward is unshared until it is split (finished_at), then the miners' and the
 * pool's; of a lost block nothing is left. One that lost after it was split keeps its money. */
#define IS_OPEN    "b.status IN ('open', 'assigned', 'processing') AND b.finished_at IS NULL"
#define IS_SETTLED "b.finished_at IS NOT NULL AND b.status IN ('finished', 'orphaned')"

/* A number that stands for a miner, so that sums of them tell whether all are the same. */
#define WHO "CAST(CONV(LEFT(MD5(miner_id), 15), 16, 10) AS UNSIGNED)"

struct check {
    const char *name;
    unsigned networks; /* how often the network is a parameter */
    const char *sql;   /* one column, a difference per row, for people */
};

static const struct check checks[] = {
    {"journal-sum", 1,
     "SELECT CONCAT('journal ', j.id, ' (', j.kind, ' ', j.ref, '): ', COUNT(e.line),"
     " ' entries that sum to ', COALESCE(SUM(e.amount), 0))"
     " FROM journal j LEFT JOIN entry e ON e.journal_id = j.id WHERE j.network = ?"
     " GROUP BY j.id HAVING COALESCE(SUM(e.amount), 0) <> 0 OR COUNT(e.line) < 2" LIMIT},

    {"journal-network", 1,
     "SELECT CONCAT('journal ', j.id, ' (', j.kind, ' ', j.ref, ') has an entry in account ', a.id,"
     " ' of network ', a.network)" LEDGER " WHERE j.network = ? AND a.network <> j.network" LIMIT},

    /* An adjustment is the operator's; whoever else holds the backend's password posts of a kind.
     */
    {"journal-kind", 1,
     "SELECT CONCAT('journal ', j.id, ' is of a kind that no program posts: ', j.kind, ' ', j.ref)"
     " FROM journal j WHERE j.network = ? AND j.kind NOT IN (" BLOCK_KINDS
     ", 'adjustment', " PAYOUT_KINDS ")" LIMIT},

    {"network-sum", 1,
     "SELECT CONCAT('all accounts together: ', SUM(balance), ' instead of 0')"
     " FROM account WHERE network = ? HAVING SUM(balance) <> 0"},

    {"balance", 2,
     "SELECT CONCAT('account ', a.id, ' (', a.kind, IF(a.kind = 'miner', CONCAT(' ', a.miner_id), "
     "''),"
     " '): balance ', a.balance, ', but its entries sum to ', COALESCE(s.amount, 0))"
     " FROM account a LEFT JOIN " OF_ACCOUNTS " s ON s.account_id = a.id"
     " WHERE a.network = ? AND a.balance <> COALESCE(s.amount, 0)" LIMIT},

    {"account-sign", 2,
     "SELECT CONCAT('account ', a.id, ' (', a.kind, IF(a.kind = 'miner', CONCAT(' ', a.miner_id), "
     "''),"
     " '): its entries sum to ', s.amount,"
     " IF(s.amount < 0, ': more was taken than was owed', ': more was spent than was earned'))"
     " FROM account a JOIN " OF_ACCOUNTS " s ON s.account_id = a.id WHERE a.network = ?"
     " AND ((a.kind IN ('miner', 'unshared', 'in_flight') AND s.amount < 0)"
     " OR (a.kind IN ('immature', 'mature', 'cold') AND s.amount > 0))" LIMIT},

    {"block-books", 2,
     "SELECT CONCAT('block ', b.height, ' (id ', b.id, ', ', b.status, ', subsidy ', b.subsidy,"
     " '): the ledger has unshared ', COALESCE(t.unshared, 0), ', immature ', COALESCE(t.immature, "
     "0),"
     " ', mature ', COALESCE(t.mature, 0), ', credited ', COALESCE(t.fee + t.miners, 0))"
     " FROM block b LEFT JOIN " OF_BLOCKS " t ON t.block_id = b.id"
     " WHERE b.network = ? AND b.pool_block AND NOT (" IS_FOREIGN ") AND NOT ("
     " COALESCE(t.unshared, 0) = IF(" IS_OPEN ", b.subsidy, 0)"
     " AND COALESCE(t.immature, 0) = -CAST(IF(" IS_OPEN ", b.subsidy, 0) AS SIGNED)"
     " AND COALESCE(t.mature, 0) = -CAST(IF(" IS_SETTLED ", b.subsidy, 0) AS SIGNED)"
     " AND COALESCE(t.fee + t.miners, 0) = IF(" IS_SETTLED ", b.subsidy, 0))"
     " ORDER BY b.height" LIMIT},

    {"block-unknown", 1,
     "SELECT CONCAT('the ledger has entries of block id ', t.block_id,"
     " ', which is no block of the pool here')"
     " FROM (SELECT DISTINCT " BLOCK_ID " FROM journal j WHERE j.network = ?"
     " AND j.kind IN (" BLOCK_KINDS ")) t LEFT JOIN block b ON b.id = t.block_id"
     " WHERE b.id IS NULL OR NOT b.pool_block" LIMIT},

    {"split", 2,
     "SELECT CONCAT('block ', b.height, ' (id ', b.id, ', ', b.status, '): subsidy ', b.subsidy,"
     " ', split of ', s.subsidy, ' into fee ', s.fee, ' and credits ', COALESCE(c.amount, 0),"
     " '; weight ', s.weight, ' of credits ', COALESCE(c.weight, 0))"
     " FROM block_split s JOIN block b ON b.id = s.block_id LEFT JOIN (SELECT x.block_id,"
     " SUM(y.amount) AS amount, SUM(y.weight) AS weight FROM block_split x JOIN block_credit y"
     " ON y.block_id = x.block_id WHERE x.network = ? GROUP BY x.block_id) c"
     " ON c.block_id = s.block_id WHERE s.network = ?"
     " AND (b.subsidy <> s.subsidy OR s.fee + COALESCE(c.amount, 0) <> s.subsidy"
     " OR s.weight <> COALESCE(c.weight, 0) OR b.network <> s.network OR NOT b.pool_block"
     " OR b.finished_at IS NULL)" LIMIT},

    /* a block without shares has no split, or one without credits: all of it is the pool's */
    {"split-fee", 2,
     "SELECT CONCAT('block ', b.height, ' (id ', b.id, '): the split gives the pool ',"
     " COALESCE(s.fee, b.subsidy), ', the ledger ', COALESCE(t.fee, 0))"
     " FROM block b LEFT JOIN block_split s ON s.block_id = b.id LEFT JOIN " FEES_OF_BLOCKS
     " t ON t.block_id = b.id WHERE b.network = ? AND b.pool_block"
     " AND (s.block_id IS NOT NULL OR NOT (" IS_FOREIGN ")) AND " IS_SETTLED
     " AND COALESCE(t.fee, 0) <> COALESCE(s.fee, b.subsidy) ORDER BY b.height" LIMIT},

    /* Each entry has its credit, and each credit its entry: by number and by who they are of. (To
     * group entries by block and miner would take a sort of all that was ever credited.) */
    {"credit", 1,
     "SELECT CONCAT('block id ', SUBSTRING_INDEX(j.ref, '.', 1), ', miner ', a.miner_id, ': "
     "credited ',"
     " COALESCE(c.amount, 0), ', in the ledger ', e.amount)" LEDGER
     " LEFT JOIN block_credit c ON c.block_id = CAST(SUBSTRING_INDEX(j.ref, '.', 1) AS UNSIGNED)"
     " AND c.miner_id = a.miner_id WHERE j.network = ? AND j.kind = 'share-out' AND a.kind = "
     "'miner'"
     " AND COALESCE(c.amount, 0) <> e.amount" LIMIT},

    {"credit-entries", 3,
     "SELECT CONCAT('block id ', s.block_id, ': ', COALESCE(c.n, 0), ' credits, ',"
     " COALESCE(t.n, 0), ' entries', IF(c.n = t.n, ', which are of other miners', ''))"
     " FROM block_split s"
     " LEFT JOIN (SELECT x.block_id, COUNT(*) AS n, SUM(" WHO ") AS who FROM block_split x"
     " JOIN block_credit y ON y.block_id = x.block_id WHERE x.network = ? AND y.amount > 0"
     " GROUP BY x.block_id) c ON c.block_id = s.block_id"
     " LEFT JOIN (SELECT CAST(SUBSTRING_INDEX(j.ref, '.', 1) AS UNSIGNED) AS block_id,"
     " COUNT(*) AS n, SUM(" WHO ") AS who" LEDGER " WHERE j.network = ?"
     " AND j.kind = 'share-out' AND a.kind = 'miner' GROUP BY 1) t ON t.block_id = s.block_id"
     " WHERE s.network = ? AND (COALESCE(c.n, 0) <> COALESCE(t.n, 0)"
     " OR COALESCE(c.who, 0) <> COALESCE(t.who, 0))" LIMIT},

    /* (Those of an orphaned block are released a moment later, so only strangers' blocks count.) */
    {"share-of-block", 1,
     "SELECT CONCAT('block ', b.height, ' (id ', b.id, ') is not the pool''s, but has shares')"
     " FROM block b WHERE b.network = ? AND NOT b.pool_block"
     " AND b.created_at > UTC_TIMESTAMP(6) - INTERVAL 2 DAY"
     " AND EXISTS (SELECT 1 FROM share s WHERE s.network = b.network AND s.block_id = b.id)" LIMIT},

    /* Of blocks split lately. Shares are missing once the clean-up has dropped the oldest days. */
    {"share-count", 1,
     "SELECT CONCAT('block ', t.height, ' (id ', t.id, '): split by ', t.shares, ' shares, but ',"
     " t.stored, ' are stored') FROM (SELECT b.height, b.id, p.shares,"
     " COUNT(s.message_id) AS stored, MIN(s.day) AS first"
     " FROM block b JOIN block_split p ON p.block_id = b.id"
     " LEFT JOIN share s ON s.network = b.network AND s.block_id = b.id"
     " WHERE b.network = ? AND p.scheme = 'prop' AND b.finished_at > UTC_TIMESTAMP(6) - INTERVAL 2 "
     "DAY"
     " GROUP BY b.id) t WHERE t.stored > t.shares OR (t.stored < t.shares AND t.stored > 0"
     " AND t.first > (SELECT MIN(day) FROM share))" LIMIT},

    /* Both sides of the last day were written together, share by share. An hour apart from its ends
     * so that neither is cut by the clean-up. */
    {"roll-up", 4,
     "SELECT CONCAT('shares received since ', MIN(f.since), ': ', SUM(x.stored), ' with difficulty "
     "',"
     " SUM(x.stored_difficulty), '; in the statistics ', SUM(x.summed), ' with difficulty ',"
     " SUM(x.summed_difficulty)) FROM"
     " (SELECT FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP()) DIV 60 * 60 - 86400) AS since) f JOIN "
     "("
     "SELECT COUNT(*) AS stored, COALESCE(SUM(s.difficulty), 0) AS stored_difficulty, 0 AS summed,"
     " 0 AS summed_difficulty FROM share s WHERE s.network = ? AND s.block_id IS NULL"
     " AND s.received_at >= FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP()) DIV 60 * 60 - 86400)"
     " UNION ALL "
     "SELECT COUNT(*), COALESCE(SUM(s.difficulty), 0), 0, 0 FROM block b"
     " STRAIGHT_JOIN share s ON s.network = b.network AND s.block_id = b.id"
     " AND s.received_at >= FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP()) DIV 60 * 60 - 86400)"
     " WHERE b.network = ? AND b.pool_block"
     " AND COALESCE(b.assigned_at, UTC_TIMESTAMP(6)) >= UTC_TIMESTAMP(6) - INTERVAL 25 HOUR"
     " UNION ALL "
     "SELECT 0, 0, COALESCE(SUM(shares), 0), COALESCE(SUM(difficulty), 0) FROM share_stats"
     " WHERE network = ? AND minute >= UNIX_TIMESTAMP(UTC_TIMESTAMP()) DIV 60 - 1440) x"
     " HAVING ? <> '' AND (SUM(x.stored) <> SUM(x.summed)"
     " OR SUM(x.stored_difficulty) <> SUM(x.summed_difficulty))"},

    {"payout-items", 2,
     "SELECT CONCAT('payout ', p.id, ' of ', p.amount, ', fee ', COALESCE(p.fee, 'unknown'), ' by "
     "the ',"
     " p.fee_payer, ': its items sum to ', COALESCE(i.amount, 0), ', of which ', "
     "COALESCE(i.received, 0),"
     " ' arrive') FROM payout p LEFT JOIN (SELECT x.id AS payout_id, SUM(y.amount) AS amount,"
     " SUM(y.received) AS received, SUM(y.received IS NULL) AS unknown FROM payout x"
     " JOIN payout_item y ON y.payout_id = x.id WHERE x.network = ? GROUP BY x.id) i ON "
     "i.payout_id = p.id WHERE p.network = ? AND p.kind = 'payment'"
     " AND (p.amount <> COALESCE(i.amount, 0) OR (i.unknown = 0 AND p.fee IS NOT NULL"
     " AND i.received <> p.amount - IF(p.fee_payer = 'receiver', p.fee, 0)))" LIMIT},

    {"payout-books", 2,
     "SELECT CONCAT('payout ', p.id, ' (', p.kind, ', ', p.status, ', amount ', p.amount, ', fee ',"
     " COALESCE(p.fee, 'unknown'), ' by the ', p.fee_payer, '): the ledger has miners ',"
     " COALESCE(t.miners, 0), ', in flight ', COALESCE(t.in_flight, 0), ', mature ',"
     " COALESCE(t.mature, 0), ', cold ', COALESCE(t.cold, 0))"
     " FROM payout p LEFT JOIN " OF_PAYOUTS " t ON t.payout_id = p.id"
     " WHERE p.network = ? AND NOT ("
     " COALESCE(t.miners, 0) = -CAST(IF(p.kind = 'payment' AND p.status <> 'cancelled', p.amount, "
     "0)"
     " AS SIGNED)"
     " AND COALESCE(t.in_flight, 0) = IF(p.status IN ('confirmed', 'cancelled'), 0,"
     " p.amount + IF(p.fee_payer = 'pool', COALESCE(p.fee, 0), 0))"
     " AND (p.kind = 'sweep' OR COALESCE(t.mature, 0) = IF(p.status = 'confirmed',"
     " p.amount + IF(p.fee_payer = 'pool', COALESCE(p.fee, 0), 0), 0)))" LIMIT},

    {"payout-credit", 1,
     "SELECT CONCAT('payout ', j.ref, ' (', j.kind, '), miner ', a.miner_id, ': ', "
     "COALESCE(i.amount, 0),"
     " ' by the payout, ', e.amount, ' in the ledger')" LEDGER
     " LEFT JOIN payout_item i ON i.payout_id = CAST(j.ref AS UUID) AND i.miner_id = a.miner_id"
     " WHERE j.network = ? AND j.kind IN (" PAYOUT_KINDS ") AND a.kind = 'miner'"
     " AND NOT COALESCE(CASE j.kind WHEN 'payment' THEN i.amount = -e.amount"
     " WHEN 'payment-cancelled' THEN i.amount = e.amount END, FALSE)" LIMIT},

    {"payout-entries", 3,
     "SELECT CONCAT('payout ', p.id, ' (', p.status, '): ', COALESCE(i.n, 0), ' items, ',"
     " COALESCE(t.taken, 0), ' taken and ', COALESCE(t.back, 0), ' given back in the ledger',"
     " IF(i.who <> t.who, ', of other miners', '')) FROM payout p"
     " LEFT JOIN (SELECT x.id AS payout_id, COUNT(*) AS n, SUM(" WHO ") AS who FROM payout x"
     " JOIN payout_item y ON y.payout_id = x.id WHERE x.network = ? AND y.amount > 0"
     " GROUP BY x.id) i ON i.payout_id = p.id"
     " LEFT JOIN (SELECT CAST(j.ref AS UUID) AS payout_id, SUM(j.kind = 'payment') AS taken,"
     " SUM(j.kind <> 'payment') AS back, SUM(IF(j.kind = 'payment', " WHO ", 0)) AS who,"
     " SUM(IF(j.kind = 'payment', 0, " WHO ")) AS who_back" LEDGER " WHERE j.network = ?"
     " AND j.kind IN ('payment', 'payment-cancelled') AND a.kind = 'miner' GROUP BY 1) t"
     " ON t.payout_id = p.id WHERE p.network = ?"
     " AND (COALESCE(i.n, 0) <> COALESCE(t.taken, 0) OR COALESCE(i.who, 0) <> COALESCE(t.who, 0)"
     " OR IF(p.status = 'cancelled', COALESCE(i.n, 0), 0) <> COALESCE(t.back, 0)"
     " OR IF(p.status = 'cancelled', COALESCE(i.who, 0), 0) <> COALESCE(t.who_back, 0))" LIMIT},

    {"payout-unknown", 1,
     "SELECT CONCAT('journal ', j.id, ' (', j.kind, ' ', j.ref, ') is of no payout')"
     " FROM journal j LEFT JOIN payout p ON p.id = CAST(j.ref AS UUID)"
     " WHERE j.network = ? AND j.kind IN (" PAYOUT_KINDS
     ") AND (p.id IS NULL OR p.network <> j.network)" LIMIT},
};

#define CHECKS        (sizeof checks / sizeof checks[0])
#define NETWORKS_MOST 4

/* --- findings --- */

struct findings findings_new(void)
{
    struct findings f = {json_array()};

    if (f.list == NULL)
        abort();
    return f;
}

void findings_free(struct findings *f)
{
    json_decref(f->list);
    f->list = NULL;
}

size_t findings_count(const struct findings *f)
{
    return json_array_size(f->list);
}

void findings_add(struct findings *f, const char *check, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    json_array_append_new(f->list, json_pack("{s:s, s:s}", "check", check, "text", text));
}

char *findings_text(const struct findings *f, size_t size)
{
    struct buf b = BUF_INIT(size);

    buf_add(&b, "", 0);
    for (size_t i = 0; i < json_array_size(f->list); i++) {
        const json_t *item = json_array_get(f->list, i);

        buf_addf(&b, "%s%s: %s", i > 0 ? "\n" : "",
                 json_string_value(json_object_get(item, "check")),
                 json_string_value(json_object_get(item, "text")));
    }
    char *text = mem_strdup(b.data != NULL ? b.data : "");
    buf_free(&b);
    return text;
}

/* --- checks --- */

struct reading {
    struct findings *findings;
    const char *check;
};

static bool row_difference(void *ctx, const struct db_value *v, size_t n)
{
    const struct reading *r = ctx;
    const char *text = db_text(&v[0]);

    (void)n;
    findings_add(r->findings, r->check, "%s", text != NULL ? text : "unreadable");
    return true;
}

enum db_result books_check(struct db *db, const char *network, struct findings *f)
{
    struct db_value params[NETWORKS_MOST];
    enum db_result r = DB_OK;

    for (size_t i = 0; i < NETWORKS_MOST; i++)
        params[i] = DB_TEXT(network);
    for (size_t i = 0; i < CHECKS && r == DB_OK; i++) {
        struct reading reading = {f, checks[i].name};

        r = db_query(db, checks[i].sql, params, checks[i].networks, row_difference, &reading);
        FAULT_POINT("books.check");
    }
    return r;
}

static bool row_sum(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&v[0]);
    return true;
}

enum db_result books_owed(struct db *db, const char *network, int64_t *ret)
{
    static const char sql[] =
        "SELECT CAST(COALESCE(SUM(balance), 0) AS SIGNED) FROM account WHERE network = ?"
        " AND kind IN ('miner', 'pool_fee', 'unshared', 'in_flight')";
    enum db_result r = db_query(db, sql, (struct db_value[]){DB_TEXT(network)}, 1, row_sum, ret);

    FAULT_POINT("books.owed");
    return r;
}
