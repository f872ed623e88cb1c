#include "frontend/publish/watched.h"

#include "common/base/prom.h"

static void write_one(struct prom *p, const char *name, const char *help, double value)
{
    prom_family(p, name, "gauge", help);
    prom_value(p, "", PROM_NO_LABELS, value);
}

bool watched_write(void *signs, struct buf *out)
{
    const struct publisher_signs *s = signs;
    struct prom p = {.out = out};

    write_one(&p, "penstock_publisher_clients", "Frontend processes that are connected.",
              (double)atomic_load(&s->clients));
    write_one(&p, "penstock_publisher_under_way", "Messages that the broker has not answered yet.",
              (double)atomic_load(&s->under_way));
    write_one(&p, "penstock_publisher_connected", "1: there is a connection to the broker.",
              atomic_load(&s->connected));
    prom_family(&p, "penstock_publisher_messages_total", "counter",
                "Messages answered, by what became of them.");
    for (enum broker_result r = BROKER_OK; r < BROKER_RESULTS; r++)
        if (r != BROKER_IDLE) /* which is no fate of a message */
            prom_value(&p, "", PROM_LABELS("result", broker_result_name(r)),
                       (double)atomic_load(&s->answered[r]));
    prom_family(&p, "penstock_publisher_confirm_seconds", "histogram",
                "From a message's arrival to the broker's confirm.");
    prom_histogram(&p, PROM_NO_LABELS, &s->confirm_us, &histogram_time_us);
    return !p.full;
}
