#include "common/db/schema.h"

#include <inttypes.h>
#include <stdio.h>

struct level {
    uint64_t version, admits;
};

bool schema_fits(uint64_t level, uint64_t version, uint64_t admits, char *err, size_t err_size)
{
    if (version < level) {
        snprintf(err, err_size,
                 "the database schema has level %" PRIu64 ", this program needs level %" PRIu64
                 ": run 'penstockctl migrate' first",
                 version, level);
        return false;
    }
    if (level < admits) {
        snprintf(err, err_size,
                 "the database schema (level %" PRIu64 ") admits programs of level %" PRIu64
                 " or later, this one has level %" PRIu64 ": install a later version of Penstock",
                 version, admits, level);
        return false;
    }
    return true;
}

static bool take_level(void *ctx, const struct db_value *v, size_t n)
{
    struct level *l = ctx;

    (void)n;
    l->version = db_uint(&v[0]);
    l->admits = db_uint(&v[1]);
    return false;
}

enum db_result schema_check(struct db *db, bool *ret_fits, char *err, size_t err_size)
{
    static const char sql[] =
        "SELECT CAST(version AS UNSIGNED), CAST(admits AS UNSIGNED) FROM schema_level";
    struct level l = {0, 0};
    enum db_result r = db_query(db, sql, NULL, 0, take_level, &l);

    if (r != DB_OK) {
        snprintf(err, err_size, "cannot read schema_level: %s", db_error(db));
        return r;
    }
    *ret_fits = schema_fits(SCHEMA_LEVEL, l.version, l.admits, err, err_size);
    return DB_OK;
}
