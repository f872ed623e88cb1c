/* What was found and done: sums over blocks, and rates by steps of some minutes. */
#include "frontend/read/column.h"
#include "frontend/read/read.h"

#include <string.h>

/* --- blocks --- */

static bool add_sum(void *ctx, const struct db_value *v, size_t n)
{
    struct read_block_sums *sums = ctx;
    const char *status = db_text(&v[0]);
    bool lost = strcmp(status, "stale") == 0 || strcmp(status, "orphaned") == 0;
    struct read_block_sum *sum = lost                              ? &sums->lost
                                 : strcmp(status, "finished") == 0 ? &sums->split
                                                                   : &sums->pending;

    (void)n;
    sum->blocks += column_uint(&v[1]);
    sum->subsidy += column_uint(&v[2]);
    sum->difficulty += column_real(&v[3]);
    return true;
}

enum db_result read_block_sums(struct db *db, const char *network, struct read_block_sums *ret)
{
    static const char sql[] = "SELECT status, COUNT(*), SUM(subsidy), SUM(difficulty) "
                              "FROM site_block WHERE network = ? AND pool_block = 1 "
                              "GROUP BY status";

    *ret = (struct read_block_sums){0};
    return db_query(db, sql, PARAMS(DB_TEXT(network)), add_sum, ret);
}

static bool take_sum(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(struct read_block_sum *)ctx = (struct read_block_sum){.blocks = column_uint(&v[0]),
                                                            .subsidy = column_uint(&v[1]),
                                                            .difficulty = column_real(&v[2])};
    return false;
}

enum db_result read_found(struct db *db, const char *network, uint64_t days,
                          struct read_block_sum *ret)
{
    static const char sql[] =
        "SELECT COUNT(*), COALESCE(SUM(subsidy), 0), COALESCE(SUM(difficulty), 0) FROM site_block "
        "WHERE network = ? AND pool_block = 1 AND chain_time > UTC_TIMESTAMP() - INTERVAL ? DAY "
        "AND status NOT IN ('orphaned', 'stale')";

    *ret = (struct read_block_sum){0};
    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(days)), take_sum, ret);
}

static bool take_subsidy(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(uint64_t *)ctx = column_uint(&v[0]);
    return false;
}

enum db_result read_subsidy(struct db *db, const char *network, uint64_t *ret)
{
    static const char sql[] =
        "SELECT subsidy FROM site_block WHERE network = ? AND status <> 'orphaned' "
        "AND subsidy > 0 ORDER BY height DESC LIMIT 1";

    *ret = 0;
    return db_query(db, sql, PARAMS(DB_TEXT(network)), take_subsidy, ret);
}

/* --- by steps of minutes --- */

struct fine_list {
    read_fine_fn *fn;
    void *ctx;
};

static bool take_fine(void *ctx, const struct db_value *v, size_t n)
{
    const struct fine_list *list = ctx;
    const struct read_fine f = {.minute = column_uint(&v[0]) * READ_FINE_STEP,
                                .shares = column_uint(&v[1]),
                                .difficulty = column_real(&v[2])};

    (void)n;
    return list->fn(list->ctx, &f);
}

/* The first minute of the step READ_FINE_MINUTES ago, and the first of the step under way. */
static int64_t first_minute(int64_t now_s)
{
    return now_s / 60 / READ_FINE_STEP * READ_FINE_STEP - READ_FINE_MINUTES;
}

#define STEP "minute DIV 5"
_Static_assert(READ_FINE_STEP == 5 && READ_FINE_MINUTES == 120, "as the statements say");

enum db_result read_fine(struct db *db, const char *network, int64_t now_s, read_fine_fn *fn,
                         void *ctx)
{
    static const char sql[] = "SELECT " STEP " AS step, SUM(shares), SUM(difficulty) "
                              "FROM site_minute WHERE network = ? AND minute >= ? AND minute < ? "
                              "GROUP BY step ORDER BY step";
    struct fine_list list = {fn, ctx};
    int64_t first = first_minute(now_s);

    return db_query(db, sql,
                    PARAMS(DB_TEXT(network), DB_INT(first), DB_INT(first + READ_FINE_MINUTES)),
                    take_fine, &list);
}

/* As in miner.c: a key's second column is looked up by, one minute after the other. */
#define OR(n) " UNION ALL SELECT " #n
#define ONES  "(SELECT 0 AS i" OR(1) OR(2) OR(3) OR(4) OR(5) OR(6) OR(7) OR(8) OR(9) ")"
#define TWELVE                                                                                     \
    "(SELECT 0 AS i" OR(1) OR(2) OR(3) OR(4) OR(5) OR(6) OR(7) OR(8) OR(9) OR(10) OR(11) ")"

enum db_result read_miner_fine(struct db *db, const char *network, const char *address,
                               int64_t now_s, read_fine_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT m." STEP " AS step, SUM(m.shares), SUM(m.difficulty) "
                              "FROM " TWELVE " tens JOIN " ONES " ones "
                              "JOIN site_worker_minute m ON m.minute = ? + 10 * tens.i + ones.i "
                              "WHERE m.network = ? AND m.address = ? GROUP BY step ORDER BY step";
    struct fine_list list = {fn, ctx};

    return db_query(db, sql,
                    PARAMS(DB_INT(first_minute(now_s)), DB_TEXT(network), DB_TEXT(address)),
                    take_fine, &list);
}
