/* The encodings of getwork (wallet.md C): a block header as `data`, as miners get it and send it
 * back, and the share target as `target`. */
#ifndef PENSTOCK_FRONTEND_GETWORK_GETWORK_H
#define PENSTOCK_FRONTEND_GETWORK_GETWORK_H

#include "common/coin/hash.h"

#define GETWORK_DATA_LEN   256 /* hexadecimal digits */
#define GETWORK_TARGET_LEN 64

/* Each writes its digits and a NUL. */
void getwork_data(const uint8_t header[HEADER_SIZE], char out[GETWORK_DATA_LEN + 1]);
void getwork_target(const struct u256 *target, char out[GETWORK_TARGET_LEN + 1]);

/* The header in DATA that a miner sent. False unless it is exactly GETWORK_DATA_LEN digits and what
 * follows the header is the padding it was given. */
bool getwork_parse(const char *data, size_t len, uint8_t header[HEADER_SIZE]);

#endif
