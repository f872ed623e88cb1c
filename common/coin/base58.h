/* Base58Check (Bitcoin wiki "Base58Check encoding"): version byte(s), payload, 4 bytes of sha256d.
 */
#ifndef PENSTOCK_COMMON_COIN_BASE58_H
#define PENSTOCK_COMMON_COIN_BASE58_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE58_MAX_TEXT    128
#define BASE58_MAX_PAYLOAD 96

/* False for a wrong character, length or checksum. *RET_LEN is the payload's length without
 * checksum. */
bool base58check_decode(const char *text, size_t len, uint8_t payload[BASE58_MAX_PAYLOAD],
                        size_t *ret_len);
/* OUT has BASE58_MAX_TEXT + 1 bytes. False when PAYLOAD_LEN exceeds 80. */
bool base58check_encode(const uint8_t *payload, size_t payload_len, char *out);

#endif
