/* readytomine2: a miner asks for work (protocol document "Action", section 2). */
#include "frontend/action/action.h"
#include "frontend/action/admit.h"
#include "frontend/action/identity.h"
#include "frontend/intake/intake.h"

#include <stdio.h>

/* Room for N characters of UTF-8 */
#define TEXT_BYTES(n) (4 * (n) + 1)

struct adding {
    struct service *s;
    const struct request *rq;
};

static bool may_add(void *ctx, enum intake_row row)
{
    const struct adding *adding = ctx;

    return admit_quietly(adding->s, adding->rq,
                         row == INTAKE_MINER ? LIMIT_NEW_MINER : LIMIT_NEW_WORKER);
}

static bool find_work(struct service *s, const struct network *net, const struct request *rq,
                      const struct identity *who, struct intake_result *ret)
{
    char thread_id[TEXT_BYTES(WORK_THREAD_CHARS)], os[TEXT_BYTES(WORK_OS_CHARS)],
        agent[TEXT_BYTES(WORK_AGENT_CHARS)], ip[WORK_IP_CHARS + 1];
    struct adding adding = {s, rq};
    const struct intake in = {.network = net->name,
                              .address = who->address,
                              .worker = who->worker,
                              .email = who->email,
                              .target = &net->target,
                              .thread_id = thread_id,
                              .ip = ip,
                              .os = os,
                              .agent = agent,
                              .may_add = may_add,
                              .ctx = &adding};

    action_header_text(rq, "ThreadID", "1", WORK_THREAD_CHARS, thread_id, sizeof thread_id);
    action_header_text(rq, "OS", "UNKNOWN", WORK_OS_CHARS, os, sizeof os);
    action_header_text(rq, "Agent", "UNKNOWN", WORK_AGENT_CHARS, agent, sizeof agent);
    snprintf(ip, sizeof ip, "%s", request_ip(rq));
    return service_begin_db(s) && service_settle_db(s, intake_work(s->db, s->ids, &in, ret));
}

void action_readytomine2(struct service *s, const struct network *net, const struct request *rq,
                         struct reply *reply)
{
    const char *miner = request_header(rq, "Miner");
    struct identity who;
    struct intake_result work;

    if (!miner) {
        action_refuse(s, reply, "miner_missing", "WorkerID is missing");
        return;
    }
    if (!identity_parse(&net->rules, miner, &who)) {
        action_refuse_echo(s, reply, "miner_invalid", "WorkerID ", miner, " is invalid");
        return;
    }
    if (!admit_address(s, net, rq, who.address, reply) || !admit_ip(s, rq, LIMIT_OPEN_WORK, reply))
        return;
    if (!find_work(s, net, rq, &who, &work)) {
        action_health_down(reply);
        return;
    }
    if (work.outcome == INTAKE_DISABLED) {
        action_refuse_echo(s, reply, "miner_disabled", "Miner ", who.address, " is disabled");
        return;
    }
    if (work.outcome == INTAKE_NOT_NOW) {
        admit_refuse(reply);
        return;
    }
    /* Deployed miners rely on the space; the terminator is for the oldest of them. */
    reply_addf(reply,
               "<RESPONSE> <ADDRESS>%s</ADDRESS><HASHTARGET>%s</HASHTARGET><MINERGUID>%s"
               "</MINERGUID><WORKID>%s</WORKID></RESPONSE><END></HTML>\n",
               net->pool_address, net->target_hex, work.miner_guid, work.work_id);
}
