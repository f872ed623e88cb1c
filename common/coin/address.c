#include "common/coin/address.h"

#include "common/coin/base58.h"
#include "common/coin/bech32.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum { OP_0 = 0x00, OP_1 = 0x51, OP_DUP = 0x76, OP_EQUAL = 0x87, OP_EQUALVERIFY = 0x88 };
enum { OP_HASH160 = 0xa9, OP_CHECKSIG = 0xac };

#define HASH160_LEN 20

static const uint8_t p2pkh_head[] = {OP_DUP, OP_HASH160, HASH160_LEN};
static const uint8_t p2pkh_tail[] = {OP_EQUALVERIFY, OP_CHECKSIG};
static const uint8_t p2sh_head[] = {OP_HASH160, HASH160_LEN};
static const uint8_t p2sh_tail[] = {OP_EQUAL};

static void script_add(struct script *s, const uint8_t *bytes, size_t n)
{
    assert(s->len + n <= sizeof(s->b));
    memcpy(s->b + s->len, bytes, n);
    s->len += n;
}

static bool base58_script(const struct address_rules *rules, const char *text, size_t len,
                          struct script *ret)
{
    uint8_t payload[BASE58_MAX_PAYLOAD];
    size_t n;

    if ((rules->base58_len != 0 && len != rules->base58_len) ||
        !base58check_decode(text, len, payload, &n) || n != 1 + HASH160_LEN)
        return false;
    ret->len = 0;
    if (memchr(rules->p2pkh, payload[0], rules->p2pkh_n)) {
        script_add(ret, p2pkh_head, sizeof(p2pkh_head));
        script_add(ret, payload + 1, HASH160_LEN);
        script_add(ret, p2pkh_tail, sizeof(p2pkh_tail));
    } else if (memchr(rules->p2sh, payload[0], rules->p2sh_n)) {
        script_add(ret, p2sh_head, sizeof(p2sh_head));
        script_add(ret, payload + 1, HASH160_LEN);
        script_add(ret, p2sh_tail, sizeof(p2sh_tail));
    }
    return ret->len > 0;
}

/* Litecoin's MWEB borrows two witness versions: 8 is the HogEx's own output, 9 a peg-in. Its wallet
 * calls such addresses valid, yet refuses a whole payment that has one among its outputs
 * (pegin-count-mismatch), so that one miner could hold up everyone's payout. No other chain uses
 * them. */
static bool is_mweb_version(unsigned version)
{
    return version == 8 || version == 9;
}

static bool segwit_script(const struct address_rules *rules, const char *text, size_t len,
                          struct script *ret)
{
    uint8_t program[SEGWIT_MAX_PROGRAM];
    unsigned version;
    size_t n;

    if (rules->hrp[0] == '\0' || !segwit_decode(rules->hrp, text, len, &version, program, &n) ||
        is_mweb_version(version))
        return false;
    ret->len = 0;
    script_add(ret, &(uint8_t){version == 0 ? OP_0 : (uint8_t)(OP_1 + version - 1)}, 1);
    script_add(ret, &(uint8_t){(uint8_t)n}, 1);
    script_add(ret, program, n);
    return true;
}

bool address_to_script(const struct address_rules *rules, const char *text, size_t len,
                       struct script *ret)
{
    struct script script;

    if (len > ADDRESS_MAX_TEXT ||
        (!segwit_script(rules, text, len, &script) && !base58_script(rules, text, len, &script)))
        return false;
    if (ret)
        *ret = script;
    return true;
}

/* SCRIPT is HEAD, a hash and TAIL: its address with VERSION. */
static bool base58_address(const uint8_t *script, size_t len, const uint8_t *head, size_t head_n,
                           const uint8_t *tail, size_t tail_n, uint8_t version, char *out)
{
    uint8_t payload[1 + HASH160_LEN] = {version};
    char text[BASE58_MAX_TEXT + 1];

    if (len != head_n + HASH160_LEN + tail_n || memcmp(script, head, head_n) != 0 ||
        memcmp(script + head_n + HASH160_LEN, tail, tail_n) != 0)
        return false;
    memcpy(payload + 1, script + head_n, HASH160_LEN);
    if (!base58check_encode(payload, sizeof(payload), text) || strlen(text) > ADDRESS_MAX_TEXT)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool segwit_address(const struct address_rules *rules, const uint8_t *script, size_t len,
                           char *out)
{
    unsigned version;

    if (rules->hrp[0] == '\0' || len < 4 || script[1] != len - 2 ||
        (script[0] != OP_0 && (script[0] < OP_1 || script[0] > OP_1 + 15)))
        return false;
    version = script[0] == OP_0 ? 0 : script[0] - OP_1 + 1u;
    return !is_mweb_version(version) &&
           segwit_encode(rules->hrp, version, script + 2, len - 2, out);
}

bool address_from_script(const struct address_rules *rules, const uint8_t *script, size_t len,
                         char *out)
{
    return (rules->p2pkh_n > 0 &&
            base58_address(script, len, p2pkh_head, sizeof(p2pkh_head), p2pkh_tail,
                           sizeof(p2pkh_tail), rules->p2pkh[0], out)) ||
           (rules->p2sh_n > 0 &&
            base58_address(script, len, p2sh_head, sizeof(p2sh_head), p2sh_tail, sizeof(p2sh_tail),
                           rules->p2sh[0], out)) ||
           segwit_address(rules, script, len, out);
}

void address_canonical(const struct address_rules *rules, const char *text, size_t len, char *out)
{
    struct script script;
    const bool segwit = segwit_script(rules, text, len, &script);

    assert(len <= ADDRESS_MAX_TEXT);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(segwit ? tolower((unsigned char)text[i]) : text[i]);
    out[len] = '\0';
}
