#include "frontend/read/column.h"
#include "frontend/read/read.h"

static bool take_terms(void *ctx, const struct db_value *v, size_t n)
{
    struct read_terms *t = ctx;

    (void)n;
    t->known = true;
    column_copy(&v[0], t->scheme, sizeof t->scheme);
    t->fee_bp = column_int(&v[1]);
    t->minimum_payout = column_int(&v[2]);
    return false;
}

enum db_result read_terms(struct db *db, const char *network, struct read_terms *ret)
{
    static const char sql[] =
        "SELECT scheme, fee_bp, minimum_payout FROM site_terms WHERE network = ?";

    *ret = (struct read_terms){.known = false};
    return db_query(db, sql, PARAMS(DB_TEXT(network)), take_terms, ret);
}
