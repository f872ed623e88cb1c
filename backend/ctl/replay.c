/*
 * penstockctl replay: feeds archived solutions into the queue again.
 *
 * Each keeps its message id, so one that is settled already adds nothing: a replay may be run again
 * from its beginning at any time, after a crash too. --progress only spares the time.
 */
#include "backend/ctl/replay.h"

#include "backend/conf/settings.h"
#include "backend/ctl/archive_read.h"
#include "backend/ctl/ctl.h"
#include "backend/share/credit.h"
#include "common/base/mem.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LISTED_MAX 1000 /* damaged lines in the JSON */

static const struct option options[] = {
    {"progress", required_argument, NULL, 'p'},
    {"dry-run", no_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *progress; /* file, or NULL */
    bool dry_run, json;
};

struct replay {
    const struct request *request;
    struct archive_files files;
    struct replay_window *window; /* NULL: dry run */
    struct replay_meter *meter;
    size_t file;         /* the one being read */
    uint64_t skip_lines; /* of it: sent by an earlier run */
    uint64_t lines;      /* read, without those */
    uint64_t damaged;
    json_t *list;
};

/* --- reading --- */

static void note_damage(struct replay *r, const char *path, uint64_t line, const char *wrong)
{
    r->damaged++;
    replay_meter_clear(r->meter);
    ctl_complain(&replay_command, "%s:%" PRIu64 ": %s; skipped", path, line, wrong);
    if (json_array_size(r->list) < LISTED_MAX)
        json_array_append_new(r->list, json_pack("{s:s, s:I, s:s}", "file", path, "line",
                                                 (json_int_t)line, "wrong", wrong));
}

/* As it was received: at the time that counted, whatever the time of the lines before it. So every
 * message comes from an origin of its own; the worker bounds a message's time by its origin's. */
static char *message_again(struct replay *r, struct intake *in, const char *line, size_t len,
                           size_t *ret_len)
{
    struct solution_message *m = &in->msg;
    struct credit credit;

    if (!credit_read(line, len, &credit))
        return NULL;
    if (credit.received_us != 0)
        m->received_us = credit.received_us;
    m->host = "replay";
    m->pid = (int64_t)(r->lines % INT32_MAX) + 1;
    return intake_build(in, ret_len);
}

static bool send_again(struct replay *r, struct intake *in, const char *line, size_t len)
{
    char *body = message_again(r, in, line, len, &len);
    bool ok = replay_window_add(r->window, in, body != NULL ? body : line, len);

    free(body);
    return ok;
}

/* False when the broker takes no more. */
static bool replay_line(struct replay *r, const char *path, uint64_t number, const char *line,
                        size_t len)
{
    struct intake in;
    const char *wrong;

    if (archive_line_is_job(line, len))
        return true; /* for archived-works */
    wrong = intake_read(line, len, &in);
    r->lines++;
    if (wrong != NULL) {
        note_damage(r, path, number, wrong);
        return true;
    }
    bool ok = r->window == NULL || send_again(r, &in, line, len);
    intake_clear(&in);
    return ok;
}

/* Sends what is gathered, and notes that all up to here is done. */
static bool settle(struct replay *r, uint64_t line, bool now)
{
    bool idle = r->window == NULL ||
                (now ? replay_window_flush(r->window) : replay_window_empty(r->window));

    if (r->window != NULL && replay_window_failed(r->window))
        return false;
    if (idle && r->request->progress != NULL && r->window != NULL)
        return replay_progress_save(r->request->progress, r->files.path[r->file], line, now);
    return true;
}

static bool replay_file(struct replay *r, const char *path)
{
    char err[512];
    struct archive_reader *in = archive_reader_open(path, err, sizeof err);
    enum archive_line_state s = ARCHIVE_LINE;
    const char *line;
    size_t len;
    bool ok = true;

    if (in == NULL) {
        note_damage(r, path, 0, err);
        return true;
    }
    while (ok && s != ARCHIVE_END && s != ARCHIVE_BROKEN && s != ARCHIVE_CUT) {
        s = archive_reader_next(in, &line, &len);
        uint64_t number = archive_reader_line(in);
        if (s == ARCHIVE_END || (number <= r->skip_lines && s != ARCHIVE_BROKEN))
            continue;
        if (s == ARCHIVE_LINE)
            ok = replay_line(r, path, number, line, len);
        else
            note_damage(r, path, number, archive_line_wrong(in, s));
        ok = ok && settle(r, number, false);
        replay_meter_show(r->meter, archive_reader_offset(in), r->lines);
    }
    ok = ok && settle(r, archive_reader_line(in), true);
    r->skip_lines = 0;
    replay_meter_add(r->meter, archive_reader_offset(in));
    archive_reader_close(&in);
    return ok;
}

/* Where an earlier run stopped. False after a complaint. */
static bool resume(struct replay *r)
{
    char *path = NULL;
    uint64_t line;
    size_t i = 0;

    if (r->request->progress == NULL || r->window == NULL)
        return true;
    if (!replay_progress_load(r->request->progress, &path, &line))
        return false;
    if (path == NULL)
        return true; /* there was none */
    while (i < r->files.n && archive_path_cmp(r->files.path[i], path) != 0)
        i++;
    if (i == r->files.n)
        ctl_complain(&replay_command,
                     "%s is of a replay of other files (it stopped in %s): name the same files, or "
                     "delete it",
                     r->request->progress, path);
    free(path);
    if (i == r->files.n)
        return false;
    r->file = i;
    r->skip_lines = line;
    if (!r->request->json)
        printf("going on at %s:%" PRIu64 "\n", r->files.path[i], line + 1);
    return true;
}

/* --- the command --- */

static int report(const struct replay *r, bool complete)
{
    uint64_t sent = r->window != NULL ? replay_window_sent(r->window) : 0;
    uint64_t refused = r->window != NULL ? replay_window_refused(r->window) : 0;
    int status = complete && r->damaged == 0 && refused == 0 ? EX_OK : EXIT_FAILURE;

    if (r->request->json)
        return ctl_print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:O, s:b}", "files",
                                        (json_int_t)r->files.n, "lines", (json_int_t)r->lines,
                                        "sent", (json_int_t)sent, "refused", (json_int_t)refused,
                                        "damaged", (json_int_t)r->damaged, "damages", r->list,
                                        "complete", complete)) == EX_OK
                   ? status
                   : EXIT_FAILURE;
    printf("%" PRIu64 " %s read from %zu %s, %" PRIu64 " sent, %" PRIu64 " refused, %" PRIu64
           " damaged%s\n",
           r->lines, r->lines == 1 ? "line" : "lines", r->files.n,
           r->files.n == 1 ? "file" : "files", sent, refused, r->damaged,
           r->request->dry_run ? " (dry run)" : "");
    if (!complete)
        ctl_complain(&replay_command,
                     "stopped in %s; run it again: what was sent already changes "
                     "nothing%s",
                     r->files.path[r->file],
                     r->request->progress != NULL ? ", and is passed over" : "");
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

static int replay_files(struct replay *r)
{
    bool ok = resume(r);

    if (!ok)
        return EXIT_FAILURE;
    for (; ok && r->file < r->files.n; r->file += ok)
        ok = replay_file(r, r->files.path[r->file]);
    replay_meter_clear(r->meter);
    /* whoever runs it again after its end wants it from the beginning */
    if (ok && r->request->progress != NULL && !r->request->dry_run)
        unlink(r->request->progress);
    return report(r, ok);
}

static int replay(const struct backend_conf *conf, const struct request *q, char **paths)
{
    struct replay r = {.request = q, .list = json_array()};
    struct broker *broker = NULL;
    char err[512];
    int status = EX_DATAERR;
    bool ok = true;

    for (; ok && *paths != NULL; paths++)
        ok = archive_files_add(&r.files, *paths, err, sizeof err);
    archive_files_sort(&r.files);
    if (!ok)
        ctl_complain(&replay_command, "%s", err);
    if (ok && !q->dry_run)
        ok = (broker = ctl_open_broker(&replay_command, &conf->broker, &status)) != NULL;
    if (ok) {
        r.meter = replay_meter_new(r.files.bytes);
        r.window = q->dry_run ? NULL : replay_window_new(broker);
        status = replay_files(&r);
        replay_window_free(&r.window);
        replay_meter_free(&r.meter);
    }
    broker_close(&broker);
    archive_files_free(&r.files);
    json_decref(r.list);
    return status;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {NULL, false, false};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'p')
            q.progress = optarg;
        else if (option == 'n')
            q.dry_run = true;
        else if (option == 'j')
            q.json = true;
        else
            return option == 'h' ? ctl_help(&replay_command) : ctl_usage_error(&replay_command);
    }
    if (optind >= argc)
        return ctl_usage_error(&replay_command);
    struct backend_conf *conf =
        ctl_load(&replay_command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    int status = replay(conf, &q, argv + optind);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command replay_command = {
    .name = "replay",
    .usage = "[--progress FILE] [--dry-run] [--json] FILE|DIR...",
    .text = "feed archived solutions into the queue again",
    .help =
        "  FILE|DIR         files of the archive, plain or gzip, or folders with such files\n"
        "  --progress FILE  remember there how far it came, and go on there; deleted at the end\n"
        "  --dry-run        only read and check the files\n"
        "  --json           print the outcome as JSON\n\n"
        "Replaying twice changes nothing: a message that is settled already is not counted\n"
        "again. A solution whose work the database does not know is rejected: into one that\n"
        "was restored, put the works first (archived-works).\n"
        "A damaged line is reported and skipped; the exit status is 1 then.\n",
    .run = run,
};
