/* What a frontend sends of a share of a job, and of which it may be in enemy hands. */
#include "tests/fuzz/fuzz.h"

#include "common/message/share.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct share_message m, again;
    size_t len;

    if (share_read((const char *)data, size, &m))
        return 0;
    char *body = share_build(&m, &len);
    assert(body);
    assert(!share_read(body, len, &again));
    assert(uuid_equal(&m.from.id, &again.from.id) && m.from.received_us == again.from.received_us);
    assert(strcmp(m.from.network, again.from.network) == 0);
    assert(strcmp(m.from.miner, again.from.miner) == 0 && m.from.pid == again.from.pid);
    assert(memcmp(m.header, again.header, HEADER_SIZE) == 0);
    share_message_clear(&m);
    share_message_clear(&again);
    free(body);
    return 0;
}
