/* Secrets come from files (password_file=, or a systemd credential), never from argv or the
 * environment (design rule 8). */
#ifndef PENSTOCK_COMMON_BASE_SECRET_H
#define PENSTOCK_COMMON_BASE_SECRET_H

#include <stddef.h>

#define SECRET_MAX    1024
#define SECRET_FOLDER "/etc/penstock/secrets"

/* The file's first line without its end. A PATH that does not start with '/' is a credential of
 * this systemd service or, outside of one, a file in SECRET_FOLDER. The caller frees it with
 * secret_free(). NULL, with a reason and remedy in ERR, when the file cannot be read, is empty,
 * longer than SECRET_MAX, or readable by everyone. */
char *secret_read(const char *path, char *err, size_t err_size);

/* Overwrites and frees; sets *SECRET to NULL. */
void secret_free(char **secret);

#endif
