#include "frontend/fcgi/shared_map.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* "" where the system does not say; the times are then judged by their users alone. */
static void read_boot_id(char out[sizeof(((struct shared_map_head *)0)->boot)])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, sizeof(((struct shared_map_head *)0)->boot) - 1);

    out[n > 0 ? strcspn(out, "\n") : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static bool is_current(int fd, const struct shared_map_head *wanted, size_t size)
{
    struct shared_map_head found;
    struct stat st;

    return fstat(fd, &st) == 0 && (size_t)st.st_size == size &&
           pread(fd, &found, sizeof found, 0) == (ssize_t)sizeof found &&
           found.magic == wanted->magic && found.version == wanted->version &&
           memcmp(found.boot, wanted->boot, sizeof found.boot) == 0;
}

static bool write_zeros(int fd, size_t size)
{
    static const char zeros[65536];

    for (size_t at = 0; at < size;) {
        size_t left = size - at;
        ssize_t n = pwrite(fd, zeros, left < sizeof zeros ? left : sizeof zeros, (off_t)at);

        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* Called with the file locked against others that do the same; the kernel drops that lock when a
 * process dies, and what it left half-done has no magic yet. Zeros are written, not left as holes:
 * a full disk must be found here, not at a store through the mapping. */
static bool make_file(int fd, struct shared_map_head *head, size_t size)
{
    const size_t magic = sizeof head->magic;

    if (is_current(fd, head, size))
        return true;
    if (getrandom(head->secret, sizeof head->secret, 0) != (ssize_t)sizeof head->secret)
        return false;
    return write_zeros(fd, size) && ftruncate(fd, (off_t)size) == 0 &&
           pwrite(fd, (char *)head + magic, sizeof *head - magic, (off_t)magic) ==
               (ssize_t)(sizeof *head - magic) &&
           pwrite(fd, &head->magic, magic, 0) == (ssize_t)magic;
}

static void *map_file(int fd, struct shared_map_head *head, size_t size)
{
    if (flock(fd, LOCK_EX) < 0)
        return NULL;
    bool made = make_file(fd, head, size);
    int cause = errno;
    flock(fd, LOCK_UN);
    errno = cause;
    if (!made)
        return NULL;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void *shared_map_open(const char *path, uint64_t magic, uint64_t version, size_t size, char *err,
                      size_t err_size)
{
    struct shared_map_head head = {.magic = magic, .version = version};
    void *map = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    assert(size >= sizeof head);
    read_boot_id(head.boot);
    if (fd >= 0)
        map = map_file(fd, &head, size);
    if (!map)
        snprintf(err, err_size,
                 "%s: %s; [frontend] health_file must lie in a folder that the frontend may write",
                 path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return map;
}
