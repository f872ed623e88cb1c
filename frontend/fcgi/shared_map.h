/* A file that all frontend processes of this machine map: memory they share, without a lock that a
 * process could die with. */
#ifndef PENSTOCK_FRONTEND_FCGI_SHARED_MAP_H
#define PENSTOCK_FRONTEND_FCGI_SHARED_MAP_H

#include <stddef.h>
#include <stdint.h>

#define SHARED_MAP_SECRET 16

/* What the mapping begins with. */
struct shared_map_head {
    uint64_t magic, version;
    char boot[40]; /* the system's boot id: times of another boot mean nothing */
    uint8_t secret[SHARED_MAP_SECRET]; /* random, made with the file */
};

/* Maps PATH, readable by its owner only. A file that is not of this MAGIC and VERSION, of another
 * boot or another size is made anew in place: a head, and zeros. SIZE must be the same in every
 * version, so that an older process that still maps the file never loses the memory under its feet.
 * NULL, with a reason and remedy in ERR, when that is impossible; unmap with munmap(). */
void *shared_map_open(const char *path, uint64_t magic, uint64_t version, size_t size, char *err,
                      size_t err_size);

#endif
