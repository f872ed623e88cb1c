/* Compresses the closed files of one archive folder, one at a time, by a gzip child. For archive.c.
 */
#ifndef PENSTOCK_BACKEND_WORKER_COMPRESS_H
#define PENSTOCK_BACKEND_WORKER_COMPRESS_H

#include <stdbool.h>

#define ARCHIVE_SUFFIX ".jsonl"

struct compress;

/* DIR is copied. Starts with a look for files that dead processes left. */
struct compress *compress_new(const char *dir);
void compress_free(struct compress **c); /* ends a child under way */

/* The folder may hold a file to compress. */
void compress_wanted(struct compress *c);

/* Notes the end of a child, starts the next one. Never waits. */
void compress_tick(struct compress *c);

bool compress_idle(const struct compress *c);

#endif
