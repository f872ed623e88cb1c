#include "common/base/clock.h"
#include "frontend/action/admit.h"
#include "frontend/health/health.h"
#include "frontend/health/vital.h"
#include "frontend/web/answer.h"

#include <stdio.h>
#include <string.h>

/* A worker says every second that it lives. */
#define WORKER_MAX_AGE_S 60

static bool is_older(int64_t age_s, int64_t limit_s)
{
    return age_s == VITAL_NEVER || age_s > limit_s;
}

/* --- what is wrong --- */

/* Begins the list with the first failure; the number of all so far. */
struct failures {
    struct jsonw *j;
    unsigned n;
};

static void fail(struct failures *f, const char *network, const char *what)
{
    char text[128];

    snprintf(text, sizeof text, "%s%s%s", network, *network ? ": " : "", what);
    jsonw_text(f->j, NULL, text);
    f->n++;
}

static void judge_network(const struct vital_network *net, struct failures *f)
{
    int64_t limit = net->net->conf->tip_max_age_s;
    char text[80];

    if (limit > 0 && is_older(net->tip_age_s, limit))
        fail(f, net->net->name, "no new block for too long");
    if (is_older(net->worker_age_s, WORKER_MAX_AGE_S))
        fail(f, net->net->name, "no worker is alive");
    if (net->jobless)
        fail(f, net->net->name, "no jobs are made of block templates");
    for (size_t i = 0; i < VITAL_TASKS; i++)
        if (net->run[i].late) {
            snprintf(text, sizeof text, "task %s is late", vital_tasks[i].name);
            fail(f, net->net->name, text);
        }
}

/* What a server that is away does not tell is not held against the networks too. */
static unsigned write_failures(struct service *s, struct jsonw *j, const struct vital *v)
{
    struct failures f = {.j = j};

    jsonw_array_begin(j, "failures");
    if (!v->database)
        fail(&f, "", "the database does not answer");
    if (!v->broker)
        fail(&f, "", "the broker does not answer");
    for (size_t i = 0; v->database && i < s->networks_n; i++)
        judge_network(&v->network[i], &f);
    if (v->database && v->notify.late)
        fail(&f, "", "task " VITAL_NOTIFY " is late");
    jsonw_array_end(j);
    return f.n;
}

/* --- what there is --- */

static void write_age(struct jsonw *j, const char *key, int64_t age_s)
{
    if (age_s == VITAL_NEVER)
        jsonw_null(j, key);
    else
        jsonw_uint(j, key, age_s > 0 ? (uint64_t)age_s : 0);
}

/* TEXT has spaces between them. */
static void write_versions(struct jsonw *j, const char *key, const char *text)
{
    char one[VITAL_VERSIONS_SIZE];

    jsonw_array_begin(j, key);
    for (size_t len; *text; text += len + strspn(text + len, " ")) {
        len = strcspn(text, " ");
        snprintf(one, sizeof one, "%.*s", (int)len, text);
        jsonw_text(j, NULL, one);
    }
    jsonw_array_end(j);
}

static void write_run(struct jsonw *j, const char *task, const struct vital_run *run)
{
    jsonw_object_begin(j, task);
    write_age(j, "ageSeconds", run->age_s);
    jsonw_bool(j, "late", run->late);
    jsonw_object_end(j);
}

static void write_network(struct jsonw *j, const struct vital_network *net)
{
    jsonw_object_begin(j, NULL);
    jsonw_text(j, "id", net->net->name);
    jsonw_uint(j, "height", net->tip_height);
    write_age(j, "tipAgeSeconds", net->tip_age_s);
    write_age(j, "workerAgeSeconds", net->worker_age_s);
    write_age(j, "jobAgeSeconds", net->job_age_s);
    jsonw_bool(j, "payoutsFrozen", net->frozen);
    jsonw_object_begin(j, "tasks");
    for (size_t i = 0; i < VITAL_TASKS; i++)
        write_run(j, vital_tasks[i].name, &net->run[i]);
    jsonw_object_end(j);
    write_versions(j, "workerVersions", net->worker_versions);
    write_versions(j, "jobsVersions", net->jobs_version);
    jsonw_object_end(j);
}

static void write_signs(struct service *s, struct jsonw *j, const struct vital *v)
{
    const char *const *versions = vital_versions();

    jsonw_object_begin(j, "versions");
    for (size_t i = 0; versions[i]; i += 2)
        jsonw_text(j, versions[i], versions[i + 1]);
    jsonw_object_end(j);
    jsonw_object_begin(j, "queues");
    for (size_t i = 0; i < v->queues; i++)
        if (v->queue[i].known)
            jsonw_uint(j, v->queue[i].name, v->queue[i].messages);
        else
            jsonw_null(j, v->queue[i].name);
    jsonw_object_end(j);
    jsonw_array_begin(j, "networks");
    for (size_t i = 0; i < s->networks_n; i++)
        write_network(j, &v->network[i]);
    jsonw_array_end(j);
    if (v->notifies)
        write_run(j, VITAL_NOTIFY, &v->notify);
}

void health_isalive(struct service *s, const struct request *rq, struct reply *reply)
{
    struct vital v;

    if (!admit_quietly(s, rq, LIMIT_READ_IP)) {
        answer_error(s, reply, 429, "too_many_requests", "Too many requests, slow down");
        return;
    }
    vital_read(s, &v);
    struct jsonw j = answer_json(reply);
    jsonw_object_begin(&j, NULL);
    unsigned failures = write_failures(s, &j, &v);
    jsonw_text(&j, "status", failures == 0 ? "ok" : "failing");
    write_signs(s, &j, &v);
    jsonw_object_end(&j);
    reply->status = failures == 0 ? 200 : 503;
    vital_free(&v);
}
