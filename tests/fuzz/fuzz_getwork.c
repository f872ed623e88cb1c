/* What a miner sends over HTTP: the user and password, and a call. */
#include "tests/fuzz/fuzz.h"

#include "common/base/mem.h"
#include "frontend/getwork/auth.h"
#include "frontend/getwork/call.h"
#include "frontend/getwork/getwork.h"
#include "frontend/getwork/say.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS "rltc1qdqjgd8tvup4x2jlfw7wjz940fhp22l293z9hwc"

static const struct address_rules rules = {
    .p2pkh = {111}, .p2pkh_n = 1, .p2sh = {58, 196}, .p2sh_n = 2, .hrp = "rltc"};

static void check_auth(const char *header)
{
    struct auth who;

    if (auth_parse(&rules, header, &who) != AUTH_OK)
        return;
    assert(address_to_script(&rules, who.address, strlen(who.address), NULL));
    assert(*who.worker && strlen(who.worker) <= AUTH_MAX_WORKER &&
           !strpbrk(who.worker, "/.<>\"& "));
    for (int i = 0; i < WISH_KINDS; i++)
        assert(!who.wish.given[i] || (who.wish.value[i].number > 0 && who.wish.value[i].per > 0));
}

/* DATA behind a good address, which is not found by chance. */
static void check_user(const uint8_t *data, size_t size)
{
    unsigned char plain[AUTH_MAX_TEXT / 4 * 3], code[AUTH_MAX_TEXT + 1];
    size_t len = sizeof ADDRESS - 1;

    memcpy(plain, ADDRESS, len);
    if (size > sizeof plain - len)
        size = sizeof plain - len;
    memcpy(plain + len, data, size);
    EVP_EncodeBlock(code, plain, (int)(len + size));
    char *header = mem_sprintf("Basic %s", (char *)code);
    check_auth(header);
    free(header);
}

/* An id comes back as what it was, in an answer that is JSON. */
static void check_id(const char *id)
{
    struct buf b = BUF_INIT(SAY_MAX_SHORT);

    say_word(&b, id, NULL);
    json_t *json = json_loadb(b.data, b.len, 0, NULL);
    assert(json && json_object_size(json) == 3);
    json_decref(json);
    buf_free(&b);
}

static void check_call(const char *text, size_t size)
{
    char data[GETWORK_DATA_LEN + 1];
    uint8_t header[HEADER_SIZE];
    struct call c;
    enum call_error e = call_read(text, size, &c);

    assert(e < CALL_ERRORS && strlen(c.id) > 0 && strlen(c.id) <= CALL_MAX_ID);
    check_id(c.id);
    assert(strlen(c.longpollid) <= CALL_MAX_LONGPOLLID);
    if (e != CALL_OK || c.method != CALL_SUBMIT_WORK || !c.form)
        return;
    getwork_data(c.header, data);
    assert(getwork_parse(data, GETWORK_DATA_LEN, header));
    assert(memcmp(header, c.header, HEADER_SIZE) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);

    check_call((const char *)data, size);
    check_auth(text);
    check_user(data, size);
    free(text);
    return 0;
}
