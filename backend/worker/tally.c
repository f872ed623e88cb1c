#include "backend/worker/tally.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#define TALLY_EVERY_MS 1000

void tally_log(struct tally *t, const char *network, const char *queue, uint64_t parked)
{
    int64_t now = clock_mono_ms();

    if ((t->batches == 0 && t->dead == 0) || now - t->logged_ms < TALLY_EVERY_MS)
        return;
    log_info("worker.batches", LOG_STR("network", network), LOG_STR("queue", queue),
             LOG_UINT("batches", t->batches), LOG_UINT("accepted", t->accepted),
             LOG_UINT("rejected", t->rejected), LOG_UINT("redelivered", t->redelivered),
             LOG_UINT("dead", t->dead), LOG_UINT("parked", parked),
             LOG_INT("slowest_ms", t->slowest_ms));
    *t = (struct tally){.logged_ms = now};
}
