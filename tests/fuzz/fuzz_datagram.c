/* Push-block datagrams, from whoever can send to the port. */
#include "backend/job/datagram.h"
#include "common/base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const char token[] = "s3cret";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char component[DATAGRAM_MAX + 1], with_token[DATAGRAM_MAX + 1];
    char *text = mem_strndup((const char *)data, size);
    const bool open = datagram_parse((const char *)data, size, "", component);
    const bool closed = datagram_parse((const char *)data, size, token, with_token);

    assert(open == (component[0] != '\0') && closed == (with_token[0] != '\0'));
    assert(strchr(component, ' ') == NULL && strlen(component) <= size);
    if (closed) /* who has the token is heard as without one, and it stands there */
        assert(open && strcmp(component, with_token) == 0 && strstr(text, token) != NULL);
    free(text);
    return 0;
}
