/* What is to be sent: found by statements that may be repeated, for each event has a name. */
#include "backend/notify/notify.h"
#include "common/base/fault.h"

#define NIL      "'00000000-0000-0000-0000-000000000000'"
#define MOST_NEW 100 /* wishes that one run looks at */
#define QUEUE                                                                                      \
    "INSERT IGNORE INTO notify_queue (subscription_id, channel, event, network, kind, detail) "
#define ACTIVE       "FROM notify_state t JOIN notify_subscription s ON s.id = t.subscription_id "
#define WISHES(what) "WHERE t.status = 'active' AND FIND_IN_SET('" what "', s.events) "
#define RECENT       "GREATEST(t.confirmed_at, UTC_TIMESTAMP(6) - INTERVAL 1 DAY)"

/* One wish at a time, so that each sees those before it: an address is asked three times a day at
 * most, on behalf of one miner five are. */
static enum db_result ask_one(struct db *db, uint64_t *ret_asked)
{
    static const char sql[] =
        "INSERT IGNORE INTO notify_state (subscription_id, status, secret) SELECT s.id, "
        "IF((SELECT COUNT(*) FROM notify_subscription o JOIN notify_state p "
        "ON p.subscription_id = o.id AND p.status <> 'refused' WHERE o.target = s.target "
        "AND p.asked_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY) >= 3 "
        "OR (SELECT COUNT(*) FROM notify_subscription o JOIN notify_state p "
        "ON p.subscription_id = o.id AND p.status <> 'refused' WHERE o.network = s.network "
        "AND o.address = s.address AND p.asked_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY) >= 5 "
        "OR NOT EXISTS (SELECT 1 FROM miner m WHERE m.network = s.network "
        "AND m.address = s.address), 'refused', 'asked'), RANDOM_BYTES(16) "
        "FROM notify_subscription s LEFT JOIN notify_state t ON t.subscription_id = s.id "
        "WHERE t.subscription_id IS NULL AND s.created_at > UTC_TIMESTAMP(6) - INTERVAL 2 DAY "
        "ORDER BY s.created_at LIMIT 1";
    enum db_result r = db_exec(db, sql, NULL, 0, ret_asked);

    FAULT_POINT("notify.asked");
    return r;
}

static enum db_result run(struct db *db, const char *sql)
{
    enum db_result r = db_exec(db, sql, NULL, 0, NULL);

    FAULT_POINT("notify.collected");
    return r;
}

static const char *const steps[] = {
    "UPDATE notify_state t JOIN notify_token k ON k.subscription_id = t.subscription_id "
    "JOIN notify_answer a ON a.token_hash = k.token_hash AND a.kind = 'confirm' "
    "SET t.status = 'active', t.confirmed_at = UTC_TIMESTAMP(6) "
    "WHERE t.status = 'asked' AND k.created_at > UTC_TIMESTAMP(6) - INTERVAL 7 DAY",
    "UPDATE notify_state t JOIN notify_token k ON k.subscription_id = t.subscription_id "
    "JOIN notify_answer a ON a.token_hash = k.token_hash AND a.kind = 'stop' "
    "SET t.status = 'ended', t.ended_at = UTC_TIMESTAMP(6) WHERE t.status IN ('asked', 'active')",
    QUEUE "SELECT s.id, s.channel, 'confirm', s.network, 'confirm', "
          "CONCAT('Somebody asks that this address be told of what happens to miner ', s.address, "
          "'.') " ACTIVE
          "WHERE t.status = 'asked' AND t.asked_at > UTC_TIMESTAMP(6) - INTERVAL 1 DAY",
    QUEUE "SELECT s.id, s.channel, CONCAT('block:', b.id), b.network, 'block', "
          "CONCAT('The pool found block ', b.height, ' (', LOWER(HEX(b.hash)), ').') " ACTIVE
          "JOIN block b ON b.network = s.network AND b.pool_block = 1 AND b.status <> 'orphaned' "
          "AND b.created_at > " RECENT " " WISHES("block"),
    QUEUE "SELECT s.id, s.channel, CONCAT('payout:', p.id), p.network, 'payout', "
          "CONCAT('The pool sent ', i.amount, ' base units to ', i.address, ', in transaction ', "
          "LOWER(HEX(p.txid)), '.') " ACTIVE
          "JOIN miner m ON m.network = s.network AND m.address = s.address "
          "JOIN payout_item i ON i.miner_id = m.id JOIN payout p ON p.id = i.payout_id "
          "AND p.status IN ('sent', 'confirmed') AND p.sent_at > " RECENT " " WISHES("payout"),
};

/* A worker is silent once it has sent nothing for a while, after it did since the confirmation. */
static enum db_result find_silent(struct db *db, int64_t minutes)
{
    static const char sql[] = QUEUE
        "SELECT s.id, s.channel, CONCAT('silent:', w.id, ':', d.last_minute), s.network, 'silent', "
        "CONCAT('Worker ', w.name, ' sent its last share at ', "
        "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL d.last_minute MINUTE, ' UTC.') " ACTIVE
        "JOIN miner m ON m.network = s.network AND m.address = s.address "
        "JOIN worker_day d ON d.miner_id = m.id JOIN worker w ON w.id = d.worker_id " WISHES(
            "silent") "AND d.last_minute < UNIX_TIMESTAMP() DIV 60 - ? "
                      "AND TIMESTAMP'1970-01-01 00:00:00' + INTERVAL d.last_minute MINUTE "
                      "> " RECENT;
    const struct db_value v = DB_INT(minutes);
    enum db_result r = db_exec(db, sql, &v, 1, NULL);

    FAULT_POINT("notify.silent");
    return r;
}

/* Once a day and network. */
static enum db_result tell_operator(struct db *db, const char *channel)
{
    static const char sql[] = QUEUE
        "SELECT " NIL ", ?, CONCAT('audit:', network, ':', DATE(created_at)), network, 'audit', "
        "CONCAT('The audit of ', network, ' found a difference, and payouts are frozen: ', "
        "LEFT(detail, 300)) "
        "FROM audit_run WHERE outcome = 'difference' AND created_at > UTC_TIMESTAMP(6) - INTERVAL "
        "1 DAY";
    const struct db_value v = DB_TEXT(channel);
    enum db_result r = db_exec(db, sql, &v, 1, NULL);

    FAULT_POINT("notify.operator");
    return r;
}

enum db_result notify_collect(struct db *db, const struct notify_conf *conf)
{
    enum db_result r = DB_OK;
    uint64_t asked = 1;

    for (int i = 0; r == DB_OK && asked > 0 && i < MOST_NEW; i++)
        r = ask_one(db, &asked);
    for (size_t i = 0; r == DB_OK && i < sizeof steps / sizeof steps[0]; i++)
        r = run(db, steps[i]);
    if (r == DB_OK)
        r = find_silent(db, conf->silent_minutes);
    if (r == DB_OK && *conf->operator_mail)
        r = tell_operator(db, "mail");
    if (r == DB_OK && *conf->operator_webhook)
        r = tell_operator(db, "webhook");
    return r;
}
