/*
 * penstockctl deep-validate: does the database credit what the archive proves, and nothing else?
 *
 * Every archived solution is judged again from its block (hash, merkle root, recipient, target; by
 * a wallet where only that can) and held against its row of `share`. When the whole archive is
 * read, every row must also have its solution there. It only reads.
 */
#include "backend/conf/settings.h"
#include "backend/ctl/archive_read.h"
#include "backend/ctl/ctl.h"
#include "backend/ctl/deep_check.h"
#include "common/base/mem.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#define LISTED_MAX 1000

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'},
    {"since", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *network; /* NULL: all */
    int64_t since_s;
    bool json;
    char **paths; /* NULL-terminated; empty: the whole archive of the settings */
};

struct audit {
    const struct request *request;
    struct deep_check *check;
    struct archive_files files;
    struct ctl_table table;
    json_t *list;
    uint64_t solutions, differences, damaged, unverified;
};

static void note(void *ctx, const char *network, const char *message_id, const char *where,
                 const char *what)
{
    struct audit *a = ctx;

    if (a->differences++ >= LISTED_MAX)
        return;
    ctl_table_add(&a->table, (const char *const[]){message_id, network, where, what});
    json_array_append_new(a->list,
                          json_pack("{s:s, s:s, s:s, s:s}", "message_id", message_id, "network",
                                    network, "where", where, "difference", what));
}

/* --- the archive --- */

static bool is_wanted(const struct audit *a, const struct solution_message *m)
{
    const struct request *q = a->request;

    return m->received_us / 1000000 >= q->since_s &&
           (q->network == NULL || strcmp(m->network, q->network) == 0);
}

/* False when the database fails. */
static bool audit_line(struct audit *a, const char *where, const char *line, size_t len)
{
    struct intake in;
    const char *wrong;

    if (archive_line_is_job(line, len))
        return true; /* of the shares behind it */
    wrong = intake_read(line, len, &in);
    if (wrong != NULL) {
        a->damaged++;
        ctl_complain(&deep_validate_command, "%s: %s", where, wrong);
        return true;
    }
    if (!is_wanted(a, &in.msg)) {
        intake_clear(&in);
        return true;
    }
    a->solutions++;
    solution_message_keep(&in.msg); /* the line's place is the next one's */
    return deep_check_add(a->check, &in, where);
}

static bool audit_file(struct audit *a, const char *path)
{
    char err[512];
    struct archive_reader *in = archive_reader_open(path, err, sizeof err);
    enum archive_line_state s = ARCHIVE_LINE;
    const char *line;
    size_t len;
    bool ok = true;

    if (in == NULL) {
        a->damaged++;
        ctl_complain(&deep_validate_command, "%s", err);
        return true;
    }
    while (ok && (s == ARCHIVE_LINE || s == ARCHIVE_TOO_LONG)) {
        s = archive_reader_next(in, &line, &len);
        char *where = mem_sprintf("%s:%" PRIu64, path, archive_reader_line(in));
        if (s == ARCHIVE_LINE) {
            ok = audit_line(a, where, line, len);
        } else if (s != ARCHIVE_END) {
            a->damaged++;
            ctl_complain(&deep_validate_command, "%s: %s", where, archive_line_wrong(in, s));
        }
        free(where);
    }
    archive_reader_close(&in);
    return ok;
}

/* The files of the request; the archive as a whole may not exist yet. */
static bool find_files(struct audit *a, const char *archive_dir)
{
    char **path = a->request->paths, err[512];
    struct stat st;
    bool ok = true;

    if (*path == NULL && stat(archive_dir, &st) == 0)
        ok = archive_files_add(&a->files, archive_dir, err, sizeof err);
    for (; ok && *path != NULL; path++)
        ok = archive_files_add(&a->files, *path, err, sizeof err);
    archive_files_sort(&a->files);
    if (!ok)
        ctl_complain(&deep_validate_command, "%s", err);
    return ok;
}

static bool audit_all(struct audit *a)
{
    const struct request *q = a->request;
    bool ok = *q->paths != NULL || deep_check_note_rows(a->check, q->network, q->since_s);

    for (size_t i = 0; ok && i < a->files.n; i++)
        ok = audit_file(a, a->files.path[i]);
    ok = ok && deep_check_flush(a->check);
    if (ok)
        deep_check_rows(a->check);
    return ok;
}

/* --- the outcome --- */

/* Which networks' proof of work nobody could tell. */
static void count_unverified(struct audit *a, const struct backend_conf *conf)
{
    const char *why;

    for (size_t i = 0; i <= conf->networks.n; i++) {
        const uint64_t n = deep_check_unverified(a->check, i, &why);

        a->unverified += n;
        if (n > 0)
            ctl_complain(&deep_validate_command, "%s: %" PRIu64 " blocks were not verified: %s",
                         i < conf->networks.n ? backend_network_at(conf, i)->base.label
                                              : "other networks",
                         n, why);
    }
}

static int report_json(const struct audit *a)
{
    return ctl_print_json(json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:O}", "solutions", (json_int_t)a->solutions, "blocks",
        (json_int_t)deep_check_blocks(a->check), "unverified", (json_int_t)a->unverified, "rows",
        (json_int_t)deep_check_row_count(a->check), "damaged", (json_int_t)a->damaged,
        "differences", (json_int_t)a->differences, "list", a->list));
}

static int report(const struct audit *a)
{
    int status = a->differences + a->damaged + a->unverified == 0 ? EX_OK : EXIT_FAILURE;
    bool ok = true;

    if (a->request->json)
        return report_json(a) == EX_OK ? status : EXIT_FAILURE;
    if (a->differences > 0)
        ok = ctl_table_print(&a->table);
    if (a->differences > LISTED_MAX)
        printf("... and %" PRIu64 " more\n", a->differences - LISTED_MAX);
    printf("%" PRIu64 " solutions in %zu files, %" PRIu64 " blocks verified, %" PRIu64
           " not, %" PRIu64 " rows looked at: %" PRIu64 " differences, %" PRIu64 " damaged lines\n",
           a->solutions, a->files.n, deep_check_blocks(a->check), a->unverified,
           deep_check_row_count(a->check), a->differences, a->damaged);
    return ok && fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

static int validate(const struct backend_conf *conf, const struct request *q)
{
    static const char *const heading[] = {"MESSAGE ID", "NETWORK", "WHERE", "DIFFERENCE"};
    struct audit a = {.request = q, .table = {.columns = 4}, .list = json_array()};
    char err[512];
    int status = EX_DATAERR;

    ctl_table_add(&a.table, heading);
    struct db *db = find_files(&a, conf->worker.archive_dir)
                        ? ctl_open_db(&deep_validate_command, &conf->database, &status)
                        : NULL;
    if (db != NULL) {
        a.check = deep_check_open(conf, db, note, &a, err, sizeof err);
        if (a.check == NULL) {
            ctl_complain(&deep_validate_command, "%s", err);
            status = EX_CONFIG;
        } else if (audit_all(&a)) {
            count_unverified(&a, conf);
            status = report(&a);
        } else {
            ctl_complain(&deep_validate_command, "database: %s", db_error(db));
            status = EXIT_FAILURE;
        }
    }
    deep_check_close(&a.check);
    db_close(&db);
    archive_files_free(&a.files);
    ctl_table_free(&a.table);
    json_decref(a.list);
    return status;
}

/* --- the command --- */

static bool read_time(const char *text, int64_t *ret)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);
        if (end != NULL && *end == '\0') {
            *ret = timegm(&tm);
            return *ret >= 0;
        }
    }
    return false;
}

static bool is_network(const struct backend_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->networks.n; i++)
        if (strcmp(backend_network_at(conf, i)->base.label, name) == 0)
            return true;
    ctl_complain(&deep_validate_command, "--network: '%s' is not in the settings", name);
    return false;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {0};
    int option, status = EX_USAGE;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'j')
            q.json = true;
        else if (option == 'n')
            q.network = optarg;
        else if (option == 'h')
            return ctl_help(&deep_validate_command);
        else if (option != 's' || !read_time(optarg, &q.since_s))
            return ctl_usage_error(&deep_validate_command);
    }
    q.paths = argv + optind;
    struct backend_conf *conf = ctl_load(&deep_validate_command, &backend_schema,
                                         config != NULL ? config : BACKEND_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    if (q.network == NULL || is_network(conf, q.network))
        status = validate(conf, &q);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command deep_validate_command = {
    .name = "deep-validate",
    .usage = "[--network N] [--since TIME] [--json] [FILE|DIR...]",
    .text = "judge archived solutions again, and compare them with the shares",
    .help =
        "  FILE|DIR      files of the archive; without any, all of archive_dir, and then every\n"
        "                share must have its solution there\n"
        "  --network N   only this network\n"
        "  --since TIME  only what was received since YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ (UTC)\n"
        "  --json        print it as JSON\n\n"
        "It only reads. The exit status is 1 when anything differs, is damaged, or could not be\n"
        "verified because no wallet that can judge it answers. Shares whose\n"
        "partition was dropped are missing by intent: leave them out with --since. The first\n"
        "1000 differences are listed.\n",
    .run = run,
};
