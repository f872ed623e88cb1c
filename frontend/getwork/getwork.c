#include "frontend/getwork/getwork.h"

#include "common/base/hex.h"

#include <string.h>

#define BLOCKS_SIZE 128 /* a header and SHA-256's padding of it: two blocks */

/* From the interface's first implementation: the words that SHA-256 works on, each with its bytes
 * reversed. */
static void swap_words(const uint8_t *from, uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = from[i ^ 3];
}

/* SHA-256's padding of 80 bytes: a bit, zeros, the length in bits. */
static const uint8_t padding[BLOCKS_SIZE - HEADER_SIZE] = {
    0x80, [BLOCKS_SIZE - HEADER_SIZE - 2] = 0x02, [BLOCKS_SIZE - HEADER_SIZE - 1] = 0x80};

void getwork_data(const uint8_t header[HEADER_SIZE], char out[GETWORK_DATA_LEN + 1])
{
    uint8_t data[BLOCKS_SIZE];

    swap_words(header, data, HEADER_SIZE);
    swap_words(padding, data + HEADER_SIZE, sizeof(padding));
    hex_encode(data, sizeof(data), out);
}

void getwork_target(const struct u256 *target, char out[GETWORK_TARGET_LEN + 1])
{
    struct u256 little_endian;

    u256_reverse(target->be, &little_endian);
    u256_to_hex(&little_endian, out);
}

bool getwork_parse(const char *data, size_t len, uint8_t header[HEADER_SIZE])
{
    uint8_t sent[BLOCKS_SIZE], plain[BLOCKS_SIZE];

    if (len != GETWORK_DATA_LEN || !hex_decode(data, len, sent))
        return false;
    swap_words(sent, plain, sizeof(sent));
    if (memcmp(plain + HEADER_SIZE, padding, sizeof(padding)) != 0)
        return false;
    memcpy(header, plain, HEADER_SIZE);
    return true;
}
