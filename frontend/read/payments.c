#include "frontend/read/column.h"
#include "frontend/read/read.h"

#define COLUMNS "SELECT address, amount, status, txid, confirmations, created_at, sent_at "

struct payments_list {
    read_payment_fn *fn;
    void *ctx;
};

static bool take_payment(void *ctx, const struct db_value *v, size_t n)
{
    const struct payments_list *list = ctx;
    const struct read_payment p = {.address = db_text(&v[0]),
                                   .amount = column_uint(&v[1]),
                                   .status = db_text(&v[2]),
                                   .txid = db_text(&v[3]),
                                   .confirmations = db_int(&v[4]),
                                   .created_at = db_text(&v[5]),
                                   .sent_at = db_text(&v[6])};

    (void)n;
    return list->fn(list->ctx, &p);
}

enum db_result read_payments(struct db *db, const char *network, const char *address,
                             const struct page *page, read_payment_fn *fn, void *ctx)
{
    static const char all_sql[] = COLUMNS "FROM site_payment WHERE network = ? "
                                          "ORDER BY created_at DESC, address LIMIT ? OFFSET ?";
    static const char one_sql[] = COLUMNS "FROM site_payment WHERE network = ? AND address = ? "
                                          "ORDER BY created_at DESC LIMIT ? OFFSET ?";
    struct payments_list list = {fn, ctx};

    if (!address)
        return db_query(db, all_sql,
                        PARAMS(DB_TEXT(network), DB_UINT(page->size), DB_UINT(page->offset)),
                        take_payment, &list);
    return db_query(
        db, one_sql,
        PARAMS(DB_TEXT(network), DB_TEXT(address), DB_UINT(page->size), DB_UINT(page->offset)),
        take_payment, &list);
}

static bool take_paid(void *ctx, const struct db_value *v, size_t n)
{
    struct read_paid *p = ctx;

    (void)n;
    p->total = column_uint(&v[0]);
    p->today = column_uint(&v[1]);
    column_copy(&v[2], p->last, sizeof p->last);
    column_copy(&v[3], p->last_txid, sizeof p->last_txid);
    return false;
}

enum db_result read_paid(struct db *db, const char *network, const char *address,
                         struct read_paid *ret)
{
    /* The transaction of the last time: behind 26 characters of it, in the greatest of both. */
    static const char sql[] =
        "SELECT COALESCE(SUM(amount), 0), "
        "COALESCE(SUM(IF(sent_at >= UTC_DATE(), amount, 0)), 0), "
        "MAX(sent_at), SUBSTR(MAX(CONCAT(sent_at, txid)), 27) FROM site_payment "
        "WHERE network = ? AND address = ? AND status IN ('sent', 'confirmed')";

    *ret = (struct read_paid){0};
    return db_query(db, sql, PARAMS(DB_TEXT(network), DB_TEXT(address)), take_paid, ret);
}
