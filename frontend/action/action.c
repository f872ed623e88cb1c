#include "frontend/action/action.h"

#include "common/base/mem.h"
#include "frontend/action/admit.h"
#include "frontend/intake/text.h"

#include <stdlib.h>
#include <string.h>

static const struct action {
    const char *name;
    action_fn *run;
    enum limit limit; /* by the sender's address */
} actions[] = {
    {"readytomine2", action_readytomine2, LIMIT_WORK_IP},
    {"solution", action_solution, LIMIT_SOLUTION_IP},
};

void action_refuse(struct service *s, struct reply *reply, const char *count, const char *message)
{
    service_count(s, count);
    reply_error(reply, 200, message);
}

void action_echo(struct reply *reply, const char *before, const char *sent, const char *after)
{
    char echo[ECHO_MAX_BYTES + 1];

    text_echo(sent, strlen(sent), echo);
    char *message = mem_sprintf("%s%s%s", before, echo, after);
    reply_error(reply, 200, message);
    free(message);
}

void action_refuse_echo(struct service *s, struct reply *reply, const char *count,
                        const char *before, const char *sent, const char *after)
{
    service_count(s, count);
    action_echo(reply, before, sent, after);
}

void action_health_down(struct reply *reply)
{
    reply_error(reply, 200, "HEALTH_DOWN");
}

void action_header_text(const struct request *rq, const char *name, const char *deflt,
                        size_t max_chars, char *out, size_t out_size)
{
    const char *value = request_header(rq, name);

    text_tidy(value ? value : deflt, max_chars, out, out_size);
}

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

void action_handle(struct service *s, const struct request *rq, struct reply *reply)
{
    const char *name = request_header(rq, "Action");
    const struct action *action = name ? find_action(name) : NULL;

    if (!action) {
        action_refuse_echo(s, reply, "unknown_action", "UNKNOWN ACTION ", name ? name : "EMPTY",
                           "");
        return;
    }
    const struct network *net = service_network(s, request_header(rq, "NetworkID"));
    if (!net) {
        action_refuse(s, reply, "invalid_network", "Invalid network");
        return;
    }
    if (admit_sender(s, rq, action->limit, reply))
        action->run(s, net, rq, reply);
}
