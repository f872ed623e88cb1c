/*
 * Reading the archive of accepted solutions (backend/worker/archive.h says what it is): finding its
 * files and going through their lines, plain or gzip.
 */
#ifndef PENSTOCK_BACKEND_CTL_ARCHIVE_READ_H
#define PENSTOCK_BACKEND_CTL_ARCHIVE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_FILES_MAX 1000000

struct archive_files {
    char **path;
    size_t n;
    uint64_t bytes; /* of all, as they lie on the disk */
};

/* Adds PATH: a file, whatever its name, or every *.jsonl and *.jsonl.gz below a folder that is not
 * hidden. False, with a reason in ERR. */
bool archive_files_add(struct archive_files *f, const char *path, char *err, size_t err_size);

/* Puts them in the order of their names, so in each folder of their age, and drops what is there
 * twice: a file and what is being made of it by gzip, or a path that was added twice. */
void archive_files_sort(struct archive_files *f);
void archive_files_free(struct archive_files *f);

/* The file that A and B were, whether compressed since or not; like strcmp(). */
int archive_path_cmp(const char *a, const char *b);

enum archive_line_state {
    ARCHIVE_LINE,
    ARCHIVE_END,
    ARCHIVE_TOO_LONG, /* longer than any message: skipped */
    ARCHIVE_CUT,      /* the last line has no end: written by a process that died, or still being
                         written */
    ARCHIVE_BROKEN,   /* cannot be read further: archive_reader_error() */
};

struct archive_reader;

/* NULL, with a reason in ERR. A file that was compressed since it was found is found all the same.
 */
struct archive_reader *archive_reader_open(const char *path, char *err, size_t err_size);
void archive_reader_close(struct archive_reader **r);

/* On ARCHIVE_LINE *RET is the line without its end, NUL-terminated, until the next call. */
enum archive_line_state archive_reader_next(struct archive_reader *r, const char **ret,
                                            size_t *ret_len);
uint64_t archive_reader_line(const struct archive_reader *r);   /* of the last call, from 1 */
uint64_t archive_reader_offset(const struct archive_reader *r); /* bytes of the file read so far */
const char *archive_reader_error(const struct archive_reader *r);

/* The line is no message but a job, without which the shares behind it could not be judged. */
bool archive_line_is_job(const char *line, size_t len);

/* What is wrong with a line that is not ARCHIVE_LINE. */
const char *archive_line_wrong(const struct archive_reader *r, enum archive_line_state s);

#endif
