#include "frontend/publish/packet.h"

#include "common/message/share.h"

#include <string.h>

#define PACKET_MAGIC   0x4b534e50u /* "PNSK" */
#define PACKET_VERSION 1

static const char ping_id[] = "00000000-0000-0000-0000-000000000000";
_Static_assert(sizeof ping_id == UUID_TEXT_LEN + 1, "a UUID");

/* NULL: carries no message. */
static const char *const types[] = {
    [PACKET_PING] = NULL, [PACKET_SOLUTION] = SOLUTION_KIND, [PACKET_SHARE] = SHARE_KIND};
enum { KINDS = sizeof types / sizeof *types };

static void begin(struct packet_head *head, enum packet_kind kind, const char *id)
{
    memset(head, 0, sizeof *head); /* padding too: it is sent */
    head->magic = PACKET_MAGIC;
    head->version = PACKET_VERSION;
    head->kind = (uint8_t)kind;
    memcpy(head->id, id, sizeof head->id);
}

void packet_ping(struct packet_head *ret)
{
    begin(ret, PACKET_PING, ping_id);
}

/* 0: a type that is none of those. */
static size_t kind_of(const char *type)
{
    for (size_t i = 0; i < KINDS; i++)
        if (type && types[i] && strcmp(types[i], type) == 0)
            return i;
    return 0;
}

bool packet_question(const struct broker_message *m, struct packet_head *head,
                     struct iovec part[PACKET_PARTS])
{
    size_t route_len = strlen(m->routing_key), kind = kind_of(m->type);

    if (kind == 0 || route_len > PACKET_MAX_ROUTE || m->len > PACKET_MAX_BODY ||
        strlen(m->message_id) != UUID_TEXT_LEN)
        return false;
    begin(head, (enum packet_kind)kind, m->message_id);
    head->route_len = (uint8_t)route_len;
    head->body_len = (uint32_t)m->len;
    head->timestamp_s = m->timestamp_s;
    part[0] = (struct iovec){head, sizeof *head};
    part[1] = (struct iovec){(void *)(uintptr_t)m->routing_key, route_len};
    part[2] = (struct iovec){(void *)(uintptr_t)m->body, m->len};
    return true;
}

/* What a routing key of ours is made of; no NUL among it. */
static bool is_route(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-.", text[i]) == NULL || text[i] == '\0')
            return false;
    return len > 0;
}

static bool read_message(const struct packet_head *head, const char *rest, struct packet *ret)
{
    struct uuid id;

    if (head->route_len > PACKET_MAX_ROUTE || !is_route(rest, head->route_len) ||
        head->body_len == 0 || !uuid_parse(head->id, sizeof head->id, &id))
        return false;
    memcpy(ret->route, rest, head->route_len);
    ret->route[head->route_len] = '\0';
    ret->type = types[head->kind];
    ret->body = rest + head->route_len;
    ret->len = head->body_len;
    ret->timestamp_s = head->timestamp_s;
    return true;
}

bool packet_read(const void *data, size_t len, struct packet *ret)
{
    struct packet_head head;

    if (len < sizeof head || len > PACKET_MAX)
        return false;
    memcpy(&head, data, sizeof head);
    if (head.magic != PACKET_MAGIC || head.version != PACKET_VERSION ||
        len != sizeof head + head.route_len + (size_t)head.body_len)
        return false;
    ret->kind = (enum packet_kind)head.kind;
    memcpy(ret->id, head.id, sizeof head.id);
    ret->id[sizeof head.id] = '\0';
    ret->type = NULL;
    if (head.kind == PACKET_PING)
        return len == sizeof head;
    return head.kind < KINDS && types[head.kind] &&
           read_message(&head, (const char *)data + sizeof head, ret);
}

void packet_answer(const char *id, enum broker_result result, struct packet_answer *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->magic = PACKET_MAGIC;
    ret->version = PACKET_VERSION;
    ret->result = (uint8_t)result;
    memcpy(ret->id, id, sizeof ret->id);
}

bool packet_answer_read(const void *data, size_t len, const char *id, enum broker_result *ret)
{
    struct packet_answer a;

    if (len != sizeof a)
        return false;
    memcpy(&a, data, sizeof a);
    if (a.magic != PACKET_MAGIC || a.version != PACKET_VERSION || a.result > BROKER_FORBIDDEN ||
        memcmp(a.id, id, sizeof a.id) != 0)
        return false;
    *ret = (enum broker_result)a.result;
    return true;
}
