#include "backend/worker/progress.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"

#define EVERY_MS   1000
#define LONG_AGO_S 3600

void progress_init(struct progress *p)
{
    struct uuid id;

    *p = (struct progress){.told_ms = -EVERY_MS, .asked_ms = -EVERY_MS};
    uuid_v7(&id);
    uuid_format(&id, p->lane);
}

void progress_settled(struct progress *p, int64_t oldest_us)
{
    if (oldest_us != INT64_MAX)
        p->settled_us = oldest_us;
}

void progress_idle(struct progress *p, struct broker *broker, const char *queue)
{
    int64_t before = clock_real_us(); /* what comes while the broker answers is younger */
    uint64_t depth = 0;

    if (clock_mono_ms() - p->asked_ms < EVERY_MS)
        return;
    p->asked_ms = clock_mono_ms();
    if (broker_queue_depth(broker, queue, &depth) == BROKER_OK && depth == 0)
        p->settled_us = before;
    p->idle = p->settled_us == before;
    FAULT_POINT("progress.asked");
}

void progress_busy(struct progress *p)
{
    p->idle = false;
}

static void write_row(struct progress *p, struct db *db, const char *network, int64_t ago_s)
{
    static const char sql[] =
        "INSERT INTO lane_progress (lane, network, settled_until, seen_at, version) VALUES (?, ?, "
        "TIMESTAMP'1970-01-01 00:00:00' + INTERVAL ? MICROSECOND, "
        "UTC_TIMESTAMP(6) - INTERVAL ? SECOND, LEFT(?, 32)) "
        "ON DUPLICATE KEY UPDATE settled_until = VALUES(settled_until), "
        "seen_at = VALUES(seen_at)";
    const struct db_value v[] = {DB_TEXT(p->lane), DB_TEXT(network), DB_INT(p->settled_us),
                                 DB_INT(ago_s), DB_TEXT(PENSTOCK_VERSION)};
    enum db_result r = db_exec(db, sql, v, sizeof(v) / sizeof(v[0]), NULL);

    FAULT_POINT("progress.told");
    p->told_ms = clock_mono_ms();
    if (r != DB_OK)
        log_debug("worker.progress", LOG_STR("result", db_result_name(r)),
                  LOG_STR("error", db_error(db)));
}

void progress_tell(struct progress *p, struct db *db, const char *network)
{
    if (clock_mono_ms() - p->told_ms >= EVERY_MS)
        write_row(p, db, network, 0);
}

void progress_end(struct progress *p, struct db *db, const char *network)
{
    if (p->idle)
        write_row(p, db, network, LONG_AGO_S);
}
