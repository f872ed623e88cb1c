/*
 * The archive of accepted solutions: the safety net from which the database can be rebuilt.
 *
 * DIR/NETWORK/TIME-PID-N.jsonl holds one message body a line, and the jobs that shares belong to
 * (see backend/share/credit.h), appended and synced before the broker is told that the message is
 * done. Each struct archive writes files of its own, locked (flock) while it does; files are closed
 * at a size or an age and compressed by gzip in the background, and so are, at start, those that a
 * dead process left behind. A crash can leave a cut-off last line; whoever reads the archive skips
 * a line that is no JSON. A message may be there more than once.
 */
#ifndef PENSTOCK_BACKEND_WORKER_ARCHIVE_H
#define PENSTOCK_BACKEND_WORKER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive;

struct archive_conf {
    const char *dir; /* made when missing, with NETWORK below it */
    const char *network;
    int64_t rotate_bytes;
    int64_t rotate_s;
};

/* Opens nothing yet. CONF's texts must outlive the result. */
struct archive *archive_new(const struct archive_conf *conf);
/* Ends a compression under way; it is done again at the next start. */
void archive_close(struct archive **a);

struct archive_line {
    const void *body; /* a JSON object */
    size_t len;
    const char *more; /* further members for its end, with a comma in front; or NULL */
};

/* Appends LINES (line breaks inside a body, which JSON allows between tokens, become spaces) and
 * syncs. False, with archive_error() set, when that failed: some may be written all the same; call
 * again with the same lines. */
bool archive_append(struct archive *a, const struct archive_line *lines, size_t n);
/* The number of the file that the next lines go to; each one has another, none is 0. */
uint64_t archive_file(const struct archive *a);
const char *archive_error(const struct archive *a);

/* Rotates a file that is old enough, and looks after compression; call it now and then. */
void archive_tick(struct archive *a);

#endif
