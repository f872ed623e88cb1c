#include "backend/worker/archive.h"

#include "backend/worker/compress.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/message/solution.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_MAX (256u * 1024) /* gathered for one write */

struct archive {
    struct archive_conf conf;
    char *dir; /* of the network */
    struct compress *compress;
    int fd; /* of the file being written; -1: none */
    char *path;
    off_t good; /* bytes that are known to be synced */
    int64_t opened_ms;
    uint64_t files; /* opened so far */
    char error[256];
};

struct archive *archive_new(const struct archive_conf *conf)
{
    struct archive *a = mem_zalloc(sizeof(*a));

    a->conf = *conf;
    a->dir = mem_sprintf("%s/%s", conf->dir, conf->network);
    a->compress = compress_new(a->dir);
    a->fd = -1;
    return a;
}

uint64_t archive_file(const struct archive *a)
{
    return a->fd >= 0 ? a->files : a->files + 1;
}

const char *archive_error(const struct archive *a)
{
    return a->error;
}

static bool fail(struct archive *a, const char *what, const char *path)
{
    snprintf(a->error, sizeof(a->error), "%s %s: %s", what, path, strerror(errno));
    return false;
}

/* Gives up the file being written: what is synced stays, and will be compressed. */
static void abandon(struct archive *a)
{
    if (a->fd < 0)
        return;
    if (a->good == 0)
        unlink(a->path);
    close(a->fd); /* and with it the lock */
    FAULT_POINT("archive.closed");
    free(a->path);
    a->path = NULL;
    a->fd = -1;
    compress_wanted(a->compress);
}

void archive_close(struct archive **a)
{
    if (*a == NULL)
        return;
    abandon(*a);
    compress_free(&(*a)->compress);
    free((*a)->dir);
    free(*a);
    *a = NULL;
}

/* A name is durable only once its folder is synced. */
static bool sync_dir(struct archive *a, const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    FAULT_POINT("archive.folder_synced");
    if (!ok)
        fail(a, "cannot sync", dir);
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool make_dirs(struct archive *a)
{
    if (mkdir(a->conf.dir, 0750) < 0 && errno != EEXIST)
        return fail(a, "cannot make", a->conf.dir);
    if (mkdir(a->dir, 0750) == 0) {
        FAULT_POINT("archive.folder_made");
        return sync_dir(a, a->conf.dir);
    }
    return errno == EEXIST || fail(a, "cannot make", a->dir);
}

/* Locked before it has the name that others look for, so that nobody takes it for left behind. */
static bool create_locked(struct archive *a, const char *hidden, const char *path)
{
    a->fd = open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0640);
    if (a->fd < 0)
        return fail(a, "cannot create", hidden);
    FAULT_POINT("archive.file_created");
    if (flock(a->fd, LOCK_EX | LOCK_NB) == 0 && rename(hidden, path) == 0) {
        FAULT_POINT("archive.file_renamed");
        return sync_dir(a, a->dir);
    }
    fail(a, "cannot lock and rename", hidden);
    unlink(hidden);
    return false;
}

/* Several archives of one process may write into the same folder. */
static unsigned next_serial(void)
{
    static atomic_uint serial;

    return atomic_fetch_add(&serial, 1);
}

static bool open_file(struct archive *a)
{
    unsigned serial = next_serial();
    time_t now = (time_t)(clock_real_us() / 1000000);
    char stamp[32], *hidden;
    struct tm tm;
    bool ok;

    if (!make_dirs(a))
        return false;
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    a->path = mem_sprintf("%s/%s-%ld-%u" ARCHIVE_SUFFIX, a->dir, stamp, (long)getpid(), serial);
    hidden = mem_sprintf("%s/.%s-%ld-%u" ARCHIVE_SUFFIX, a->dir, stamp, (long)getpid(), serial);
    a->good = 0;
    a->files++;
    a->opened_ms = clock_mono_ms();
    ok = create_locked(a, hidden, a->path);
    free(hidden);
    if (!ok && a->fd >= 0) {
        abandon(a);
    } else if (!ok) {
        free(a->path);
        a->path = NULL;
    }
    return ok;
}

static bool write_all(struct archive *a, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(a->fd, data, len);

        FAULT_POINT("archive.written");
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(a, "cannot write to", a->path);
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool flush(struct archive *a, struct buf *b)
{
    bool ok = write_all(a, b->data, b->len);

    buf_clear(b);
    return ok;
}

/* Frontends write none, so it is a search that finds nothing. */
static void blank_out(char *text, const char *end, int c)
{
    for (char *p = text; p < end && (p = memchr(p, c, (size_t)(end - p))) != NULL; p++)
        *p = ' ';
}

/* Piece by piece: a line may be much longer than what is gathered. */
static bool add_text(struct archive *a, struct buf *b, const char *text, size_t len)
{
    bool ok = true;

    while (ok && len > 0) {
        size_t room = CHUNK_MAX - b->len, start = b->len;
        size_t n = len < room ? len : room;

        buf_add(b, text, n);
        blank_out(b->data + start, b->data + b->len, '\n');
        blank_out(b->data + start, b->data + b->len, '\r');
        text += n;
        len -= n;
        ok = b->len < CHUNK_MAX || flush(a, b);
    }
    return ok;
}

static bool add_line(struct archive *a, struct buf *b, const struct archive_line *line)
{
    const char *body = line->body;
    size_t len = line->len;
    bool ok, more = line->more != NULL && line->len + strlen(line->more) <= SOLUTION_MAX_BODY;

    while (more && len > 0 && body[len - 1] != '}')
        len--; /* white space behind the object */
    ok = len == 0 || add_text(a, b, body, more ? len - 1 : len);
    if (more && len > 0)
        ok = ok && add_text(a, b, line->more, strlen(line->more)) && add_text(a, b, "}", 1);
    if (ok)
        buf_add(b, "\n", 1); /* a full buffer was flushed */
    return ok && (b->len < CHUNK_MAX || flush(a, b));
}

static bool write_lines(struct archive *a, const struct archive_line *lines, size_t n)
{
    struct buf b = BUF_INIT(CHUNK_MAX);
    bool ok = true;

    for (size_t i = 0; ok && i < n; i++)
        ok = add_line(a, &b, &lines[i]);
    ok = ok && flush(a, &b);
    buf_free(&b);
    return ok;
}

bool archive_append(struct archive *a, const struct archive_line *lines, size_t n)
{
    struct stat st;

    if (n == 0)
        return true;
    if (a->fd < 0 && !open_file(a))
        return false;
    if (!write_lines(a, lines, n)) {
        /* Whole lines only, so that the next attempt goes on cleanly. */
        if (ftruncate(a->fd, a->good) < 0)
            abandon(a);
        return false;
    }
    /* After a failed sync the kernel may have dropped the pages: the file is not trusted again. */
    if (fdatasync(a->fd) < 0 || fstat(a->fd, &st) < 0) {
        fail(a, "cannot sync", a->path);
        abandon(a);
        return false;
    }
    FAULT_POINT("archive.synced");
    a->good = st.st_size;
    if (a->good >= a->conf.rotate_bytes)
        abandon(a);
    return true;
}

void archive_tick(struct archive *a)
{
    if (a->fd >= 0 && clock_mono_ms() - a->opened_ms >= a->conf.rotate_s * 1000)
        abandon(a);
    compress_tick(a->compress);
}
