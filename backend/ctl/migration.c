/* Reading migration files. */
#include "backend/ctl/migration.h"

#include "common/base/mem.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_DIGITS 4
#define SUFFIX        ".sql"
#define ADMITS        "-- admits: "

const char *migration_state_name(enum migration_state s)
{
    static const char *const names[] = {"pending", "applied", "interrupted", "changed", "unknown"};

    assert((size_t)s < sizeof names / sizeof names[0]);
    return names[s];
}

/* 0001_some_name.sql */
static bool parse_name(const char *file, struct migration *m)
{
    size_t len = strlen(file);
    size_t fixed = NUMBER_DIGITS + 1 + strlen(SUFFIX);

    if (len <= fixed || len - fixed > MIGRATION_MAX_NAME ||
        strspn(file, "0123456789") != NUMBER_DIGITS || file[NUMBER_DIGITS] != '_')
        return false;
    m->version = (unsigned)strtoul(file, NULL, 10);
    const char *name = file + NUMBER_DIGITS + 1;
    size_t name_len = len - fixed;
    memcpy(m->name, name, name_len);
    return m->version > 0 && strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == name_len;
}

/* The number in the leading comment lines; 0 when there is none. */
static unsigned parse_admits(const char *text)
{
    for (const char *line = text; strncmp(line, "--", 2) == 0;) {
        if (strncmp(line, ADMITS, strlen(ADMITS)) == 0)
            return (unsigned)strtoul(line + strlen(ADMITS), NULL, 10);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return 0;
}

static bool read_text(const char *path, struct migration *m, char *err, size_t err_size)
{
    FILE *f = fopen(path, "re");

    if (f == NULL) {
        snprintf(err, err_size, "%s: %s", path, strerror(errno));
        return false;
    }
    m->text = mem_zalloc(MIGRATION_MAX_BYTES + 1);
    m->len = fread(m->text, 1, MIGRATION_MAX_BYTES, f);
    bool whole = !ferror(f) && fgetc(f) == EOF;
    fclose(f);
    if (!whole || memchr(m->text, '\0', m->len) != NULL) {
        snprintf(err, err_size, "%s: no readable text of at most %d bytes", path,
                 MIGRATION_MAX_BYTES);
        return false;
    }
    SHA256((const uint8_t *)m->text, m->len, m->checksum);
    m->admits = parse_admits(m->text);
    if (m->admits == 0 || m->admits > m->version) {
        snprintf(err, err_size,
                 "%s: its first comment lines must hold \"-- admits: N\", N from 1 to %u", path,
                 m->version);
        return false;
    }
    return true;
}

static int is_sql(const struct dirent *e)
{
    size_t len = strlen(e->d_name);

    return len >= strlen(SUFFIX) && strcmp(e->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static bool read_one(const char *dir, const char *file, struct migrations *m, char *err,
                     size_t err_size)
{
    struct migration *next = &m->item[m->n];
    char path[4096];

    if (m->n == MIGRATIONS_MAX || !parse_name(file, next) || next->version != m->n + 1) {
        snprintf(err, err_size, "%s/%s: expected %04zu_NAME.sql (numbers without gap, [a-z0-9_])",
                 dir, file, m->n + 1);
        return false;
    }
    m->n++;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return read_text(path, next, err, err_size);
}

bool migrations_read(const char *dir, struct migrations *ret, char *err, size_t err_size)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_sql, alphasort);
    bool ok = n > 0;

    *ret = (struct migrations){mem_zalloc((MIGRATIONS_MAX + 1) * sizeof *ret->item), 0};
    if (n < 0)
        snprintf(err, err_size, "%s: %s", dir, strerror(errno));
    else if (n == 0)
        snprintf(err, err_size, "%s: holds no migrations (NNNN_NAME.sql)", dir);
    for (int i = 0; i < n; i++) {
        ok = ok && read_one(dir, entries[i]->d_name, ret, err, err_size);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (!ok)
        migrations_free(ret);
    return ok;
}

void migrations_free(struct migrations *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->item[i].text);
    free(m->item);
    *m = (struct migrations){NULL, 0};
}

/* --- what the database knows --- */

static void judge(struct migration *m, const struct db_value *row)
{
    bool same = strcmp(m->name, db_text(&row[1])) == 0 && row[2].len == sizeof m->checksum &&
                memcmp(m->checksum, row[2].data, sizeof m->checksum) == 0;

    if (db_is_null(&row[3])) {
        m->state = MIGRATION_INTERRUPTED; /* its file may have been corrected meanwhile */
        return;
    }
    m->state = same ? MIGRATION_APPLIED : MIGRATION_CHANGED;
    snprintf(m->applied_at, sizeof m->applied_at, "%s", db_text(&row[3]));
}

static bool take_row(void *ctx, const struct db_value *row, size_t n)
{
    struct migrations *m = ctx;
    uint64_t version = db_uint(&row[0]);

    assert(n == 4);
    if (version >= 1 && version <= m->n && m->item[version - 1].text != NULL) {
        judge(&m->item[version - 1], row);
        return true;
    }
    struct migration *extra = &m->item[m->n];
    *extra = (struct migration){.version = (unsigned)version, .state = MIGRATION_UNKNOWN};
    snprintf(extra->name, sizeof extra->name, "%s", db_text(&row[1]));
    return ++m->n < MIGRATIONS_MAX;
}

static bool take_count(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&row[0]);
    return false;
}

enum db_result migrations_compare(struct db *db, struct migrations *m)
{
    int64_t tables = 0;
    enum db_result r = db_query(db,
                                "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA "
                                "= DATABASE() AND TABLE_NAME = 'schema_version'",
                                NULL, 0, take_count, &tables);

    if (r != DB_OK || tables == 0)
        return r;
    return db_query(db,
                    "SELECT version, name, checksum, applied_at FROM schema_version "
                    "ORDER BY version",
                    NULL, 0, take_row, m);
}
