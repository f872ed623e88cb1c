/*
 * penstockctl migrate: brings the schema to the level of the migration files, forward only.
 *
 * MariaDB commits every CREATE and ALTER by itself, so a migration cannot be rolled back. Instead
 * each one can be run again: its row in schema_version is written before it begins and completed
 * when it has ended. If this program, the server or the network dies in between, the next run finds
 * the row without an end and runs that file again from its beginning.
 */
#include "backend/ctl/ctl.h"
#include "backend/ctl/migration.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define ADMIN_CONF_PATH "/etc/penstock/admin.conf"
#define DEFAULT_DIR     "/usr/share/penstock/sql/migrations" /* make install-backend */
#define TIMEOUT_MS      (24LL * 3600 * 1000) /* an ALTER of a large table takes its time */

struct admin_conf {
    struct db_conf database;
};

static const struct conf_section db_section = DB_SECTION(offsetof(struct admin_conf, database));
static const struct conf_section *const sections[] = {&db_section, NULL};
static const struct conf_schema admin_schema = {
    .program = "penstockctl migrate",
    .text = "applies the migrations, with the administrator's account",
    .size = sizeof(struct admin_conf),
    .sections = sections,
};

static const struct option options[] = {
    {"migrations", required_argument, NULL, 'm'},
    {"dry-run", no_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *dir;
    bool dry_run, json;
};

static const char create_table[] =
    "CREATE TABLE IF NOT EXISTS schema_version ("
    " version INT UNSIGNED NOT NULL,"
    " name VARCHAR(80) NOT NULL,"
    " checksum BINARY(32) NOT NULL COMMENT 'SHA-256 of the file',"
    " admits INT UNSIGNED NOT NULL COMMENT 'oldest program level that may still run',"
    " started_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),"
    " applied_at DATETIME(6) NULL COMMENT 'NULL: begun, not ended',"
    " PRIMARY KEY (version)"
    ") ENGINE = InnoDB DEFAULT CHARSET = ascii COLLATE = ascii_nopad_bin";

static bool complain_db(struct db *db, enum db_result r, const char *what)
{
    if (r != DB_OK)
        ctl_complain(&migrate_command, "%s: %s (%s)", what, db_error(db), db_result_name(r));
    return r == DB_OK;
}

static bool take_flag(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(bool *)ctx = !db_is_null(&row[0]) && db_int(&row[0]) == 1;
    return false;
}

/* The lock dies with the connection, so a second run cannot begin before the server noticed that
 * the first is gone, and a first one that lost it must not go on. */
static bool lock(struct db *db)
{
    bool got = false;
    enum db_result r = db_query(db, "SELECT GET_LOCK(CONCAT('penstock_migrate.', DATABASE()), 60)",
                                NULL, 0, take_flag, &got);

    if (r == DB_OK && !got)
        ctl_complain(&migrate_command, "another run holds the lock; try again when it has ended "
                                       "(SHOW PROCESSLIST on the server shows it)");
    /* a table in use is waited for this long, during which its users wait too */
    if (r == DB_OK && got)
        r = db_exec(db, "SET SESSION lock_wait_timeout = 30", NULL, 0, NULL);
    return complain_db(db, r, "lock") && got;
}

static bool still_locked(struct db *db)
{
    bool ours = false;
    enum db_result r = db_query(db,
                                "SELECT IS_USED_LOCK(CONCAT('penstock_migrate.', DATABASE())) = "
                                "CONNECTION_ID()",
                                NULL, 0, take_flag, &ours);

    if (r == DB_OK && !ours)
        ctl_complain(&migrate_command,
                     "the connection was lost and with it the lock: run it again");
    return complain_db(db, r, "lock") && ours;
}

static enum db_result record_start(struct db *db, const struct migration *m)
{
    static const char sql[] =
        "INSERT INTO schema_version (version, name, checksum, admits) VALUES (?, ?, ?, ?) "
        "ON DUPLICATE KEY UPDATE name = VALUES(name), checksum = VALUES(checksum), "
        "admits = VALUES(admits), started_at = CURRENT_TIMESTAMP(6)";

    return db_exec(db, sql,
                   (const struct db_value[]){DB_UINT(m->version), DB_TEXT(m->name),
                                             DB_BYTES(m->checksum, sizeof m->checksum),
                                             DB_UINT(m->admits)},
                   4, NULL);
}

static enum db_result record_end(struct db *db, const struct migration *m)
{
    return db_exec(db,
                   "UPDATE schema_version SET applied_at = CURRENT_TIMESTAMP(6) WHERE version = ?",
                   (const struct db_value[]){DB_UINT(m->version)}, 1, NULL);
}

static bool apply(struct db *db, const struct migration *m)
{
    char what[MIGRATION_MAX_NAME + 64];

    snprintf(what, sizeof what, "%04u_%s.sql", m->version, m->name);
    if (!still_locked(db) || !complain_db(db, record_start(db, m), what))
        return false;
    if (!complain_db(db, db_run_script(db, m->text, m->len), what)) {
        ctl_complain(&migrate_command,
                     "%s has begun and not ended. Remove the cause and run "
                     "migrate again: it will be run from its beginning",
                     what);
        return false;
    }
    return complain_db(db, record_end(db, m), what);
}

/* Nothing is applied on top of what does not match the files. */
static bool acceptable(const struct migrations *all)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct migration *m = &all->item[i];
        if (m->state == MIGRATION_CHANGED) {
            ctl_complain(&migrate_command,
                         "%04u_%s.sql is not the file that was applied on %s: restore that file "
                         "and put corrections into a new migration",
                         m->version, m->name, m->applied_at);
            return false;
        }
        if (m->state == MIGRATION_UNKNOWN) {
            ctl_complain(&migrate_command,
                         "the database has migration %u (%s), which this folder does not: use the "
                         "migrations of the latest Penstock that ran on it",
                         m->version, m->name);
            return false;
        }
    }
    return true;
}

static bool apply_all(struct db *db, struct migrations *all)
{
    for (size_t i = 0; i < all->n; i++) {
        enum migration_state s = all->item[i].state;
        if (s == MIGRATION_APPLIED)
            continue;
        assert(s == MIGRATION_PENDING || s == MIGRATION_INTERRUPTED);
        if (!apply(db, &all->item[i]))
            return false;
    }
    return true;
}

/* --- output --- */

static void print_table(const struct migrations *all)
{
    int width = (int)strlen("NAME");

    for (size_t i = 0; i < all->n; i++)
        if ((int)strlen(all->item[i].name) > width)
            width = (int)strlen(all->item[i].name);
    printf("VERSION  %-*s  %-11s  TIME (UTC)\n", width, "NAME", "STATE");
    for (size_t i = 0; i < all->n; i++) {
        const struct migration *m = &all->item[i];
        printf("%04u     %-*s  %-11s  %.19s\n", m->version, width, m->name,
               migration_state_name(m->state), *m->applied_at ? m->applied_at : "-");
    }
}

static int print(const struct migrations *all, bool as_json)
{
    if (!as_json) {
        print_table(all);
        return fflush(stdout) == 0 ? EX_OK : EXIT_FAILURE;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < all->n; i++) {
        const struct migration *m = &all->item[i];
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:s, s:s?}", "version", (int)m->version, "name",
                                        m->name, "state", migration_state_name(m->state),
                                        "applied_at", *m->applied_at ? m->applied_at : NULL));
    }
    return ctl_print_json(json_pack("{s:o}", "migrations", list));
}

/* --- the command --- */

static int migrate(struct db *db, const struct request *q, struct migrations *all)
{
    bool done = true;

    if (!q->dry_run)
        done =
            complain_db(db, db_exec(db, create_table, NULL, 0, NULL), "schema_version") && lock(db);
    if (!done || !complain_db(db, migrations_compare(db, all), "schema_version"))
        return EXIT_FAILURE;
    done = acceptable(all);
    if (done && !q->dry_run) {
        done = apply_all(db, all);
        /* printed is what the database says, also after a failure */
        if (migrations_compare(db, all) != DB_OK)
            return EXIT_FAILURE;
    }
    int status = print(all, q->json);
    return done ? status : EXIT_FAILURE;
}

static int open_and_migrate(struct admin_conf *conf, const struct request *q)
{
    struct migrations all;
    char err[512];

    if (!migrations_read(q->dir, &all, err, sizeof err)) {
        ctl_complain(&migrate_command, "%s", err);
        return EX_USAGE;
    }
    conf->database.query_timeout_ms = TIMEOUT_MS;
    struct db *db = db_open(&conf->database, err, sizeof err);
    int status = EX_CONFIG;
    if (db == NULL)
        ctl_complain(&migrate_command, "%s", err);
    else
        status = migrate(db, q, &all);
    db_close(&db);
    migrations_free(&all);
    return status;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {.dir = DEFAULT_DIR};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'm')
            q.dir = optarg;
        else if (option == 'n')
            q.dry_run = true;
        else if (option == 'j')
            q.json = true;
        else
            return option == 'h' ? ctl_help(&migrate_command) : ctl_usage_error(&migrate_command);
    }
    if (optind < argc)
        return ctl_usage_error(&migrate_command);
    struct admin_conf *conf =
        ctl_load(&migrate_command, &admin_schema, config != NULL ? config : ADMIN_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    int status = open_and_migrate(conf, &q);
    conf_free(&admin_schema, conf);
    return status;
}

const struct ctl_command migrate_command = {
    .name = "migrate",
    .usage = "[--migrations DIR] [--dry-run] [--json]",
    .text = "bring the database schema to this version (as the administrator)",
    .help = "  --migrations DIR  the folder of NNNN_NAME.sql files (default: " DEFAULT_DIR ")\n"
            "  --dry-run         only say what would be applied\n"
            "  --json            print the result as JSON\n\n"
            "The settings file has one section, [database], with the administrator's account. An\n"
            "interrupted run is completed by the next one.\n",
    .run = run,
};
