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
enum db_result freeze_set(struct db *db, const char *network, const char *who, const char *reason)
{
    char text[FREEZE_REASON_MAX + 1], human[FREEZE_WHO_MAX + 1];

    snprintf(text, sizeof(text), "%s", reason);
    snprintf(human, sizeof(human), "%s", who);
    const struct db_value values[] = {DB_TEXT(network), DB_TEXT(text), DB_TEXT(human),
                                      DB_TEXT(network)};
    log_error("payouts.frozen", LOG_STR("network", network), LOG_STR("why", text),
              LOG_STR("who", human));
    return FAULT_CALL("freeze.set",
                      db_exec(db,
                              "INSERT INTO payout_freeze (network, frozen, reason, who)"
                              " SELECT ?, TRUE, ?, ? FROM DUAL WHERE NOT COALESCE((SELECT frozen"
                              " FROM payout_freeze WHERE network = ? ORDER BY id DESC LIMIT 1), 0)",
                              values, 4, NULL),
                      DB_UNCERTAIN, DB_UNAVAILABLE);
}
