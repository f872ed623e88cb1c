#include "backend/ctl/archive_read.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/message/solution.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define PLAIN ".jsonl"
#define GZIP  ".gz"
#define CHUNK 65536

struct archive_reader {
    gzFile gz;
    struct buf line;
    uint64_t number;
    size_t at, len; /* of CHUNK: what is not in a line yet */
    char error[160];
    char chunk[CHUNK];
};

/* --- files --- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static size_t plain_len(const char *path)
{
    return strlen(path) - (ends_with(path, GZIP) ? strlen(GZIP) : 0);
}

int archive_path_cmp(const char *a, const char *b)
{
    size_t n = plain_len(a), m = plain_len(b);
    int c = memcmp(a, b, n < m ? n : m);

    return c != 0 ? c : (n > m) - (n < m);
}

static int cmp_files(const void *pa, const void *pb)
{
    const char *a = *(char *const *)pa, *b = *(char *const *)pb;
    int c = archive_path_cmp(a, b);

    return c != 0 ? c : strcmp(a, b); /* the plain one, which is whole, in front of the other */
}

static bool add_file(struct archive_files *f, const char *path, const struct stat *st, char *err,
                     size_t err_size)
{
    if (f->n == ARCHIVE_FILES_MAX) {
        snprintf(err, err_size, "more than %d files: name fewer at once", ARCHIVE_FILES_MAX);
        return false;
    }
    if ((f->n & (f->n - 1)) == 0) /* doubled at every power of two */
        f->path = mem_resize(f->path, f->n == 0 ? 1 : 2 * f->n, sizeof *f->path);
    f->path[f->n++] = mem_strdup(path);
    f->bytes += (uint64_t)st->st_size;
    return true;
}

static bool is_archive_name(const char *name)
{
    return *name != '.' && (ends_with(name, PLAIN) || ends_with(name, PLAIN GZIP));
}

/* One entry of the walk: false ends it. */
static bool add_entry(struct archive_files *f, FTS *fts, FTSENT *e, char *err, size_t err_size)
{
    if (e->fts_info == FTS_D && e->fts_level > 0 && *e->fts_name == '.')
        fts_set(fts, e, FTS_SKIP);
    if (e->fts_info == FTS_F && (e->fts_level == 0 || is_archive_name(e->fts_name)))
        return add_file(f, e->fts_accpath, e->fts_statp, err, err_size);
    /* a file that went away since the folder was read has been compressed: fts sees the new one,
     * or archive_reader_open() does */
    if (e->fts_info == FTS_NS && e->fts_level > 0 && e->fts_errno == ENOENT)
        return true;
    if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
        snprintf(err, err_size, "%s: %s", e->fts_path, strerror(e->fts_errno));
        return false;
    }
    return true;
}

bool archive_files_add(struct archive_files *f, const char *path, char *err, size_t err_size)
{
    char *copy = mem_strdup(path), *roots[] = {copy, NULL};
    FTS *fts = fts_open(roots, FTS_COMFOLLOW | FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    bool ok = fts != NULL;
    FTSENT *e;

    if (!ok)
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
    while (ok && (e = fts_read(fts)) != NULL)
        ok = add_entry(f, fts, e, err, err_size);
    if (fts != NULL)
        fts_close(fts);
    free(copy);
    return ok;
}

void archive_files_sort(struct archive_files *f)
{
    size_t kept = 0;

    if (f->n > 0)
        qsort(f->path, f->n, sizeof *f->path, cmp_files);
    for (size_t i = 0; i < f->n; i++)
        if (kept > 0 && archive_path_cmp(f->path[kept - 1], f->path[i]) == 0)
            free(f->path[i]);
        else
            f->path[kept++] = f->path[i];
    f->n = kept;
}

void archive_files_free(struct archive_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->path[i]);
    free(f->path);
    *f = (struct archive_files){NULL, 0, 0};
}

/* --- lines --- */

static gzFile open_either(const char *path)
{
    gzFile gz = gzopen(path, "rbe");

    if (gz == NULL && errno == ENOENT) {
        char *compressed = mem_sprintf("%s" GZIP, path);
        gz = gzopen(compressed, "rbe");
        free(compressed);
    }
    return gz;
}

struct archive_reader *archive_reader_open(const char *path, char *err, size_t err_size)
{
    gzFile gz = open_either(path);

    if (gz == NULL) {
        snprintf(err, err_size, "%s: %s", path, errno != 0 ? strerror(errno) : "out of memory");
        return NULL;
    }
    gzbuffer(gz, CHUNK);
    struct archive_reader *r = mem_zalloc(sizeof *r);
    r->gz = gz;
    r->line = BUF_INIT(SOLUTION_MAX_BODY);
    return r;
}

void archive_reader_close(struct archive_reader **r)
{
    if (*r == NULL)
        return;
    gzclose_r((*r)->gz);
    buf_free(&(*r)->line);
    free(*r);
    *r = NULL;
}

/* False at the end of what can be read; ERROR says why unless it is the file's end. */
static bool fill(struct archive_reader *r)
{
    int n = gzread(r->gz, r->chunk, CHUNK), code = Z_OK;
    const char *text = gzerror(r->gz, &code);

    /* a cut-off file gives its last bytes first, and the error only then */
    if (n <= 0 && code != Z_OK)
        snprintf(r->error, sizeof r->error, "%s",
                 code == Z_ERRNO       ? strerror(errno)
                 : code == Z_BUF_ERROR ? "the compressed file is cut off"
                                       : text);
    r->at = 0;
    r->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

enum archive_line_state archive_reader_next(struct archive_reader *r, const char **ret,
                                            size_t *ret_len)
{
    bool fits = true, any = false;

    if (r->error[0] != '\0')
        return ARCHIVE_BROKEN;
    r->number++;
    buf_clear(&r->line);
    for (;;) {
        if (r->at == r->len && !fill(r))
            return r->error[0] != '\0' ? ARCHIVE_BROKEN : any ? ARCHIVE_CUT : ARCHIVE_END;
        const char *start = r->chunk + r->at, *end = memchr(start, '\n', r->len - r->at);
        size_t n = end != NULL ? (size_t)(end - start) : r->len - r->at;
        fits = fits && buf_add(&r->line, start, n);
        any = true;
        r->at += n + (end != NULL);
        if (end == NULL)
            continue;
        *ret = r->line.data;
        *ret_len = r->line.len;
        return fits ? ARCHIVE_LINE : ARCHIVE_TOO_LONG;
    }
}

uint64_t archive_reader_line(const struct archive_reader *r)
{
    return r->number;
}

uint64_t archive_reader_offset(const struct archive_reader *r)
{
    z_off_t n = gzoffset(r->gz);

    return n > 0 ? (uint64_t)n : 0;
}

const char *archive_reader_error(const struct archive_reader *r)
{
    return r->error;
}

const char *archive_line_wrong(const struct archive_reader *r, enum archive_line_state s)
{
    return s == ARCHIVE_BROKEN     ? r->error
           : s == ARCHIVE_TOO_LONG ? "longer than any solution"
                                   : "cut off at the end of the file";
}

/* job_encode() begins so, and no message. */
bool archive_line_is_job(const char *line, size_t len)
{
    static const char start[] = "{\"v\":1,\"kind\":\"job\",";

    return len > strlen(start) && memcmp(line, start, strlen(start)) == 0;
}
