/* Hexadecimal text to bytes and back. Both cases are read, lower case is written. */
#ifndef PENSTOCK_COMMON_BASE_HEX_H
#define PENSTOCK_COMMON_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads exactly HEX_LEN digits into HEX_LEN / 2 bytes. False, with OUT in an undefined state, when
 * HEX_LEN is odd or a character is no digit. No prefix, no white space. */
bool hex_decode(const char *hex, size_t hex_len, uint8_t *out);

/* Writes 2 * LEN digits and a NUL to OUT. */
void hex_encode(const uint8_t *data, size_t len, char *out);

#endif
