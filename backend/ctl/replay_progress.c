/* "LINE PATH": everything up to that line of that file, and all files before it, is confirmed. */
#include "backend/ctl/ctl.h"
#include "backend/ctl/replay.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVERY_MS 1000

static bool complain(const char *file)
{
    ctl_complain(&replay_command, "%s: %s", file, strerror(errno));
    return false;
}

bool replay_progress_save(const char *file, const char *path, uint64_t line, bool now)
{
    static int64_t saved_ms;
    char *fresh;

    if (!now && saved_ms != 0 && clock_mono_ms() - saved_ms < EVERY_MS)
        return true;
    saved_ms = clock_mono_ms();
    fresh = mem_sprintf("%s.new", file);
    FILE *out = fopen(fresh, "we");
    bool ok = out != NULL && fprintf(out, "%" PRIu64 " %s\n", line, path) > 0 && fflush(out) == 0 &&
              fdatasync(fileno(out)) == 0;
    if (out != NULL)
        ok = fclose(out) == 0 && ok;
    ok = (ok && rename(fresh, file) == 0) || complain(file);
    free(fresh);
    return ok;
}

bool replay_progress_load(const char *file, char **ret_path, uint64_t *ret_line)
{
    char text[PATH_MAX + 32], *end;
    FILE *in = fopen(file, "re");

    *ret_path = NULL;
    if (in == NULL)
        return errno == ENOENT || complain(file);
    bool ok = fgets(text, sizeof text, in) != NULL && strchr(text, '\n') != NULL;
    fclose(in);
    if (ok) {
        text[strcspn(text, "\n")] = '\0';
        errno = 0;
        *ret_line = strtoull(text, &end, 10);
        ok = errno == 0 && end != text && *end == ' ' && end[1] != '\0';
    }
    if (ok)
        *ret_path = mem_strdup(end + 1);
    else
        ctl_complain(&replay_command, "%s: not the progress of a replay", file);
    return ok;
}
