#include "frontend/read/column.h"
#include "frontend/read/read.h"

struct blocks_list {
    read_block_fn *fn;
    void *ctx;
};

static bool take_block(void *ctx, const struct db_value *v, size_t n)
{
    const struct blocks_list *list = ctx;
    const struct read_block b = {.height = column_uint(&v[0]),
                                 .hash = db_text(&v[1]),
                                 .status = db_text(&v[2]),
                                 .subsidy = column_uint(&v[3]),
                                 .chain_time = db_text(&v[4]),
                                 .created_at = db_text(&v[5]),
                                 .difficulty = column_real(&v[6]),
                                 .finder = db_text(&v[7])};

    (void)n;
    return list->fn(list->ctx, &b);
}

enum db_result read_blocks(struct db *db, const char *network, const struct page *page,
                           read_block_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT height, hash, status, subsidy, chain_time, created_at, difficulty, finder "
        "FROM site_block WHERE network = ? AND pool_block = 1 "
        "ORDER BY height DESC LIMIT ? OFFSET ?";
    struct blocks_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(page->size), DB_UINT(page->offset)),
                    take_block, &list);
}
