/* The migrations that a folder holds and the ones that the database has seen. */
#ifndef PENSTOCK_BACKEND_CTL_MIGRATION_H
#define PENSTOCK_BACKEND_CTL_MIGRATION_H

#include "common/db/db.h"

#define MIGRATION_MAX_NAME  80
#define MIGRATION_MAX_BYTES (1024 * 1024)
#define MIGRATIONS_MAX      999

enum migration_state {
    MIGRATION_PENDING,
    MIGRATION_APPLIED,
    MIGRATION_INTERRUPTED, /* begun, not ended: it is run again from its beginning */
    MIGRATION_CHANGED,     /* applied from a file with another name or content */
    MIGRATION_UNKNOWN,     /* applied, but the folder does not have it */
};

struct migration {
    unsigned version, admits;
    char name[MIGRATION_MAX_NAME + 1];
    uint8_t checksum[32]; /* SHA-256 of the file */
    char *text;           /* NULL when there is no file */
    size_t len;
    enum migration_state state;
    char applied_at[32]; /* "" unless it was applied */
};

struct migrations {
    struct migration *item; /* item[i] is version i + 1 */
    size_t n;
};

const char *migration_state_name(enum migration_state s);

/* Reads DIR/NNNN_name.sql, numbered from 0001 without a gap. The first comment lines of each hold
 * "-- admits: N". False with a reason in ERR. */
bool migrations_read(const char *dir, struct migrations *ret, char *err, size_t err_size);
void migrations_free(struct migrations *m);

/* Fills in what the database knows of each, and adds those that only it knows. A database without
 * the table schema_version knows none. */
enum db_result migrations_compare(struct db *db, struct migrations *m);

#endif
