/* Tries, with each tier's account, what it must not be able to do on the broker (the forms are
 * harmless: common/broker/trial.h). RabbitMQ knows three rights, by the names of queues and
 * exchanges; reading a queue is what consume, get and purge need. */
#include "backend/ctl/dead.h"
#include "backend/ctl/doctor.h"
#include "common/base/mem.h"
#include "common/broker/trial.h"

#include <stdlib.h>
#include <string.h>

#define REFUSED      403
#define NO_SUCH_NAME "solution.penstock-doctor" /* like a work queue, so that patterns match it */
#define FRONTEND     TIER_BIT(TIER_FRONTEND)
#define BACKEND      TIER_BIT(TIER_BACKEND)

/* Where QUEUE is NULL it is tried on every queue of the pool. */
static const struct attempt {
    const char *name;
    unsigned tiers;
    struct broker_trial trial;
} attempts[] = {
    {"consume", FRONTEND, {BROKER_CONSUME, NULL, NULL, NULL}},
    {"get", FRONTEND, {BROKER_GET, NO_SUCH_NAME, NULL, NULL}},
    {"purge", FRONTEND, {BROKER_PURGE, NO_SUCH_NAME, NULL, NULL}},
    {"declare", FRONTEND | BACKEND, {BROKER_DECLARE, NULL, NULL, NULL}},
    {"delete", FRONTEND | BACKEND, {BROKER_DELETE, NO_SUCH_NAME, NULL, NULL}},
    {"bind", FRONTEND | BACKEND, {BROKER_BIND, NULL, NULL, NULL}},
    {"publish to a queue", FRONTEND | BACKEND, {BROKER_PUBLISH, "", "", NO_SUCH_NAME}},
    {"publish to penstock.dead", FRONTEND | BACKEND, {BROKER_PUBLISH, "", "penstock.dead", ""}},
    {"publish to penstock.jobs", FRONTEND, {BROKER_PUBLISH, "", "penstock.jobs", "x"}},
    {"publish to amq.topic", FRONTEND | BACKEND, {BROKER_PUBLISH, "", "amq.topic", "x"}},
    {"publish to amq.fanout", FRONTEND | BACKEND, {BROKER_PUBLISH, "", "amq.fanout", "x"}},
    {"publish behind the large solutions",
     FRONTEND | BACKEND,
     {BROKER_PUBLISH, "", SOLUTION_EXCHANGE, NO_SUCH_NAME ".large.x"}},
    {"publish another kind",
     FRONTEND | BACKEND,
     {BROKER_PUBLISH, "", SOLUTION_EXCHANGE, "penstock-doctor.none"}},
};

/* How often one attempt was made, and what came of it. */
struct tally {
    unsigned tried, refused;
    char example[200]; /* of what was not refused */
};

static bool try_once(struct broker *b, const struct broker_trial *t, struct tally *tally)
{
    int code = 0;
    enum broker_result r = broker_try(b, t, &code);

    if (r != BROKER_OK)
        return false;
    tally->tried++;
    tally->refused += code == REFUSED;
    if (code != REFUSED && tally->example[0] == '\0')
        snprintf(tally->example, sizeof tally->example, "%s%s%s", t->queue, *t->queue ? " " : "",
                 code == 0 ? "was done" : broker_error(b));
    return true;
}

/* The binding that the definitions give a queue: made again, it changes nothing. */
static bool try_queue(struct broker *b, const struct attempt *a, const char *queue,
                      struct tally *tally)
{
    bool dead = strcmp(queue, DEAD_QUEUE) == 0;
    struct broker_trial t = {.act = a->trial.act,
                             .queue = queue,
                             .exchange = dead ? "penstock.dead" : SOLUTION_EXCHANGE,
                             .routing_key = dead ? "" : queue};

    return try_once(b, &t, tally);
}

static bool try_queues(const struct doctor *d, struct broker *b, const struct attempt *a,
                       struct tally *tally)
{
    char queue[DOCTOR_QUEUES][SOLUTION_ROUTE_SIZE];
    bool ok = try_queue(b, a, DEAD_QUEUE, tally);

    for (size_t i = 0; i < d->conf->networks.n; i++) {
        doctor_queue_names(backend_network_at(d->conf, i)->base.label, queue);
        for (size_t k = 0; ok && k < DOCTOR_QUEUES; k++)
            ok = try_queue(b, a, queue[k], tally);
    }
    return ok;
}

static void attempt(struct doctor *d, const struct tier_accounts *tier, struct broker *b,
                    const struct attempt *a)
{
    static const char remedy[] = "import the definitions of deploy/rabbitmq again; compare with "
                                 "rabbitmqctl list_permissions and list_topic_permissions";
    struct tally tally = {0};
    bool ok = a->trial.queue == NULL ? try_queues(d, b, a, &tally) : try_once(b, &a->trial, &tally);

    if (!ok)
        doctor_say(d, VERDICT_FAIL, "see the check \"broker\"", "%s: %s could not be tried: %s",
                   tier->name, a->name, broker_error(b));
    else if (tally.refused < tally.tried)
        doctor_say(d, VERDICT_FAIL, remedy, "%s may %s: %u of %u were not refused: %s", tier->name,
                   a->name, tally.tried - tally.refused, tally.tried, tally.example);
    else
        doctor_say(d, VERDICT_OK, NULL, "%s: %s is refused, %u of %u", tier->name, a->name,
                   tally.refused, tally.tried);
}

static void try_tier(struct doctor *d, enum tier t)
{
    const struct tier_accounts *tier = &d->tier[t];
    char err[512];
    struct broker *b = broker_open(tier->broker, "penstockctl doctor", err, sizeof err);

    if (b == NULL) {
        doctor_say(d, VERDICT_FAIL, "correct [broker] password_file", "%s: %s", tier->name, err);
        return;
    }
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        if (attempts[i].tiers & TIER_BIT(t))
            attempt(d, tier, b, &attempts[i]);
    broker_close(&b);
}

void doctor_broker_rights(struct doctor *d)
{
    if (d->tier[TIER_FRONTEND].broker == NULL)
        doctor_say(d, VERDICT_SKIPPED, "give --frontend-config FILE",
                   "the frontend's account is not tried");
    for (enum tier t = 0; t < TIERS; t++)
        if (d->tier[t].broker != NULL)
            try_tier(d, t);
}
