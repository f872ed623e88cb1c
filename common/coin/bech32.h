/* Segregated-witness addresses: bech32 (BIP 173, version 0) and bech32m (BIP 350, versions 1 to
 * 16). */
#ifndef PENSTOCK_COMMON_COIN_BECH32_H
#define PENSTOCK_COMMON_COIN_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEGWIT_MAX_PROGRAM 40
#define SEGWIT_MAX_TEXT    90

/* HRP is lower case. False for mixed case, wrong prefix, checksum, padding, version or length. */
bool segwit_decode(const char *hrp, const char *text, size_t len, unsigned *ret_version,
                   uint8_t program[SEGWIT_MAX_PROGRAM], size_t *ret_len);
/* OUT has SEGWIT_MAX_TEXT + 1 bytes. */
bool segwit_encode(const char *hrp, unsigned version, const uint8_t *program, size_t len,
                   char *out);

#endif
