/*
 * notify: mails and webhooks of miners who asked for them, and of the operator. What is to be sent
 * is queued by what it is about, so a run that dies, or that is repeated, queues nothing twice; a
 * message may come twice when a run dies between sending it and noting so.
 */
#include "backend/notify/notify.h"
#include "backend/task/task.h"
#include "common/base/clock.h"

#include <inttypes.h>

#define MOST_MS 45000 /* the next run goes on */

static enum task_result run_notify(struct task_run *run)
{
    const struct notify_conf *conf = &run->conf->notify;
    struct notify_count count = {0};
    enum db_result r;

    if (*conf->url == '\0') {
        task_say(run, "[notify] url is not set: nobody is told anything");
        return TASK_DONE;
    }
    if (run->options->dry_run) {
        task_say(run, "would look for events and send what is queued");
        return TASK_DONE;
    }
    r = notify_collect(run->db, conf);
    if (r == DB_OK)
        r = notify_deliver(run->db, conf, clock_mono_ms() + MOST_MS, &count);
    if (r == DB_OK)
        task_say(run, "%" PRIu64 " sent, %" PRIu64 " failed, %" PRIu64 " of them given up",
                 count.sent, count.failed, count.given_up);
    return task_db(run, r, "notifications");
}

const struct task notify_task = {
    .name = "notify",
    .text = "mail and call those who asked to be told",
    .flags = TASK_OF_ALL,
    .run = run_notify,
};
