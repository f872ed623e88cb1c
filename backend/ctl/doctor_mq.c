/* The broker: is it there, are the queues, does anybody consume them? */
#include "backend/ctl/dead.h"
#include "backend/ctl/doctor.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <string.h>

#define WAITING_WARN 10000 /* seconds of work for a worker */

static bool host_answers(struct doctor *d, char *host)
{
    struct broker_conf conf = d->conf->broker;
    int64_t start = clock_mono_ms();
    char err[512];

    conf.hosts = (struct conf_words){&host, 1};
    struct broker *b = broker_open(&conf, "penstockctl doctor", err, sizeof err);
    if (b == NULL)
        return false; /* said already */
    enum broker_result r = broker_ping(b);
    if (r == BROKER_OK)
        doctor_say(d, VERDICT_OK, NULL, "%s answers in %" PRId64 " ms", host,
                   clock_mono_ms() - start);
    else
        doctor_say(d, VERDICT_FAIL,
                   r == BROKER_FORBIDDEN
                       ? "correct [broker] user, password_file and vhost"
                       : "start RabbitMQ there, or correct [broker] hosts and port",
                   "%s: %s: %s", host, broker_result_name(r), broker_error(b));
    broker_close(&b);
    return r == BROKER_OK;
}

void doctor_broker(struct doctor *d)
{
    const struct conf_words *hosts = &d->conf->broker.hosts;

    for (size_t i = 0; d->broker != NULL && i < hosts->n; i++)
        d->broker_up |= host_answers(d, hosts->word[i]);
}

/* CONSUMED: without a consumer nothing goes on. */
static void look(struct doctor *d, const char *queue, bool consumed)
{
    struct broker_queue_state s;
    enum broker_result r = broker_queue_look(d->broker, queue, &s);

    if (r != BROKER_OK)
        doctor_say(d, VERDICT_FAIL,
                   "import the definitions of deploy/rabbitmq (render-definitions) into RabbitMQ",
                   "%s: %s: %s", queue, broker_result_name(r), broker_error(d->broker));
    else if (consumed && s.consumers == 0)
        doctor_say(d, VERDICT_FAIL, "start penstock-worker, and look at its log",
                   "%s: nobody consumes its %" PRIu64 " messages", queue, s.messages);
    else if (s.messages > WAITING_WARN)
        doctor_say(d, VERDICT_WARN, "look at the workers' logs; start more of them",
                   "%s: %" PRIu64 " messages are waiting", queue, s.messages);
    else if (strcmp(queue, DEAD_QUEUE) == 0 && s.messages > 0)
        doctor_say(d, VERDICT_WARN, "'penstockctl dead list' shows them",
                   "%" PRIu64 " dead letters", s.messages);
    else
        doctor_say(d, VERDICT_OK, NULL, "%s: %" PRIu64 " messages, %" PRIu64 " consumers", queue,
                   s.messages, s.consumers);
}

void doctor_queue_names(const char *network, char ret[DOCTOR_QUEUES][SOLUTION_ROUTE_SIZE])
{
    for (enum network_queue queue = 0; queue < NETWORK_QUEUES; queue++)
        network_queue_name(network, queue, ret[queue]);
}

void doctor_queues(struct doctor *d)
{
    char queue[DOCTOR_QUEUES][SOLUTION_ROUTE_SIZE];

    if (!d->broker_up) {
        doctor_say(d, VERDICT_SKIPPED, NULL, "the broker does not answer");
        return;
    }
    for (size_t i = 0; i < d->conf->networks.n; i++) {
        doctor_queue_names(backend_network_at(d->conf, i)->base.label, queue);
        for (size_t k = 0; k < DOCTOR_QUEUES; k++)
            look(d, queue[k], true);
    }
    look(d, DEAD_QUEUE, false);
}
