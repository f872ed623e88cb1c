#include "frontend/action/admit.h"

#include "common/base/uuid.h"
#include "frontend/intake/judge.h"

void admit_refuse(struct reply *reply)
{
    reply_error(reply, 200, "Too many requests, slow down");
}

/* Tells JUDGEMENT of who is called WHAT NAME. True: there is nothing against him. The judgement was
 * counted; so is not what follows from it. */
static bool tell(enum judgement judgement, const char *before, const char *name, const char *after,
                 struct reply *reply)
{
    if (judgement == JUDGE_TOO_MANY)
        admit_refuse(reply);
    else if (judgement != JUDGE_FINE)
        action_echo(reply, before, name, after);
    return judgement == JUDGE_FINE;
}

bool admit_quietly(struct service *s, const struct request *rq, enum limit limit)
{
    return judge_ip(s, rq, limit) == JUDGE_FINE;
}

bool admit_ip(struct service *s, const struct request *rq, enum limit limit, struct reply *reply)
{
    return tell(judge_ip(s, rq, limit), "IP ", request_ip(rq), " is banned", reply);
}

bool admit_sender(struct service *s, const struct request *rq, enum limit limit,
                  struct reply *reply)
{
    return tell(judge_sender(s, rq, limit), "IP ", request_ip(rq), " is banned", reply);
}

bool admit_address(struct service *s, const struct network *net, const struct request *rq,
                   const char *address, struct reply *reply)
{
    return tell(judge_address(s, net, rq, LIMIT_WORK_ADDRESS, address), "Miner ", address,
                " is disabled", reply);
}

bool admit_guid(struct service *s, const struct network *net, const struct request *rq,
                const char *guid, size_t len, struct reply *reply)
{
    const struct bans *bans = service_bans(s);
    char text[UUID_TEXT_LEN + 1];
    struct uuid uuid;

    if (!uuid_parse(guid, len, &uuid))
        return true;
    uuid_format(&uuid, text);
    if (!bans || !bans_miner(bans, net->name, text))
        return tell(judge_name(s, net, rq, LIMIT_SOLUTION_MINER, text), "Miner ", text,
                    " is disabled", reply);
    action_refuse_echo(s, reply, "miner_banned", "Miner ", text, " is disabled");
    return false;
}
