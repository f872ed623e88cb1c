/* What a frontend sends, which may be in enemy hands: the message on the queue. */
#include "tests/fuzz/fuzz.h"

#include "common/message/json_bound.h"
#include "common/message/solution.h"

#include <stdlib.h>
#include <string.h>

static unsigned deeper(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* How deep a value really nests. */
static unsigned depth_of(json_t *json)
{
    unsigned deepest = 0;

    for (size_t i = 0; i < json_array_size(json); i++)
        deepest = deeper(deepest, depth_of(json_array_get(json, i)));
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i))
        deepest = deeper(deepest, depth_of(json_object_iter_value(i)));
    return deepest + (json_is_array(json) || json_is_object(json));
}

/* The scan before the parser knows the depth exactly. */
static void check_bound(const char *text, size_t size)
{
    /* of two members of one name it would keep one, and so perhaps not the deepest value */
    json_t *json = json_loadb(text, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    if (json) {
        const unsigned depth = depth_of(json);

        assert(json_within(text, size, depth, (unsigned)size + 1));
        assert(depth == 0 || !json_within(text, size, depth - 1, (unsigned)size + 1));
    }
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct solution_message m, again;
    size_t len;

    check_bound((const char *)data, size);
    if (solution_read((const char *)data, size, &m))
        return 0;
    char *body = solution_build(&m, &len);
    assert(body);
    assert(!solution_read(body, len, &again));
    assert(uuid_equal(&m.id, &again.id) && m.received_us == again.received_us);
    assert(strcmp(m.network, again.network) == 0 && strcmp(m.miner, again.miner) == 0);
    assert(strcmp(m.agent, again.agent) == 0 && m.pid == again.pid);
    for (size_t i = 0; i < SOLUTION_FIELDS; i++)
        assert(m.field[i].len == again.field[i].len &&
               memcmp(m.field[i].p, again.field[i].p, m.field[i].len) == 0);
    solution_message_clear(&m);
    solution_message_clear(&again);
    free(body);
    return 0;
}
