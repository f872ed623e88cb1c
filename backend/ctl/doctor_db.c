/* The database: is it there, does its schema fit, is its clock right, are there partitions? */
#include "backend/ctl/doctor.h"

#include "common/base/clock.h"
#include "common/db/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_WARN_MS 1000
#define CLOCK_FAIL_MS 5000 /* the worker gives a frontend's time stamps no more than this */
#define AHEAD_WARN    3    /* days; `penstockctl partitions` makes 7 a day */

static bool take_number(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&v[0]);
    return false;
}

/* Each host by itself: the others would hide one that is down until it is needed. */
static bool host_answers(struct doctor *d, char *host)
{
    struct db_conf conf = d->conf->database;
    int64_t start = clock_mono_ms();
    char err[512];

    conf.hosts = (struct conf_words){&host, 1};
    struct db *db = db_open(&conf, err, sizeof err);
    if (db == NULL)
        return false; /* said already */
    enum db_result r = db_ping(db);
    if (r == DB_OK)
        doctor_say(d, VERDICT_OK, NULL, "%s answers in %" PRId64 " ms", host,
                   clock_mono_ms() - start);
    else
        doctor_say(d, VERDICT_FAIL,
                   r == DB_REFUSED ? "correct [database] user, password_file and name"
                                   : "start MariaDB there, or correct [database] hosts and port",
                   "%s: %s: %s", host, db_result_name(r), db_error(db));
    db_close(&db);
    return r == DB_OK;
}

void doctor_database(struct doctor *d)
{
    const struct conf_words *hosts = &d->conf->database.hosts;

    for (size_t i = 0; d->db != NULL && i < hosts->n; i++)
        d->db_up |= host_answers(d, hosts->word[i]);
}

static bool skipped(struct doctor *d)
{
    if (!d->db_up)
        doctor_say(d, VERDICT_SKIPPED, NULL, "the database does not answer");
    return !d->db_up;
}

static void say_error(struct doctor *d, enum db_result r, const char *what)
{
    doctor_say(d, VERDICT_FAIL, "run sql/grants.sql again as the database's root", "%s: %s: %s",
               what, db_result_name(r), db_error(d->db));
}

void doctor_schema(struct doctor *d)
{
    bool fits = false;
    char err[512];

    if (skipped(d))
        return;
    if (schema_check(d->db, &fits, err, sizeof err) != DB_OK)
        doctor_say(d, VERDICT_FAIL, "run 'penstockctl migrate', then sql/grants.sql", "%s", err);
    else if (!fits)
        doctor_say(d, VERDICT_FAIL, "migrations come first, then the tiers one after the other",
                   "%s", err);
    else
        doctor_say(d, VERDICT_OK, NULL, "it admits this program, which needs level %d",
                   SCHEMA_LEVEL);
}

void doctor_clock(struct doctor *d)
{
    int64_t before = clock_real_us(), there = 0;

    if (skipped(d))
        return;
    enum db_result r = db_query(d->db,
                                "SELECT TIMESTAMPDIFF(MICROSECOND,"
                                " TIMESTAMP'1970-01-01 00:00:00', UTC_TIMESTAMP(6))",
                                NULL, 0, take_number, &there);
    int64_t after = clock_real_us();
    if (r != DB_OK) {
        say_error(d, r, "its time");
        return;
    }
    /* it was asked at some time between the two */
    int64_t off_ms = (there < before ? there - before : there > after ? there - after : 0) / 1000;
    enum verdict v = doctor_limit(llabs(off_ms), CLOCK_WARN_MS, CLOCK_FAIL_MS);
    doctor_say(d, v, v != VERDICT_OK ? "run an NTP client on every machine" : NULL,
               "the database's clock is %" PRId64 " ms off this machine's", off_ms);
}

/* --- partitions --- */

struct partitions {
    char name[2][16];
    int64_t until[2]; /* first day without a partition of its own */
    size_t n;
};

static bool take_partition(void *ctx, const struct db_value *v, size_t n)
{
    struct partitions *p = ctx;

    (void)n;
    snprintf(p->name[p->n], sizeof p->name[0], "%.*s", (int)v[0].len, (const char *)v[0].data);
    p->until[p->n++] = db_int(&v[1]);
    return p->n < 2;
}

void doctor_partitions(struct doctor *d)
{
    static const char remedy[] = "cron runs 'penstockctl partitions' daily; run it now by hand";
    int64_t today = clock_real_us() / 86400000000;
    struct partitions p = {.n = 0};

    if (skipped(d))
        return;
    enum db_result r =
        db_query(d->db,
                 "SELECT TABLE_NAME, CAST(MAX(IF(PARTITION_NAME = 'p_later', 0,"
                 " CAST(PARTITION_DESCRIPTION AS UNSIGNED))) AS SIGNED)"
                 " FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE()"
                 " AND TABLE_NAME IN ('share', 'rejected') GROUP BY TABLE_NAME",
                 NULL, 0, take_partition, &p);
    if (r != DB_OK || p.n < 2) {
        doctor_say(d, VERDICT_FAIL, "run 'penstockctl migrate', then sql/grants.sql",
                   "the tables share and rejected are not there, or not this account's");
        return;
    }
    for (size_t i = 0; i < p.n; i++) {
        int64_t ahead = p.until[i] > today ? p.until[i] - 1 - today : -1;
        if (ahead < 0)
            doctor_say(d, VERDICT_FAIL, remedy, "%s: today has no partition", p.name[i]);
        else
            doctor_say(d, ahead < AHEAD_WARN ? VERDICT_WARN : VERDICT_OK,
                       ahead < AHEAD_WARN ? remedy : NULL, "%s: %" PRId64 " days ahead", p.name[i],
                       ahead);
    }
}
