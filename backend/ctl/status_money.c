/* What has become of the money lately, for `penstockctl status`: counts, which cost little; amounts
 * are what `balances` and `payouts list` are for. */
#include "backend/ctl/status.h"

static bool take_money(void *ctx, const struct db_value *row, size_t n)
{
    struct status_money *m = ctx;

    (void)n;
    *m = (struct status_money){.known = true,
                               .split = db_uint(&row[0]),
                               .sent = db_uint(&row[1]),
                               .confirmed = db_uint(&row[2]),
                               .frozen = db_int(&row[3]) != 0};
    return true;
}

enum db_result status_read_money(struct db *db, const char *network, int64_t since_s,
                                 struct status_money *ret)
{
    static const char sql[] =
        "SELECT (SELECT COUNT(*) FROM block WHERE network = ? AND pool_block"
        " AND status = 'finished' AND finished_at >= FROM_UNIXTIME(?)),"
        " (SELECT COUNT(*) FROM payout WHERE network = ? AND kind = 'payment'"
        " AND status IN ('sent', 'confirmed') AND created_at >= FROM_UNIXTIME(?)),"
        " (SELECT COUNT(*) FROM payout WHERE network = ? AND kind = 'payment'"
        " AND status = 'confirmed' AND created_at >= FROM_UNIXTIME(?)),"
        " COALESCE((SELECT frozen FROM payout_freeze WHERE network = ? ORDER BY id DESC LIMIT 1), "
        "0)";
    const struct db_value v[] = {DB_TEXT(network), DB_INT(since_s),  DB_TEXT(network),
                                 DB_INT(since_s),  DB_TEXT(network), DB_INT(since_s),
                                 DB_TEXT(network)};

    return db_query(db, sql, v, sizeof v / sizeof v[0], take_money, ret);
}
