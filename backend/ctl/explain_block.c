/* explain BLOCK: the split, from the weights that were kept and from the shares themselves. */
#include "backend/ctl/explain.h"
#include "backend/ledger/amount.h"
#include "backend/ledger/scheme.h"
#include "backend/ledger/settle.h"
#include "common/base/mem.h"
#include "common/coin/u256.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct block {
    struct scheme_block base;
    char network[33], hash[65], status[16], note[161], found[32];
    uint64_t subsidy;
    bool is_split;
    enum payout_scheme scheme;
    unsigned fee_bp;
    uint64_t split_subsidy, fee, shares;
    weight_t wanted, weight;
};

struct blocks {
    struct block *block;
    size_t n;
};

#define COLUMNS                                                                                    \
    "SELECT b.id, b.network, b.height, LOWER(HEX(b.hash)), b.status, b.note, b.subsidy,"           \
    " CAST(b.finder_id AS CHAR), s.scheme, s.fee_bp, s.subsidy, s.fee, s.wanted, s.shares,"        \
    " s.weight, DATE_FORMAT(b.created_at, '%Y-%m-%d %H:%i:%S')"                                    \
    " FROM block b LEFT JOIN block_split s ON s.block_id = b.id WHERE b.pool_block"                \
    " AND (? IS NULL OR b.network = ?)"

static enum payout_scheme scheme_by_name(const char *name)
{
    int i = 0;

    while (scheme_names[i + 1] != NULL && strcmp(scheme_names[i], name) != 0)
        i++;
    return (enum payout_scheme)i;
}

static void take_split(struct block *b, const struct db_value *v)
{
    b->is_split = !db_is_null(&v[0]);
    if (!b->is_split)
        return;
    b->scheme = scheme_by_name(db_text(&v[0]));
    b->fee_bp = (unsigned)db_uint(&v[1]);
    b->split_subsidy = db_uint(&v[2]);
    b->fee = db_uint(&v[3]);
    if (!db_is_null(&v[4]))
        weight_parse(db_text(&v[4]), &b->wanted);
    b->shares = db_uint(&v[5]);
    weight_parse(db_text(&v[6]), &b->weight);
}

static bool take_block(void *ctx, const struct db_value *v, size_t n)
{
    struct blocks *list = ctx;

    (void)n;
    list->block = mem_resize(list->block, list->n + 1, sizeof *list->block);
    struct block *b = &list->block[list->n++];
    *b = (struct block){.base = {.id = db_uint(&v[0]), .height = db_uint(&v[2])},
                        .subsidy = db_uint(&v[6])};
    snprintf(b->network, sizeof b->network, "%s", db_text(&v[1]));
    snprintf(b->hash, sizeof b->hash, "%s", db_text(&v[3]));
    snprintf(b->status, sizeof b->status, "%s", db_text(&v[4]));
    snprintf(b->note, sizeof b->note, "%s", db_text(&v[5]));
    snprintf(b->found, sizeof b->found, "%s", db_text(&v[15]));
    if (!db_is_null(&v[7]))
        b->base.has_finder = uuid_parse(db_text(&v[7]), strlen(db_text(&v[7])), &b->base.finder);
    take_split(b, &v[8]);
    return true;
}

/* --- the credits: as kept, as worked out again, as posted --- */

struct line {
    char address[91];
    uint64_t stored;
    int64_t posted;
};

/* CREDIT[i] and LINE[i] are of the same miner. */
struct lines {
    struct credit *credit;
    struct line *line;
    size_t n;
};

static bool take_line(void *ctx, const struct db_value *v, size_t n)
{
    struct lines *l = ctx;
    struct credit c = {.shares = (uint64_t)sheet_number(&v[2])};
    struct line line = {.stored = (uint64_t)sheet_number(&v[4]), .posted = sheet_number(&v[5])};

    (void)n;
    uuid_parse(db_text(&v[0]), strlen(db_text(&v[0])), &c.miner);
    weight_parse(db_text(&v[3]), &c.weight);
    snprintf(line.address, sizeof line.address, "%s", db_is_null(&v[1]) ? "-" : db_text(&v[1]));
    l->credit = mem_resize(l->credit, l->n + 1, sizeof *l->credit);
    l->line = mem_resize(l->line, l->n + 1, sizeof *l->line);
    l->credit[l->n] = c;
    l->line[l->n++] = line;
    return true;
}

/* Every miner that has a credit or a posting of the block. */
static const char sql_lines[] =
    "SELECT CAST(x.miner_id AS CHAR), m.address, SUM(x.shares), SUM(x.weight), SUM(x.amount),"
    " SUM(x.posted) FROM (SELECT miner_id, shares, weight, amount, 0 AS posted FROM block_credit"
    " WHERE block_id = ? UNION ALL SELECT a.miner_id, 0, 0, 0, e.amount FROM journal j"
    " JOIN entry e ON e.journal_id = j.id JOIN account a ON a.id = e.account_id"
    " WHERE j.kind = 'share-out' AND j.ref LIKE CONCAT(?, '.%') AND a.kind = 'miner') x"
    " LEFT JOIN miner m ON m.id = x.miner_id GROUP BY x.miner_id ORDER BY SUM(x.amount) DESC,"
    " x.miner_id";

static const char sql_posted[] =
    "SELECT COALESCE(SUM(IF(a.kind = 'pool_fee', e.amount, 0)), 0),"
    " COALESCE(SUM(IF(a.kind = 'unshared', e.amount, 0)), 0),"
    " COALESCE(SUM(IF(a.kind = 'mature', e.amount, 0)), 0), COALESCE(SUM(e.amount), 0)"
    " FROM journal j JOIN entry e ON e.journal_id = j.id JOIN account a ON a.id = e.account_id"
    " WHERE j.kind = 'share-out' AND j.ref LIKE CONCAT(?, '.%')";

struct posted {
    int64_t fee, unshared, mature, sum;
};

static bool take_posted(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(struct posted *)ctx = (struct posted){sheet_number(&v[0]), sheet_number(&v[1]),
                                            sheet_number(&v[2]), sheet_number(&v[3])};
    return false;
}

static const struct sheet_column columns[] = {
    {"address", SHEET_TEXT},  {"shares", SHEET_COUNT},      {"weight", SHEET_TEXT},
    {"amount", SHEET_AMOUNT}, {"worked_out", SHEET_AMOUNT}, {"ledger", SHEET_AMOUNT},
};

static void show_lines(struct explain *e, json_t *object, const struct lines *l)
{
    struct sheet s = sheet_new(columns, sizeof columns / sizeof columns[0]);
    char weight[WEIGHT_TEXT_MAX + 1];

    s.table.right |= 1U << 2;
    for (size_t i = 0; i < l->n; i++) {
        weight_format(l->credit[i].weight, weight);
        const struct db_value row[] = {
            DB_TEXT(l->line[i].address), DB_UINT(l->credit[i].shares), DB_TEXT(weight),
            DB_UINT(l->line[i].stored),  DB_UINT(l->credit[i].amount), DB_INT(l->line[i].posted),
        };
        sheet_row(&s, row, 6);
    }
    explain_sheet(e, object, "credits", &s);
    sheet_free(&s);
}

/* --- the checks --- */

static void check_sums(struct explain *e, json_t *object, const struct block *b,
                       const struct lines *l, const struct posted *p)
{
    uint64_t credited = 0, shares = 0, differing = 0, misposted = 0;
    weight_t weight = 0;

    for (size_t i = 0; i < l->n; i++) {
        credited += l->line[i].stored;
        shares += l->credit[i].shares;
        weight += l->credit[i].weight;
        differing += l->line[i].stored != l->credit[i].amount;
        misposted += l->line[i].posted != (int64_t)l->line[i].stored;
    }
    explain_check(e, object, b->fee + credited == b->subsidy && b->split_subsidy == b->subsidy,
                  "fee %" PRIu64 " + credits %" PRIu64 " = the reward, %" PRIu64 " units", b->fee,
                  credited, b->subsidy);
    explain_check(e, object, differing == 0,
                  "each credit is what its weight gives, worked out again (%" PRIu64
                  " of %zu differ)",
                  differing, l->n);
    explain_check(e, object, shares == b->shares && weight == b->weight,
                  "the credits' shares and weights are those of the split");
    explain_check(e, object, misposted == 0,
                  "each credit is in the ledger (%" PRIu64 " of %zu differ)", misposted, l->n);
    explain_check(e, object,
                  p->fee == (int64_t)b->fee && p->unshared == -(int64_t)b->subsidy &&
                      p->mature == -(int64_t)b->subsidy && p->sum == 0,
                  "fee, unshared and mature are in the ledger, and its entries sum to zero");
}

static bool same_weights(const struct lines *l, const struct weights *w)
{
    size_t matched = 0;

    for (size_t i = 0; i < l->n; i++) {
        size_t low = 0, high = w->n;

        while (low < high) { /* they are in the order of the ids */
            size_t mid = (low + high) / 2;
            if (memcmp(w->credit[mid].miner.b, l->credit[i].miner.b, 16) < 0)
                low = mid + 1;
            else
                high = mid;
        }
        matched += low < w->n && uuid_equal(&w->credit[low].miner, &l->credit[i].miner) &&
                   w->credit[low].weight == l->credit[i].weight &&
                   w->credit[low].shares == l->credit[i].shares;
    }
    return matched == l->n && w->n == l->n;
}

/* The clean-up drops shares, a day at a time: then there are fewer than there were. */
static enum db_result check_shares(struct explain *e, json_t *object, const struct block *b,
                                   const struct lines *l)
{
    struct weights w;
    enum db_result r = scheme_weights(e->db, &b->base, b->scheme, b->wanted, &w);

    if (r != DB_OK) {
        weights_free(&w);
        return r;
    }
    json_object_set_new(object, "shares_left", json_integer((json_int_t)w.shares));
    if (w.shares < b->shares)
        explain_line(
            e, "           the shares themselves are gone: %" PRIu64 " of %" PRIu64 " are left",
            w.shares, b->shares);
    else
        explain_check(e, object, w.scheme == b->scheme && same_weights(l, &w),
                      "the %" PRIu64 " shares that are stored give these weights", w.shares);
    weights_free(&w);
    return DB_OK;
}

/* The same calculation as share-out's, from the weights that were kept. */
static void work_out(const struct block *b, struct lines *l)
{
    struct settlement s = {.subsidy = b->subsidy, .fee_bp = b->fee_bp};

    s.weights.credit = l->credit;
    s.weights.n = l->n;
    settlement_split(&s);
}

static enum db_result explain_split(struct explain *e, json_t *object, struct block *b)
{
    const struct db_value id = DB_UINT(b->base.id), ids[] = {id, id};
    struct lines l = {NULL, NULL, 0};
    struct posted p = {0};
    enum db_result r = db_query(e->db, sql_lines, ids, 2, take_line, &l);

    if (r == DB_OK)
        r = db_query(e->db, sql_posted, &id, 1, take_posted, &p);
    if (r == DB_OK) {
        work_out(b, &l);
        show_lines(e, object, &l);
        check_sums(e, object, b, &l, &p);
        r = check_shares(e, object, b, &l);
    }
    free(l.credit);
    free(l.line);
    return r;
}

/* --- a block --- */

static void show_head(struct explain *e, json_t *object, const struct block *b)
{
    char subsidy[AMOUNT_TEXT], fee[AMOUNT_TEXT], weight[WEIGHT_TEXT_MAX + 1];
    char wanted[WEIGHT_TEXT_MAX + 1], number[32];

    amount_format((int64_t)b->subsidy, subsidy);
    amount_format((int64_t)b->fee, fee);
    weight_format(b->weight, weight);
    weight_format(b->wanted, wanted);
    explain_line(e, "block %" PRIu64 " of %s, %s", b->base.height, b->network, b->hash);
    explain_line(e, "%s; stored %s; reward %s%s%s", b->status, b->found, subsidy,
                 b->note[0] != '\0' ? "; " : "", b->note);
    if (b->is_split)
        explain_line(
            e,
            "split by %s: fee %u.%02u %% rounded down = %s, the rest by weight among %" PRIu64
            " shares of weight %s%s%s; what the rounding leaves, to the largest remainders",
            scheme_names[b->scheme], b->fee_bp / 100, b->fee_bp % 100, fee, b->shares, weight,
            b->scheme == SCHEME_PPLNS ? " of the window's " : "",
            b->scheme == SCHEME_PPLNS ? wanted : "");
    snprintf(number, sizeof number, "%" PRIu64, b->subsidy);
    json_object_update_new(object, json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s}", "kind", "block",
                                             "network", b->network, "height",
                                             (json_int_t)b->base.height, "hash", b->hash, "status",
                                             b->status, "subsidy", number, "note", b->note));
    if (!b->is_split)
        return;
    snprintf(number, sizeof number, "%" PRIu64, b->fee);
    json_object_update_new(object,
                           json_pack("{s:s,s:I,s:s,s:I,s:s}", "scheme", scheme_names[b->scheme],
                                     "fee_bp", (json_int_t)b->fee_bp, "fee", number, "shares",
                                     (json_int_t)b->shares, "weight", weight));
}

static enum db_result explain_one(struct explain *e, struct block *b)
{
    json_t *object = json_object();
    enum db_result r = DB_OK;

    json_array_append_new(e->out, object);
    if (e->found++ > 0)
        explain_line(e, "%s", "");
    b->base.network = b->network;
    show_head(e, object, b);
    if (b->is_split)
        return explain_split(e, object, b);
    explain_check(e, object, strcmp(b->status, "finished") != 0 || b->note[0] != '\0',
                  "it is not split, and is not said to be");
    return r;
}

enum db_result explain_block(struct explain *e, const char *what)
{
    const struct db_value network = e->network != NULL ? DB_TEXT(e->network) : DB_NULL;
    struct blocks list = {NULL, 0};
    struct u256 hash;
    enum db_result r = DB_OK;
    size_t len = strlen(what);

    if (len > 0 && len <= 10 && strspn(what, "0123456789") == len)
        r = db_query(e->db, COLUMNS " AND b.height = ? ORDER BY b.network, b.id LIMIT 100",
                     (const struct db_value[]){network, network, DB_TEXT(what)}, 3, take_block,
                     &list);
    else if (len == 64 && u256_from_hex(what, len, &hash))
        r = db_query(e->db, COLUMNS " AND b.hash = ? ORDER BY b.network LIMIT 100",
                     (const struct db_value[]){network, network, DB_BYTES(hash.be, sizeof hash.be)},
                     3, take_block, &list);
    for (size_t i = 0; r == DB_OK && i < list.n; i++)
        r = explain_one(e, &list.block[i]);
    free(list.block);
    return r;
}
