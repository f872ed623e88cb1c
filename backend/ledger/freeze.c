#include "backend/ledger/freeze.h"

#include "common/base/fault.h"
#include "common/base/log.h"

#include <stdio.h>

static bool take(void *ctx, const struct db_value *row, size_t n)
{
    struct freeze *ret = ctx;

    (void)n;
    ret->frozen = db_int(&row[0]) != 0;
    snprintf(ret->reason, sizeof(ret->reason), "%s", db_text(&row[1]));
    return false;
}

enum db_result freeze_read(struct db *db, const char *network, struct freeze *ret)
{
    *ret = (struct freeze){.frozen = false};
    return FAULT_CALL("freeze.read",
                      db_query(db,
                               "SELECT frozen, reason FROM payout_freeze WHERE network = ?"
                               " ORDER BY id DESC LIMIT 1",
                               &DB_TEXT(network), 1, take, ret),
                      DB_UNAVAILABLE, DB_UNAVAILABLE);
}

/* The log comes first: should the database not answer, somebody knows at least. */
enum db_result freeze_set(struct db *db, const char *network, bool frozen, const char *reason)
{
    char text[FREEZE_REASON_MAX + 1];
    uint64_t changed = 0;
    enum db_result r;

    snprintf(text, sizeof(text), "%s", reason);
    const struct db_value values[] = {DB_TEXT(network), DB_INT(frozen), DB_TEXT(text),
                                      DB_TEXT(network), DB_INT(frozen)};
    if (frozen)
        log_error("payouts.frozen", LOG_STR("network", network), LOG_STR("why", text));
    r = FAULT_CALL("freeze.set",
                   db_exec(db,
                           "INSERT INTO payout_freeze (network, frozen, reason)"
                           " SELECT ?, ?, ? FROM DUAL WHERE COALESCE((SELECT frozen FROM"
                           " payout_freeze WHERE network = ? ORDER BY id DESC LIMIT 1), 0) <> ?",
                           values, 5, &changed),
                   DB_UNCERTAIN, DB_UNAVAILABLE);
    if (r == DB_OK && changed > 0 && !frozen)
        log_warning("payouts.thawed", LOG_STR("network", network), LOG_STR("why", text));
    return r;
}
