/*
 * penstockctl archived-works: the SQL that makes the miners, workers, works and jobs of archived
 * solutions and shares known again to a restored database, which is older than they are. It is for
 * the DBA to run: no program of the backend may add them.
 *
 * What is there already stays as it is, so it may be run any number of times.
 */
#include "backend/conf/settings.h"
#include "backend/ctl/archive_read.h"
#include "backend/ctl/ctl.h"
#include "backend/share/credit.h"
#include "backend/share/intake.h"
#include "common/base/hex.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PER_TRANSACTION 1000
#define DAY_MS          86400000

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct works {
    struct credit last; /* neighbours mostly share their work */
    bool any;
    uint64_t n, statements;
};

/* As hexadecimal digits, which need no quoting. */
static void print_text(const char *text)
{
    printf("CONVERT(X'");
    for (; *text != '\0'; text++)
        printf("%02x", (unsigned char)*text);
    printf("' USING utf8mb4)");
}

static void print_worker(const struct credit *c, const char *network, const char *miner)
{
    printf("INSERT IGNORE INTO miner (id, network, address) VALUES ('%s', '%s', ", miner, network);
    print_text(c->address);
    printf(");\nINSERT IGNORE INTO worker (miner_id, name) SELECT id, ");
    print_text(c->worker);
    printf(" FROM miner WHERE id = '%s';\n", miner);
}

static void print_job_of(const struct credit *c)
{
    char id[UUID_TEXT_LEN + 1], extranonce[2 * JOB_MAX_EXTRANONCE + 1];

    uuid_format(&c->job_id, id);
    hex_encode(c->extranonce, c->extranonce_len, extranonce);
    if (c->of_job)
        printf("'%s', X'%s'", id, extranonce);
    else
        printf("NULL, NULL");
}

/* The transactions are not in the archive: a block made of them is on the chain, or lost. */
static void print_job(const struct job *job)
{
    struct buf text = BUF_INIT(JOB_MAX_TEXT);
    char id[UUID_TEXT_LEN + 1];

    job_encode(job, &text);
    uuid_format(&job->id, id);
    printf("INSERT IGNORE INTO job (id, day, network, height, made_at, job, transactions) VALUES "
           "('%s',"
           " %" PRId64 ", '%s', %u, TIMESTAMP'1970-01-01 00:00:00' + INTERVAL %" PRId64
           " MICROSECOND, ",
           id, uuid_v7_ms(&job->id) / DAY_MS, job->network, job->height, job->made_us);
    print_text(text.data);
    printf(", '');\n");
    buf_free(&text);
}

static void print_work(const struct credit *c, const char *network, const char *miner)
{
    char id[UUID_TEXT_LEN + 1], target[65];

    uuid_format(&c->work_id, id);
    u256_to_hex(&c->target, target);
    printf("INSERT IGNORE INTO work (id, network, worker_id, target, thread_id, ip, os, agent,"
           " job_id, extranonce, created_at) SELECT '%s', '%s', id, X'%s', '', '', '', '', ",
           id, network, target);
    print_job_of(c);
    printf(", TIMESTAMP'1970-01-01 00:00:00' + INTERVAL %" PRId64
           " MICROSECOND FROM worker WHERE miner_id = '%s' AND name = ",
           c->created_us, miner);
    print_text(c->worker);
    printf(";\n");
}

static void begin(struct works *w)
{
    if (w->statements++ % PER_TRANSACTION == 0)
        printf("%sSTART TRANSACTION;\n", w->statements > 1 ? "COMMIT;\n" : "");
}

static void add_job(struct works *w, const char *line, size_t len)
{
    struct job job;

    if (job_decode(line, len, &job) != NULL || uuid_v7_ms(&job.id) < 0)
        return;
    begin(w);
    print_job(&job);
}

static void add_line(struct works *w, const char *line, size_t len)
{
    struct intake in;
    struct credit c;
    char miner[UUID_TEXT_LEN + 1];
    bool same_worker;

    if (archive_line_is_job(line, len)) {
        add_job(w, line, len);
        return;
    }
    if (!credit_read(line, len, &c) || (w->any && uuid_equal(&c.work_id, &w->last.work_id)))
        return;
    if (intake_read(line, len, &in) != NULL)
        return; /* replay says what is wrong with it */
    same_worker = w->any && uuid_equal(&c.miner_id, &w->last.miner_id) &&
                  strcmp(c.worker, w->last.worker) == 0;
    uuid_format(&c.miner_id, miner);
    begin(w);
    if (!same_worker)
        print_worker(&c, in.msg.network, miner);
    print_work(&c, in.msg.network, miner);
    intake_clear(&in);
    w->last = c;
    w->any = true;
    w->n++;
}

static bool add_file(struct works *w, const char *path)
{
    char err[512];
    struct archive_reader *in = archive_reader_open(path, err, sizeof(err));
    enum archive_line_state s = ARCHIVE_LINE;
    const char *line;
    size_t len;

    if (in == NULL) {
        ctl_complain(&archived_works_command, "%s", err);
        return false;
    }
    while (s == ARCHIVE_LINE || s == ARCHIVE_TOO_LONG) {
        s = archive_reader_next(in, &line, &len);
        if (s == ARCHIVE_LINE)
            add_line(w, line, len);
    }
    archive_reader_close(&in);
    return true;
}

static int print_all(char **paths)
{
    struct archive_files files = {NULL, 0, 0};
    struct works w = {.any = false};
    char err[512];
    bool ok = true;

    for (; ok && *paths != NULL; paths++)
        ok = archive_files_add(&files, *paths, err, sizeof(err));
    if (!ok)
        ctl_complain(&archived_works_command, "%s", err);
    archive_files_sort(&files);
    printf("SET NAMES utf8mb4;\nSET SESSION time_zone = '+00:00';\n");
    for (size_t i = 0; ok && i < files.n; i++)
        ok = add_file(&w, files.path[i]);
    if (ok)
        printf("%s-- %" PRIu64 " works\n", w.statements > 0 ? "COMMIT;\n" : "", w.n);
    archive_files_free(&files);
    return ok && fflush(stdout) == 0 ? EX_OK : EXIT_FAILURE;
}

static int run(const char *config, int argc, char **argv)
{
    int option;

    (void)config;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        return option == 'h' ? ctl_help(&archived_works_command)
                             : ctl_usage_error(&archived_works_command);
    if (optind >= argc)
        return ctl_usage_error(&archived_works_command);
    return print_all(argv + optind);
}

const struct ctl_command archived_works_command = {
    .name = "archived-works",
    .usage = "FILE|DIR...",
    .text = "print the SQL that makes the works of archived solutions known again",
    .help = "  FILE|DIR  files of the archive, plain or gzip, or folders with such files\n\n"
            "After the database was restored, and before replay: pipe it into mariadb, as root\n"
            "of the database. What is there already stays as it is.\n",
    .run = run,
};
