/* What comes over the publisher's socket: questions to it, and its answers. */
#include "tests/fuzz/fuzz.h"

#include "frontend/publish/packet.h"

#include <stdbool.h>
#include <string.h>

/* A message that was read stays within the input, and makes the same packet when it is sent. */
static void check_message(const struct packet *p, const uint8_t *data, size_t len)
{
    const struct broker_message m = {.routing_key = p->route,
                                     .message_id = p->id,
                                     .type = p->type,
                                     .body = p->body,
                                     .len = p->len,
                                     .timestamp_s = p->timestamp_s};
    struct iovec part[PACKET_PARTS];
    struct packet_head head;

    assert(p->len > 0 && (const uint8_t *)p->body + p->len == data + len);
    assert(p->route[0] != '\0' && strlen(p->id) == UUID_TEXT_LEN);
    assert(packet_question(&m, &head, part));
    assert(part[0].iov_len + part[1].iov_len + part[2].iov_len == len);
    assert(memcmp(head.id, p->id, UUID_TEXT_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char id[] = "0190163d-8694-739b-aea5-966c26f8ad91";
    enum broker_result result;
    struct packet_answer answer;
    struct packet p;

    if (packet_read(data, len, &p) && p.kind != PACKET_PING)
        check_message(&p, data, len);
    if (packet_answer_read(data, len, id, &result)) {
        packet_answer(id, result, &answer);
        assert(memcmp(answer.id, data + offsetof(struct packet_answer, id), sizeof answer.id) == 0);
        assert(answer.result == data[offsetof(struct packet_answer, result)]);
    }
    return 0;
}
