/* Addresses of one chain: is it valid there, and which script does it stand for? */
#ifndef PENSTOCK_COMMON_COIN_ADDRESS_H
#define PENSTOCK_COMMON_COIN_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_MAX_TEXT   90
#define ADDRESS_MAX_SCRIPT 42

/* Which prefixes a chain uses. An address of another kind (MWEB, another chain) is invalid. */
struct address_rules {
    uint8_t p2pkh[4]; /* base58check version bytes that mean pay-to-public-key-hash */
    size_t p2pkh_n;
    uint8_t p2sh[4];
    size_t p2sh_n;
    char hrp[16];        /* bech32 prefix in lower case; "" = the chain has none */
    unsigned base58_len; /* exact length of base58 addresses, 0 = any (BiblePay: 34) */
};

struct script {
    uint8_t b[ADDRESS_MAX_SCRIPT];
    size_t len;
};

/* False when TEXT is no address of this chain, or one that a payment of several cannot hold (MWEB).
 * RET may be NULL. Addresses are case-sensitive, except that bech32 may be all upper case (BIP
 * 173). */
bool address_to_script(const struct address_rules *rules, const char *text, size_t len,
                       struct script *ret);

/* The address of SCRIPT, which has the first of the version bytes of its kind. False when it is of
 * no kind that this chain has addresses for. OUT has ADDRESS_MAX_TEXT + 1 bytes. */
bool address_from_script(const struct address_rules *rules, const uint8_t *script, size_t len,
                         char *out);

/* The one spelling under which an address is stored: bech32 in lower case, base58 as it is.
 * TEXT must be valid. OUT has ADDRESS_MAX_TEXT + 1 bytes. */
void address_canonical(const struct address_rules *rules, const char *text, size_t len, char *out);

#endif
