#include "frontend/read/column.h"
#include "frontend/read/read.h"

struct accounts_list {
    read_account_fn *fn;
    void *ctx;
};

static bool take_account(void *ctx, const struct db_value *v, size_t n)
{
    const struct accounts_list *list = ctx;
    const struct read_account a = {
        .kind = db_text(&v[0]), .balance = column_int(&v[1]), .accounts = column_uint(&v[2])};

    (void)n;
    return list->fn(list->ctx, &a);
}

enum db_result read_ledger(struct db *db, const char *network, read_account_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT kind, balance, accounts FROM site_ledger WHERE network = ? ORDER BY kind";
    struct accounts_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network)), take_account, &list);
}

struct audits_list {
    read_audit_fn *fn;
    void *ctx;
};

static bool take_audit(void *ctx, const struct db_value *v, size_t n)
{
    const struct audits_list *list = ctx;
    const struct read_audit a = {.created_at = db_text(&v[0]),
                                 .outcome = db_text(&v[1]),
                                 .owed = column_int(&v[2]),
                                 .held = column_int(&v[3]),
                                 .asked = !db_is_null(&v[3])};

    (void)n;
    return list->fn(list->ctx, &a);
}

enum db_result read_audits(struct db *db, const char *network, const struct page *page,
                           read_audit_fn *fn, void *ctx)
{
    static const char sql[] = "SELECT created_at, outcome, owed, held FROM site_audit "
                              "WHERE network = ? ORDER BY number DESC LIMIT ? OFFSET ?";
    struct audits_list list = {fn, ctx};

    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_UINT(page->size), DB_UINT(page->offset)),
                    take_audit, &list);
}

static bool take_freeze(void *ctx, const struct db_value *v, size_t n)
{
    struct read_freeze *f = ctx;

    (void)n;
    f->frozen = column_uint(&v[0]) != 0;
    column_copy(&v[1], f->since, sizeof f->since);
    return false;
}

enum db_result read_freeze(struct db *db, const char *network, struct read_freeze *ret)
{
    static const char sql[] = "SELECT frozen, created_at FROM site_freeze WHERE network = ? "
                              "ORDER BY number DESC LIMIT 1";

    *ret = (struct read_freeze){.frozen = false};
    return db_query(db, sql, PARAMS(DB_TEXT(network)), take_freeze, ret);
}
