#include "common/base/secret.h"

#include "common/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A bare name is a credential that systemd has put into the service's own folder. Outside of a
 * service, for the operator, it is the file that the credential is made from. */
static void locate(const char *path, char *out, size_t size)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    if (path[0] == '/')
        snprintf(out, size, "%s", path);
    else
        snprintf(out, size, "%s/%s", folder ? folder : SECRET_FOLDER, path);
}

/* An open regular file that not everyone can read, or -1 with ERR set. */
static int open_private(const char *path, char *err, size_t err_size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */

    if (fd < 0 || fstat(fd, &st) < 0) {
        snprintf(err, err_size, "%s: %s; create it with the secret as its first line", path,
                 strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(err, err_size, "%s: not a regular file; name a file with the secret", path);
    } else if (st.st_mode & S_IROTH) {
        snprintf(err, err_size, "%s: readable by everyone; chmod o-r it and change the secret",
                 path);
    } else {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Up to SIZE bytes; -1 with errno set. */
static ssize_t read_most(int fd, char *data, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, data + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

/* The length of DATA's first line without its end. */
static size_t first_line(const char *data, size_t len)
{
    const char *end = memchr(data, '\n', len);
    size_t line = end ? (size_t)(end - data) : len;

    return line > 0 && data[line - 1] == '\r' ? line - 1 : line;
}

char *secret_read(const char *path, char *err, size_t err_size)
{
    char file[PATH_MAX], data[SECRET_MAX + 2]; /* the longest line and its end */
    char *secret = NULL;

    locate(path, file, sizeof(file));
    int fd = open_private(file, err, err_size);
    if (fd < 0)
        return NULL;
    ssize_t n = read_most(fd, data, sizeof(data));
    size_t len = n > 0 ? first_line(data, (size_t)n) : 0;
    if (n < 0)
        snprintf(err, err_size, "%s: %s; check the file", file, strerror(errno));
    else if (len == 0)
        snprintf(err, err_size, "%s: the first line is empty; write the secret there", file);
    else if (len > SECRET_MAX)
        snprintf(err, err_size, "%s: the first line is longer than %d bytes; use a shorter secret",
                 file, SECRET_MAX);
    else if (memchr(data, '\0', len))
        snprintf(err, err_size, "%s: a NUL byte in the first line; write the secret as text", file);
    else
        secret = mem_strndup(data, len);
    explicit_bzero(data, sizeof(data));
    close(fd);
    return secret;
}

void secret_free(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}
