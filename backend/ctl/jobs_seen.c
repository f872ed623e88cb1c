#include "backend/ctl/jobs_seen.h"

#include <inttypes.h>
#include <stdio.h>

static bool take_health(void *ctx, const struct db_value *row, size_t n)
{
    struct jobs_seen *s = ctx;

    (void)n;
    s->told = true;
    snprintf(s->problem, sizeof s->problem, "%s", db_text(&row[0]));
    for (char *p = s->problem; *p != '\0'; p++) /* wallets' words */
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    s->told_age_s = db_int(&row[1]);
    return false;
}

static bool take_newest(void *ctx, const struct db_value *row, size_t n)
{
    struct jobs_seen *s = ctx;

    (void)n;
    s->made = true;
    s->height = db_uint(&row[0]);
    s->made_age_s = db_int(&row[1]);
    return false;
}

enum db_result jobs_seen_read(struct db *db, const char *network, struct jobs_seen *ret)
{
    static const char health[] =
        "SELECT problem, GREATEST(0, TIMESTAMPDIFF(SECOND, seen_at, UTC_TIMESTAMP(6))) "
        "FROM job_health WHERE network = ?";
    static const char newest[] =
        "SELECT height, GREATEST(0, TIMESTAMPDIFF(SECOND, made_at, UTC_TIMESTAMP(6))) "
        "FROM job WHERE network = ? ORDER BY made_at DESC LIMIT 1";
    const struct db_value param[] = {DB_TEXT(network)};

    *ret = (struct jobs_seen){.told = false};
    enum db_result r = db_query(db, health, param, 1, take_health, ret);
    return r == DB_OK ? db_query(db, newest, param, 1, take_newest, ret) : r;
}

/* Silence comes first: what was said before it may have passed. */
bool jobs_seen_trouble(const struct jobs_seen *s, char *out, size_t size)
{
    if (s->told && s->told_age_s > JOBS_SILENT_S)
        snprintf(out, size, "nobody has made jobs for %" PRId64 " min", s->told_age_s / 60);
    else if (s->told && s->problem[0] != '\0')
        snprintf(out, size, "no new jobs: %s", s->problem);
    else
        return false;
    return true;
}
