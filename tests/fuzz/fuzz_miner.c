/* What a miner calls itself: the Miner header with address, worker's name and e-mail, and texts
 * that are stored or shown. */
#include "tests/fuzz/fuzz.h"

#include "common/base/mem.h"
#include "frontend/action/identity.h"
#include "frontend/intake/text.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc"

static const struct address_rules rules = {
    .p2pkh = {111}, .p2pkh_n = 1, .p2sh = {58, 196}, .p2sh_n = 2, .hrp = "rltc"};

/* An identity that was read is harmless, and its canonical spelling means the same. */
static void check_identity(const char *text)
{
    struct identity id, same;
    size_t chars;

    if (!identity_parse(&rules, text, &id))
        return;
    assert(address_to_script(&rules, id.address, strlen(id.address), NULL));
    assert(strcspn(text, "/") == strlen(id.address));
    assert(text_is_clean(id.worker, strlen(id.worker), &chars));
    assert(chars >= 1 && chars <= WORKER_MAX_CHARS && !strchr(id.worker, '/'));
    assert(id.email[0] == '\0' || (strchr(id.email, '@') && !strpbrk(id.email, "<>\"' ")));

    char *again = mem_sprintf("%s/%s/%s", id.address, id.worker, id.email);
    assert(identity_parse(&rules, again, &same));
    assert(strcmp(id.address, same.address) == 0 && strcmp(id.worker, same.worker) == 0 &&
           strcmp(id.email, same.email) == 0);
    free(again);
}

/* Tidied text is clean and fits; clean text that fits is left alone. */
static void check_tidy(const char *text, size_t max_chars, size_t size)
{
    char *out = mem_zalloc(size), *again = mem_zalloc(size);
    size_t chars, len = strlen(text);

    text_tidy(text, max_chars, out, size);
    assert(strlen(out) < size && text_is_clean(out, strlen(out), &chars) && chars <= max_chars);
    text_tidy(out, max_chars, again, size);
    assert(strcmp(out, again) == 0);
    if (text_is_clean(text, len, &chars) && chars <= max_chars && len < size)
        assert(strcmp(out, text) == 0);
    free(out);
    free(again);
}

static void check_echo(const char *text, size_t len)
{
    char out[ECHO_MAX_BYTES + 1];

    text_echo(text, len, out);
    assert(!strpbrk(out, "<>&\r\n\x1b"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    char *behind = mem_sprintf("%s/%s", ADDRESS, text);

    check_identity(text);
    check_identity(behind); /* a checksum is not found by chance */
    check_echo((const char *)data, size);
    for (size_t room = 1; room <= 5; room++)
        check_tidy(text, size, room);
    check_tidy(text, WORKER_MAX_CHARS, 4 * WORKER_MAX_CHARS + 1);
    check_tidy(text, 3, 2 * size + 1);
    free(behind);
    free(text);
    return 0;
}
