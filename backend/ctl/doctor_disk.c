/* Room for the archive, and for the database where it is on this machine. */
#include "backend/ctl/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statvfs.h>

#define WARN_PERCENT 10
#define FAIL_PERCENT 2
#define PATH_SIZE    4096

/* The file system of PATH, or of the folder that it will be made in. */
static bool find_room(const char *path, struct statvfs *ret)
{
    char parent[PATH_SIZE];

    snprintf(parent, sizeof parent, "%s", path);
    while (statvfs(parent, ret) != 0) {
        char *slash = strrchr(parent, '/');
        if ((errno != ENOENT && errno != EACCES) || slash == NULL || slash == parent)
            return statvfs("/", ret) == 0;
        *slash = '\0';
    }
    return true;
}

static void look(struct doctor *d, const char *what, const char *path)
{
    struct statvfs st;

    if (!find_room(path, &st) || st.f_blocks == 0) {
        doctor_say(d, VERDICT_WARN, "look at it by hand", "%s %s: %s", what, path, strerror(errno));
        return;
    }
    uint64_t percent = (uint64_t)st.f_bavail * 100 / st.f_blocks;
    enum verdict v = percent < FAIL_PERCENT   ? VERDICT_FAIL
                     : percent < WARN_PERCENT ? VERDICT_WARN
                                              : VERDICT_OK;
    doctor_say(d, v, v != VERDICT_OK ? "make room, or give it a larger disk" : NULL,
               "%s %s: %" PRIu64 " MiB free, %" PRIu64 " %%", what, path,
               (uint64_t)st.f_bavail * st.f_frsize / (1024 * 1024), percent);
}

static bool take_path(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    snprintf(ctx, PATH_SIZE, "%.*s", (int)v[0].len, (const char *)v[0].data);
    return false;
}

void doctor_disk(struct doctor *d)
{
    const struct conf_words *hosts = &d->conf->database.hosts;
    char datadir[PATH_SIZE] = "";

    look(d, "archive", d->conf->worker.archive_dir);
    if (!d->db_up || !doctor_is_loopback(hosts->word[0]))
        doctor_say(d, VERDICT_SKIPPED, "look at its disk there",
                   "the database is not on this machine, or does not answer");
    else if (db_query(d->db, "SELECT @@datadir", NULL, 0, take_path, datadir) == DB_OK)
        look(d, "database", datadir);
}
