/* solution: a miner hands in a block whose hash is below the share target (protocol document
 * "Action", section 3). It is taken on the broker's word only. */
#include "frontend/action/action.h"
#include "frontend/action/admit.h"
#include "frontend/intake/text.h"

#include "common/base/clock.h"
#include "common/message/solution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the message says of its sender; bytes are what counts in these. */
struct origin {
    char agent[ORIGIN_MAX_TEXT + 1], os[ORIGIN_MAX_TEXT + 1], miner[ORIGIN_MAX_TEXT + 1];
};

/* text/plain, whatever parameters follow */
static bool is_plain_text(const char *type)
{
    static const char plain[] = "text/plain";
    size_t len = sizeof plain - 1;

    return type && strncasecmp(type, plain, len) == 0 && strchr("; \t", type[len]) != NULL;
}

static void describe(struct service *s, const struct network *net, const struct request *rq,
                     struct origin *origin, struct solution_message *m)
{
    action_header_text(rq, "Agent", "UNKNOWN", ORIGIN_MAX_TEXT, origin->agent,
                       sizeof origin->agent);
    action_header_text(rq, "OS", "UNKNOWN", ORIGIN_MAX_TEXT, origin->os, sizeof origin->os);
    action_header_text(rq, "Miner", "", ORIGIN_MAX_TEXT, origin->miner, sizeof origin->miner);
    uuid_v7(&m->id);
    m->network = net->name;
    m->received_us = clock_real_us();
    m->host = s->host;
    m->pid = s->pid;
    m->ip = request_ip(rq);
    m->agent = origin->agent;
    m->os = origin->os;
    m->miner = origin->miner;
}

static bool publish(struct service *s, const struct solution_message *m, const char *body,
                    size_t len)
{
    char key[SOLUTION_ROUTE_SIZE], id[UUID_TEXT_LEN + 1];

    solution_route(m->network, solution_way(len), key);
    uuid_format(&m->id, id);
    const struct broker_message message = {.exchange = SOLUTION_EXCHANGE,
                                           .routing_key = key,
                                           .message_id = id,
                                           .type = SOLUTION_KIND,
                                           .timestamp_s = (uint64_t)m->received_us / 1000000,
                                           .body = body,
                                           .len = len};
    return service_deliver(s, &message);
}

static void take(struct service *s, const struct network *net, const struct request *rq,
                 const char *text, size_t text_len, struct reply *reply)
{
    struct solution_message m = {.json = NULL};
    struct origin origin;
    char work_id[ECHO_MAX_BYTES + 1];
    size_t len;

    if (!solution_split(text, text_len, m.field)) {
        action_refuse(s, reply, "solution_invalid", "Invalit Solution");
        return;
    }
    const struct text *guid = &m.field[SOLUTION_MINER_GUID];
    if (!admit_guid(s, net, rq, guid->p, guid->len, reply))
        return;
    describe(s, net, rq, &origin, &m);
    char *body = solution_build(&m, &len);
    if (!body) { /* the fields are fine, so it is their length, once they are JSON */
        action_refuse(s, reply, "solution_too_long", "Solution is too long");
        return;
    }
    if (publish(s, &m, body, len)) {
        const struct text *sent = &m.field[SOLUTION_WORK_ID];

        text_echo(sent->p, sent->len, work_id);
        reply_addf(reply,
                   "<RESPONSE><STATUS>ok</STATUS><WORKID>%s</WORKID></RESPONSE>"
                   "<END></HTML>\n",
                   work_id);
    } else {
        action_health_down(reply);
    }
    free(body);
}

/* Blocks that fit no header come as the body. */
static void take_body(struct service *s, const struct network *net, const struct request *rq,
                      struct reply *reply)
{
    struct buf body = BUF_INIT((size_t)s->conf->frontend.body_max_bytes);

    switch (request_body(rq, &body)) {
    case BODY_TOO_LONG:
        action_refuse(s, reply, "solution_too_long", "Solution is too long");
        break;
    case BODY_SHORT:
        action_refuse(s, reply, "solution_invalid", "Invalit Solution");
        break;
    case BODY_OK:
        if (body.len == 0)
            action_refuse(s, reply, "solution_missing", "Solution is missing");
        else
            take(s, net, rq, body.data, body.len, reply);
        break;
    }
    buf_free(&body);
}

void action_solution(struct service *s, const struct network *net, const struct request *rq,
                     struct reply *reply)
{
    const char *text = request_header(rq, "Solution");

    if (text)
        take(s, net, rq, text, strlen(text), reply);
    else if (is_plain_text(request_header(rq, "Content-Type")))
        take_body(s, net, rq, reply);
    else
        action_refuse(s, reply, "solution_missing", "Solution is missing");
}
