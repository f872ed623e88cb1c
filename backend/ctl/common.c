/* What the commands share. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "common/db/schema.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

void ctl_complain(const struct ctl_command *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "penstockctl %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int ctl_usage_error(const struct ctl_command *command)
{
    fprintf(stderr, "Usage: penstockctl [--config FILE] %s %s\n", command->name, command->usage);
    return EX_USAGE;
}

int ctl_help(const struct ctl_command *command)
{
    printf("Usage: penstockctl [--config FILE] %s %s\n\n%s\n\n%s", command->name, command->usage,
           command->text, command->help);
    return EX_OK;
}

void *ctl_load(const struct ctl_command *command, const struct conf_schema *schema,
               const char *path)
{
    char err[1024];
    void *conf = conf_load(schema, path, err, sizeof err);

    if (conf == NULL)
        ctl_complain(command, "%s", err);
    return conf;
}

struct db *ctl_open_db(const struct ctl_command *command, const struct db_conf *conf, int *ret)
{
    char err[512];
    bool fits = false;
    struct db *db = db_open(conf, err, sizeof err);

    if (db == NULL) {
        ctl_complain(command, "%s", err);
        *ret = EX_CONFIG;
        return NULL;
    }
    if (schema_check(db, &fits, err, sizeof err) == DB_OK && fits)
        return db;
    ctl_complain(command, "%s", err);
    *ret = EXIT_FAILURE;
    db_close(&db);
    return NULL;
}

struct broker *ctl_open_broker(const struct ctl_command *command, const struct broker_conf *conf,
                               int *ret)
{
    char err[512];
    struct broker *broker = broker_open(conf, "penstockctl", err, sizeof err);

    if (broker == NULL) {
        ctl_complain(command, "%s", err);
        *ret = EX_CONFIG;
        return NULL;
    }
    if (broker_ping(broker) == BROKER_OK)
        return broker;
    ctl_complain(command, "broker: %s", broker_error(broker));
    *ret = EXIT_FAILURE;
    broker_close(&broker);
    return NULL;
}

int ctl_complain_db(const struct ctl_command *command, struct db *db, enum db_result r)
{
    ctl_complain(command, "%s (%s)", db_error(db), db_result_name(r));
    return EXIT_FAILURE;
}

int ctl_with_db(const struct ctl_command *command, const char *config, ctl_job_fn *fn,
                void *request)
{
    struct backend_conf *conf =
        ctl_load(command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    int status = EXIT_FAILURE;

    if (conf == NULL)
        return EX_CONFIG;
    if (conf->database.query_timeout_ms < command->query_timeout_ms)
        conf->database.query_timeout_ms = command->query_timeout_ms;
    struct db *db = ctl_open_db(command, &conf->database, &status);
    if (db != NULL)
        status = fn(&(struct ctl_job){conf, db, request});
    db_close(&db);
    conf_free(&backend_schema, conf);
    return status;
}

bool ctl_read_words(int argc, char **argv, struct ctl_words *ret)
{
    ret->n = 0;
    while (optind < argc && ret->n < CTL_WORDS_MAX)
        ret->word[ret->n++] = argv[optind++];
    return optind == argc;
}

const struct ctl_action *ctl_find_action(const struct ctl_action *actions, size_t n,
                                         const struct ctl_words *w)
{
    for (size_t i = 0; i < n; i++)
        if (w->n == actions[i].words && strcmp(w->word[0], actions[i].name) == 0)
            return &actions[i];
    return NULL;
}

void ctl_format_time(int64_t time_s, char out[CTL_TIME_SIZE])
{
    struct tm tm;
    time_t t = (time_t)time_s;

    if (time_s <= 0 || gmtime_r(&t, &tm) == NULL ||
        strftime(out, CTL_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, CTL_TIME_SIZE, "-");
}

bool ctl_number(const struct ctl_command *command, const char *option, const char *text,
                int64_t min, int64_t max, int64_t *ret)
{
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && n >= min && n <= max) {
        *ret = n;
        return true;
    }
    ctl_complain(command, "%s: '%s' is not a number from %lld to %lld", option, text,
                 (long long)min, (long long)max);
    return false;
}

int ctl_print_json(json_t *json)
{
    bool ok = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF &&
              fflush(stdout) == 0;

    json_decref(json);
    return ok ? EX_OK : EXIT_FAILURE;
}
