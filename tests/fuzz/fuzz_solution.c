/* What a miner sends: the header of 16 fields. */
#include "tests/fuzz/fuzz.h"

#include "common/message/solution.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct solution_message m = {.network = "n", .received_us = INT64_C(1764000000000000)}, read;
    const char *const text = (const char *)data, *end = text;
    size_t len;

    if (!solution_split(text, size, m.field))
        return 0;
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) { /* in order, within the text */
        assert(m.field[i].p >= end);
        end = m.field[i].p + m.field[i].len;
    }
    assert(end <= text + size);

    char *body = solution_build(&m, &len);
    assert(body);
    assert(!solution_read(body, len, &read));
    for (size_t i = 0; i < SOLUTION_FIELDS; i++) {
        assert(read.field[i].len == m.field[i].len);
        assert(memcmp(read.field[i].p, m.field[i].p, m.field[i].len) == 0);
    }
    assert(solution_hash_rate(&read) == solution_hash_rate(&m));
    solution_message_clear(&read);
    free(body);
    return 0;
}
