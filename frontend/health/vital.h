/*
 * The pool's vital signs, as far as a frontend sees them: /isalive judges them, /metrics prints
 * them.
 */
#ifndef PENSTOCK_FRONTEND_HEALTH_VITAL_H
#define PENSTOCK_FRONTEND_HEALTH_VITAL_H

#include "frontend/fcgi/service.h"

#define VITAL_TASKS 8 /* rows of vital_tasks */
#define VITAL_NEVER (-1)

/* What the schedule runs, and how long after a run's end the next one must have ended. */
struct vital_task {
    const char *name;
    int64_t limit_s;
    bool daily; /* may not have run yet where the pool is new */
};
extern const struct vital_task vital_tasks[VITAL_TASKS];

struct vital_run {
    int64_t age_s; /* since the end of the last run that did not fail; VITAL_NEVER */
    bool late;
};

#define VITAL_VERSIONS_SIZE 160

struct vital_network {
    const struct network *net;
    char worker_versions[VITAL_VERSIONS_SIZE]; /* of the workers that live, with spaces between */
    char jobs_version[40];                     /* of penstock-jobs; "": none lives */
    int64_t tip_age_s;    /* since the workers first saw the newest block; VITAL_NEVER */
    int64_t worker_age_s; /* since a worker last said that it is alive; VITAL_NEVER */
    int64_t job_age_s;    /* since the newest job was made of a template; VITAL_NEVER: not lately */
    bool jobless;         /* penstock-jobs cannot make any, or has ended within the last day */
    uint64_t tip_height;
    bool frozen; /* payouts are */
    struct vital_run run[VITAL_TASKS];
};

struct vital_queue {
    char name[80];
    uint64_t messages;
    bool known;
};

struct vital {
    bool database, broker;
    struct vital_network *network; /* as many as the service has; free() */
    struct vital_queue *queue;     /* the networks', and `dead`; free() */
    size_t queues;
    bool notifies;           /* wishes for messages are taken ([site] notify) */
    struct vital_run notify; /* the task that sends them, which is of no network */
};

#define VITAL_NOTIFY "notify" /* its name */

/* Asks both servers, within their usual time-outs. What could not be asked is VITAL_NEVER, or not
 * known.
 */
void vital_read(struct service *s, struct vital *ret);
void vital_free(struct vital *v);

/* The versions of what the program is made of: pairs of name and version, with a NULL at the end.
 */
const char *const *vital_versions(void);

#endif
