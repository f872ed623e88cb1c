#include "tests/fuzz/fuzz.h"

#include "common/coin/address.h"
#include "common/coin/base58.h"
#include "common/coin/bech32.h"

#include <string.h>

static const struct address_rules chains[] = {
    {.p2pkh = {111}, .p2pkh_n = 1, .p2sh = {58, 196}, .p2sh_n = 2, .hrp = "rltc"},
    {.p2pkh = {0}, .p2pkh_n = 1, .p2sh = {5}, .p2sh_n = 1, .hrp = "bc"},
    {.p2pkh = {25}, .p2pkh_n = 1, .p2sh = {16}, .p2sh_n = 1, .base58_len = 34},
    {.hrp = "tb"},
};

/* What is valid has one canonical spelling of the same script. */
static void check_address(const struct address_rules *rules, const char *text, size_t len)
{
    char canonical[ADDRESS_MAX_TEXT + 1], again[ADDRESS_MAX_TEXT + 1];
    struct script script, same;

    if (!address_to_script(rules, text, len, &script))
        return;
    assert(script.len >= 4 && script.len <= ADDRESS_MAX_SCRIPT);
    address_canonical(rules, text, len, canonical);
    assert(strlen(canonical) == len && strncasecmp(canonical, text, len) == 0);
    assert(address_to_script(rules, canonical, len, &same));
    assert(same.len == script.len && memcmp(same.b, script.b, same.len) == 0);
    address_canonical(rules, canonical, len, again);
    assert(strcmp(canonical, again) == 0);
}

static void check_base58(const char *text, size_t len)
{
    uint8_t payload[BASE58_MAX_PAYLOAD];
    char again[BASE58_MAX_TEXT + 1];
    size_t n;

    if (base58check_decode(text, len, payload, &n) && n <= 80) {
        assert(base58check_encode(payload, n, again));
        assert(strlen(again) == len && memcmp(again, text, len) == 0);
    }
}

static void check_segwit(const char *hrp, const char *text, size_t len)
{
    uint8_t program[SEGWIT_MAX_PROGRAM];
    char again[SEGWIT_MAX_TEXT + 1];
    unsigned version;
    size_t n;

    if (segwit_decode(hrp, text, len, &version, program, &n)) {
        assert(segwit_encode(hrp, version, program, n, again));
        assert(strlen(again) == len && strncasecmp(again, text, len) == 0);
    }
}

static void check_segwit_program(const struct address_rules *rules, unsigned version,
                                 const uint8_t *program, size_t len)
{
    uint8_t again[SEGWIT_MAX_PROGRAM];
    char text[SEGWIT_MAX_TEXT + 1];
    unsigned again_version;
    size_t n;

    if (!segwit_encode(rules->hrp, version, program, len, text))
        return;
    assert(segwit_decode(rules->hrp, text, strlen(text), &again_version, again, &n));
    assert(again_version == version && n == len && memcmp(again, program, n) == 0);
    check_address(rules, text, strlen(text));
}

/* A checksum is not found by chance: the input is also taken as what an address holds. */
static void check_encoders(const uint8_t *data, size_t size)
{
    char text[BASE58_MAX_TEXT + 1];
    const bool short_enough = base58check_encode(data, size, text);

    if (short_enough)
        check_base58(text, strlen(text));
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        if (short_enough)
            check_address(&chains[i], text, strlen(text));
        if (size > 0)
            check_segwit_program(&chains[i], data[0], data + 1, size - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    check_encoders(data, size);
    check_base58(text, size);
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        check_segwit(chains[i].hrp, text, size);
        check_address(&chains[i], text, size);
    }
    return 0;
}
