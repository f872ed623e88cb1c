#include "backend/worker/compress.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define RETRY_MS 60000 /* after gzip failed: a full disk does not empty itself */

struct compress {
    char *dir;
    pid_t child;           /* 0: none */
    bool wanted;           /* the folder is worth a look */
    int64_t not_before_ms; /* monotonic */
};

struct compress *compress_new(const char *dir)
{
    struct compress *c = mem_zalloc(sizeof(*c));

    c->dir = mem_strdup(dir);
    c->wanted = true;
    return c;
}

void compress_free(struct compress **c)
{
    if ((*c)->child > 0) {
        kill((*c)->child, SIGTERM); /* gzip removes its unfinished output */
        waitpid((*c)->child, NULL, 0);
    }
    free((*c)->dir);
    free(*c);
    *c = NULL;
}

void compress_wanted(struct compress *c)
{
    c->wanted = true;
}

bool compress_idle(const struct compress *c)
{
    return c->child == 0 && !c->wanted;
}

/* The child holds the file's lock, inherited as descriptor 3, until it ends: no other process
 * compresses it at the same time. Removes the file itself when it is done. */
static bool spawn_gzip(struct compress *c, const char *path, int locked_fd)
{
    char *argv[] = {(char *)"gzip", (char *)"--force", (char *)"--synchronous",
                    (char *)"--",   (char *)path,      NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int rc;

    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, locked_fd, 3);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none); /* this thread blocks what ends the child */
    rc = posix_spawnp(&c->child, "gzip", &actions, &attr, argv, environ);
    FAULT_POINT("compress.started");
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        c->child = 0;
        log_warning("archive.gzip_not_started", LOG_STR("error", strerror(rc)));
    }
    return rc == 0;
}

static bool is_archive_file(const char *name)
{
    size_t len = strlen(name), suffix = strlen(ARCHIVE_SUFFIX);

    return name[0] != '.' && len > suffix && strcmp(name + len - suffix, ARCHIVE_SUFFIX) == 0;
}

/* Nobody writes to the file any more: starts its compression. */
static bool start_with(struct compress *c, const char *name)
{
    char *path = mem_sprintf("%s/%s", c->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool started = false;

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        started = spawn_gzip(c, path, fd);
    if (fd >= 0)
        close(fd);
    free(path);
    return started;
}

static void start_next(struct compress *c)
{
    DIR *dir = opendir(c->dir);
    const struct dirent *e;

    c->wanted = false;
    if (dir == NULL)
        return; /* nothing was archived yet */
    while (c->child == 0 && (e = readdir(dir)) != NULL)
        if (is_archive_file(e->d_name))
            c->wanted |= start_with(c, e->d_name); /* there may be another one behind it */
    closedir(dir);
}

static void reap(struct compress *c)
{
    int status;

    if (waitpid(c->child, &status, WNOHANG) == 0)
        return;
    c->child = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    log_warning("archive.gzip_failed", LOG_STR("dir", c->dir), LOG_INT("status", status));
    c->wanted = true;
    c->not_before_ms = clock_mono_ms() + RETRY_MS;
}

void compress_tick(struct compress *c)
{
    if (c->child > 0)
        reap(c);
    if (c->child == 0 && c->wanted && clock_mono_ms() >= c->not_before_ms)
        start_next(c);
}
