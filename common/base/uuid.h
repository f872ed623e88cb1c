/* UUIDs (RFC 9562). Version 7: sorted by time, 74 random bits, so an id that leaves the pool cannot
 * be guessed from its neighbour. */
#ifndef PENSTOCK_COMMON_BASE_UUID_H
#define PENSTOCK_COMMON_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT_LEN 36

struct uuid {
    uint8_t b[16];
};

/* A fresh version-7 UUID. The kernel's random source cannot fail here; if it does, it is a bug. */
void uuid_v7(struct uuid *ret);

/* Milliseconds since the epoch that a version-7 UUID was made at; -1 for another version. */
int64_t uuid_v7_ms(const struct uuid *id);

/* The canonical 8-4-4-4-12 form in either case, any version; exactly 36 characters. */
bool uuid_parse(const char *text, size_t len, struct uuid *ret);

/* Writes 36 lower-case characters and a NUL. */
void uuid_format(const struct uuid *id, char out[UUID_TEXT_LEN + 1]);

/* MariaDB's type UUID takes it: one of a version above 7 may be refused there, since that type
 * tells its two forms of storing apart by these bits. Whoever stores an id of a stranger asks
 * first. */
bool uuid_is_storable(const struct uuid *id);

bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
