/* A share: getwork with data, submitblock. Both come down to the header, and are taken on the
 * broker's word only; the worker has the rest, and judges. */
#include "frontend/getwork/mining.h"

#include "common/base/clock.h"
#include "common/coin/block.h"
#include "common/message/share.h"
#include "frontend/getwork/newest.h"
#include "frontend/getwork/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_block(const struct mining *m)
{
    return m->call.method == CALL_SUBMIT_BLOCK;
}

void mining_refuse(struct mining *m, const char *word)
{
    reply_header(m->reply, "X-Reject-Reason", word);
    if (is_block(m))
        say_word(&m->reply->body, m->call.id, word);
    else
        say_bool(&m->reply->body, m->call.id, false);
}

static void take(struct mining *m)
{
    if (is_block(m))
        say_word(&m->reply->body, m->call.id, NULL);
    else
        say_bool(&m->reply->body, m->call.id, true);
}

/* Is the header on another tip than the newest job? The job may be newer than this process knows;
 * where nobody can tell, the worker will. */
static bool is_stale(const struct mining *m, const struct header *header)
{
    struct service *s = m->s;
    const struct job *job = newest_known(s->newest, mining_index(m));

    if (job && u256_cmp(&job->prev, &header->prev) == 0)
        return false;
    if (!service_begin_db(s) ||
        !service_settle_db(s, newest_read(s->newest, mining_index(m), s->db, m->net->name, &job)))
        return false;
    return job && u256_cmp(&job->prev, &header->prev) != 0;
}

/* malloc'd; NULL only for what no request can make it. */
static char *build(const struct mining *m, struct share_message *share, size_t *ret_len)
{
    char agent[ORIGIN_MAX_TEXT + 1], miner[ADDRESS_MAX_TEXT + AUTH_MAX_WORKER + 2];

    mining_agent(m, ORIGIN_MAX_TEXT, agent, sizeof agent);
    snprintf(miner, sizeof miner, "%s/%s", m->who.address, m->who.worker);
    memcpy(share->header, m->call.header, sizeof share->header);
    uuid_v7(&share->from.id);
    share->from.network = m->net->name;
    share->from.received_us = clock_real_us();
    share->from.host = m->s->host;
    share->from.pid = m->s->pid;
    share->from.ip = request_ip(m->rq);
    share->from.agent = agent;
    share->from.miner = miner;
    char *body = share_build(share, ret_len);
    share->from.agent = share->from.miner = NULL; /* they end here */
    return body;
}

static bool publish(struct mining *m)
{
    struct share_message share = {.json = NULL};
    char key[SOLUTION_ROUTE_SIZE], id[UUID_TEXT_LEN + 1];
    size_t len;
    char *body = build(m, &share, &len);

    if (!body)
        return false;
    share_route(m->net->name, key);
    uuid_format(&share.from.id, id);
    const struct broker_message message = {.exchange = SHARE_EXCHANGE,
                                           .routing_key = key,
                                           .message_id = id,
                                           .type = SHARE_KIND,
                                           .timestamp_s =
                                               (uint64_t)share.from.received_us / 1000000,
                                           .body = body,
                                           .len = len};
    bool confirmed = service_deliver(m->s, &message);
    free(body);
    return confirmed;
}

void mining_share(struct mining *m)
{
    struct header header;

    if (!m->call.form) {
        service_count(m->s, "share_malformed");
        mining_refuse(m, "rejected");
        return;
    }
    header_parse(m->call.header, &header);
    if (is_stale(m, &header)) {
        service_count(m->s, "share_stale");
        mining_refuse(m, "stale-prevblk");
    } else if (publish(m)) {
        take(m);
    } else {
        mining_away(m);
    }
}
