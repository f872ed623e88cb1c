#include "backend/ctl/doctor.h"

#include "common/base/mem.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PATIENCE_MS 5000 /* an operator does not wait as long as a worker does */

static const struct {
    const char *name;
    doctor_check_fn *fn;
} checks[] = {
    {"database", doctor_database},
    {"schema", doctor_schema},
    {"clock", doctor_clock},
    {"partitions", doctor_partitions},
    {"broker", doctor_broker},
    {"queues", doctor_queues},
    {"wallets", doctor_wallets},
    {"jobs", doctor_jobs},
    {"tls", doctor_tls},
    {"disk", doctor_disk},
    {"database rights", doctor_database_rights},
    {"broker rights", doctor_broker_rights},
};

static const char *const verdict_names[] = {"ok", "warn", "fail", "skipped"};

static const struct option options[] = {
    {"frontend-config", required_argument, NULL, 'f'},
    {"admin-config", required_argument, NULL, 'a'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* What is read of the other tiers' files; the administrator has an account on the database only. */
struct tier_conf {
    struct db_conf database;
    struct broker_conf broker;
};

static const struct conf_section db_section = DB_SECTION(offsetof(struct tier_conf, database));
static const struct conf_section broker_section =
    BROKER_SECTION(offsetof(struct tier_conf, broker));
static const struct conf_section *const frontend_sections[] = {&db_section, &broker_section, NULL};
static const struct conf_section *const admin_sections[] = {&db_section, NULL};
static const struct conf_schema frontend_schema_part = {
    .program = "penstockctl doctor",
    .text = "the frontend's accounts",
    .size = sizeof(struct tier_conf),
    .sections = frontend_sections,
    .partial = true,
};
static const struct conf_schema admin_schema_part = {
    .program = "penstockctl doctor",
    .text = "the administrator's account",
    .size = sizeof(struct tier_conf),
    .sections = admin_sections,
    .partial = true,
};

bool doctor_is_loopback(const char *host)
{
    static const char *const names[] = {"127.", "localhost", "::1", "[::1]"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(host, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

void doctor_say(struct doctor *d, enum verdict v, const char *remedy, const char *format, ...)
{
    char finding[600];
    va_list args;

    va_start(args, format);
    vsnprintf(finding, sizeof finding, format, args);
    va_end(args);
    for (char *p = finding; *p != '\0'; p++) /* servers' words */
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    d->count[v]++;
    json_array_append_new(d->list,
                          json_pack("{s:s, s:s, s:s, s:s?}", "check", d->check, "verdict",
                                    verdict_names[v], "finding", finding, "remedy", remedy));
}

/* --- the outcome --- */

static bool print(const struct doctor *d)
{
    struct ctl_table t = {.columns = 3};
    json_t *line;
    size_t i;

    json_array_foreach(d->list, i, line)
    {
        const char *remedy = json_string_value(json_object_get(line, "remedy"));
        const char *verdict = json_string_value(json_object_get(line, "verdict"));
        ctl_table_add(
            &t, (const char *const[]){verdict, json_string_value(json_object_get(line, "check")),
                                      json_string_value(json_object_get(line, "finding"))});
        if (remedy == NULL)
            continue;
        char *text = mem_sprintf("  -> %s", remedy);
        ctl_table_add(&t, (const char *const[]){"", "", text});
        free(text);
    }
    bool ok = ctl_table_print(&t);
    ctl_table_free(&t);
    printf("%u ok, %u warnings, %u failed, %u skipped\n", d->count[VERDICT_OK],
           d->count[VERDICT_WARN], d->count[VERDICT_FAIL], d->count[VERDICT_SKIPPED]);
    return ok && fflush(stdout) == 0;
}

static int report(const struct doctor *d, bool as_json)
{
    bool ok = as_json
                  ? ctl_print_json(json_pack("{s:O, s:i, s:i, s:i, s:i}", "checks", d->list, "ok",
                                             d->count[VERDICT_OK], "warn", d->count[VERDICT_WARN],
                                             "fail", d->count[VERDICT_FAIL], "skipped",
                                             d->count[VERDICT_SKIPPED])) == EX_OK
                  : print(d);

    return ok && d->count[VERDICT_FAIL] == 0 ? EX_OK : EXIT_FAILURE;
}

/* --- the command --- */

static void limit(int64_t *ms)
{
    if (*ms > PATIENCE_MS)
        *ms = PATIENCE_MS;
}

static void examine(struct doctor *d)
{
    char db_err[512], broker_err[512];

    d->db = db_open(&d->conf->database, db_err, sizeof db_err);
    d->broker = broker_open(&d->conf->broker, "penstockctl doctor", broker_err, sizeof broker_err);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        d->check = checks[i].name;
        if (i == 0 && d->db == NULL)
            doctor_say(d, VERDICT_FAIL, "correct [database] password_file", "%s", db_err);
        if (checks[i].fn == doctor_broker && d->broker == NULL)
            doctor_say(d, VERDICT_FAIL, "correct [broker] password_file", "%s", broker_err);
        checks[i].fn(d);
    }
    db_close(&d->db);
    broker_close(&d->broker);
}

static int diagnose(struct backend_conf *conf, struct tier_conf *frontend, struct tier_conf *admin,
                    bool as_json)
{
    struct doctor d = {
        .conf = conf,
        .tier = {[TIER_FRONTEND] = {"frontend", frontend ? &frontend->database : NULL,
                                    frontend ? &frontend->broker : NULL},
                 [TIER_BACKEND] = {"backend", &conf->database, &conf->broker},
                 [TIER_ADMIN] = {"admin", admin ? &admin->database : NULL, NULL}},
        .list = json_array(),
    };

    limit(&conf->database.connect_timeout_ms);
    limit(&conf->database.query_timeout_ms);
    limit(&conf->broker.connect_timeout_ms);
    limit(&conf->broker.confirm_timeout_ms);
    examine(&d);
    int status = report(&d, as_json);
    json_decref(d.list);
    return status;
}

/* PATH may be NULL. False after a complaint. */
static bool load_tier(const struct conf_schema *schema, const char *path, struct tier_conf **ret)
{
    *ret = path != NULL ? ctl_load(&doctor_command, schema, path) : NULL;
    return path == NULL || *ret != NULL;
}

static int run(const char *config, int argc, char **argv)
{
    const char *frontend_path = NULL, *admin_path = NULL;
    struct tier_conf *frontend = NULL, *admin = NULL;
    bool as_json = false;
    int option, status = EX_CONFIG;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'f')
            frontend_path = optarg;
        else if (option == 'a')
            admin_path = optarg;
        else if (option == 'j')
            as_json = true;
        else
            return option == 'h' ? ctl_help(&doctor_command) : ctl_usage_error(&doctor_command);
    }
    if (optind < argc)
        return ctl_usage_error(&doctor_command);
    struct backend_conf *conf =
        ctl_load(&doctor_command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    if (conf != NULL && load_tier(&frontend_schema_part, frontend_path, &frontend) &&
        load_tier(&admin_schema_part, admin_path, &admin))
        status = diagnose(conf, frontend, admin, as_json);
    conf_free(&admin_schema_part, admin);
    conf_free(&frontend_schema_part, frontend);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command doctor_command = {
    .name = "doctor",
    .usage = "[--frontend-config FILE] [--admin-config FILE] [--json]",
    .text = "check the whole installation, and that what is forbidden is refused",
    .help =
        "  --frontend-config FILE  also try what the frontend's accounts must not be able to do\n"
        "  --admin-config FILE     the same for the administrator's account on the database\n"
        "  --json                  print it as JSON\n\n"
        "It changes nothing: what is forbidden is tried in forms that would have no effect if\n"
        "they were allowed. The exit status is 1 when a check failed; warnings do not count.\n",
    .run = run,
};
