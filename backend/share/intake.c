#include "backend/share/intake.h"

#include <string.h>

#define HEAD 64 /* where frontends write the kind */

static const char *read_solution(const char *body, size_t len, struct intake *ret)
{
    struct intake in = {.of_job = false};
    const char *wrong = solution_read(body, len, &in.msg);

    if (wrong == NULL)
        *ret = in;
    return wrong;
}

static const char *read_share(const char *body, size_t len, struct intake *ret)
{
    struct share_message m;
    const char *wrong = share_read(body, len, &m);

    if (wrong != NULL)
        return wrong;
    *ret = (struct intake){.msg = {.id = m.from.id,
                                   .network = m.from.network,
                                   .received_us = m.from.received_us,
                                   .host = m.from.host,
                                   .ip = m.from.ip,
                                   .agent = m.from.agent,
                                   .os = m.from.os,
                                   .miner = m.from.miner,
                                   .pid = m.from.pid,
                                   .json = m.json},
                           .of_job = true};
    for (size_t i = 0; i < SOLUTION_FIELDS; i++)
        ret->msg.field[i] = (struct text){"", 0};
    memcpy(ret->header, m.header, HEADER_SIZE);
    return NULL;
}

/* The likely kind first; its reader says for sure. */
const char *intake_read(const char *body, size_t len, struct intake *ret)
{
    static const char share[] = "\"kind\":\"" SHARE_KIND "\"";
    const bool of_job = memmem(body, len < HEAD ? len : HEAD, share, sizeof(share) - 1) != NULL;
    const char *wrong = of_job ? read_share(body, len, ret) : read_solution(body, len, ret);

    if (wrong == envelope_other_kind)
        wrong = of_job ? read_solution(body, len, ret) : read_share(body, len, ret);
    return wrong;
}

void intake_clear(struct intake *in)
{
    solution_message_clear(&in->msg);
}

char *intake_build(const struct intake *in, size_t *ret_len)
{
    const struct solution_message *m = &in->msg;
    struct share_message share = {.from = {m->id, m->network, m->received_us, m->host, m->ip,
                                           m->agent, m->os, m->miner, m->pid}};

    if (!in->of_job)
        return solution_build(m, ret_len);
    memcpy(share.header, in->header, HEADER_SIZE);
    return share_build(&share, ret_len);
}

enum network_queue intake_queue(const struct intake *in, size_t len)
{
    if (in->of_job)
        return QUEUE_SHARES;
    return solution_way(len) == SOLUTION_LARGE ? QUEUE_LARGE : QUEUE_SOLUTIONS;
}
