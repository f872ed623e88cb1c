/* penstockctl status: what the pool is doing, once or continuously. */
#include "backend/ctl/status.h"

#include "backend/ctl/ctl.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#define WINDOW_S        (24 * 3600)
#define REFRESH_MS      1000
#define PATIENCE_MS     2000 /* a display does not wait as long as a worker does */
#define DEFAULT_COLUMNS 80
#define DEFAULT_LINES   24

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"watch", no_argument, NULL, 'w'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct terminal {
    bool there; /* stdout is a terminal that understands escape sequences */
    struct status_look look;
    unsigned lines;
};

static struct terminal look_at_terminal(void)
{
    const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    struct terminal t = {.look = {.columns = DEFAULT_COLUMNS}, .lines = DEFAULT_LINES};
    struct winsize size;

    t.there = isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
    t.look.colour = t.there && (no_colour == NULL || *no_colour == '\0');
    if (t.there && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        t.look.columns = size.ws_col;
        t.lines = size.ws_row;
    }
    return t;
}

/* --- once --- */

static bool any_problem(const struct status *s)
{
    return s->problem[0][0] != '\0' || s->problem[1][0] != '\0';
}

static int show_once(struct status_reader *r, bool as_json)
{
    const struct status *s = status_read(r);
    struct terminal t = look_at_terminal();
    int status = any_problem(s) ? EXIT_FAILURE : EX_OK;

    if (as_json)
        return ctl_print_json(status_json(s)) == EX_OK ? status : EXIT_FAILURE;
    struct buf picture = BUF_INIT(STATUS_BYTES_MAX);
    bool ok = status_paint(s, &t.look, &picture) &&
              fwrite(picture.data, 1, picture.len, stdout) == picture.len && fflush(stdout) == 0;
    buf_free(&picture);
    return ok ? status : EXIT_FAILURE;
}

/* --- continuously, on a terminal: the picture is painted over --- */

static unsigned count_lines(const struct buf *b)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

/* Each line is written over the old one and what is left of that erased, so nothing flickers. */
static bool repaint(const struct buf *picture, unsigned old_lines, unsigned screen_lines)
{
    if (old_lines >= screen_lines)
        printf("\033[H"); /* the top has scrolled away: the cursor cannot go back there */
    else if (old_lines > 0)
        printf("\033[%uA\r", old_lines);
    for (size_t i = 0; i < picture->len; i++) {
        if (picture->data[i] == '\n')
            fputs("\033[K", stdout);
        putchar(picture->data[i]);
    }
    printf("\033[J");
    return fflush(stdout) == 0;
}

static int watch_terminal(struct status_reader *r)
{
    struct buf picture = BUF_INIT(STATUS_BYTES_MAX);
    unsigned lines = 0;
    bool ok = true;

    while (ok) {
        struct terminal t = look_at_terminal();
        t.look.rates = true;
        buf_clear(&picture);
        ok = status_paint(status_read(r), &t.look, &picture) && repaint(&picture, lines, t.lines);
        lines = count_lines(&picture);
        clock_sleep_ms(REFRESH_MS);
    }
    buf_free(&picture);
    return EXIT_FAILURE;
}

/* --- continuously, into a pipe or file: a line for each change --- */

static bool same_numbers(const struct network_status *a, const struct network_status *b)
{
    return a->work == b->work && a->shares == b->shares && a->rejected == b->rejected &&
           status_counted(&a->outcomes, "on_chain") == status_counted(&b->outcomes, "on_chain") &&
           a->tip_height == b->tip_height;
}

static int watch_lines(struct status_reader *r)
{
    const struct status *s = status_read(r);
    struct network_status *shown = mem_zalloc(s->n * sizeof *shown);
    char problem[sizeof s->problem] = "";

    for (bool first = true; !ferror(stdout); first = false) {
        for (size_t i = 0; i < s->n; i++)
            if (first || !same_numbers(&s->network[i], &shown[i])) {
                status_line(s, i, stdout);
                shown[i] = s->network[i];
            }
        if (memcmp(problem, s->problem, sizeof problem) != 0)
            for (int i = 0; i < 2; i++)
                if (s->problem[i][0] != '\0')
                    printf("%s\n", s->problem[i]);
        memcpy(problem, s->problem, sizeof problem);
        fflush(stdout);
        clock_sleep_ms(REFRESH_MS);
        s = status_read(r);
    }
    free(shown);
    return EXIT_FAILURE;
}

/* --- the command --- */

static void limit(int64_t *ms)
{
    if (*ms > PATIENCE_MS)
        *ms = PATIENCE_MS;
}

static int show(struct backend_conf *conf, bool as_json, bool watch)
{
    char err[512];
    int status = EX_CONFIG;

    limit(&conf->database.connect_timeout_ms);
    limit(&conf->broker.connect_timeout_ms);
    limit(&conf->broker.confirm_timeout_ms);
    struct db *db = ctl_open_db(&status_command, &conf->database, &status);
    if (db == NULL)
        return status;
    struct broker *broker = broker_open(&conf->broker, "penstockctl", err, sizeof err);
    if (broker == NULL) {
        ctl_complain(&status_command, "%s", err);
    } else {
        int64_t since = clock_real_us() / 1000000 - WINDOW_S;
        struct status_reader *r = status_reader_new(conf, db, broker, since);
        status = !watch                     ? show_once(r, as_json)
                 : look_at_terminal().there ? watch_terminal(r)
                                            : watch_lines(r);
        status_reader_free(&r);
        broker_close(&broker);
    }
    db_close(&db);
    return status;
}

static int run(const char *config, int argc, char **argv)
{
    bool as_json = false, watch = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'j')
            as_json = true;
        else if (option == 'w')
            watch = true;
        else
            return option == 'h' ? ctl_help(&status_command) : ctl_usage_error(&status_command);
    }
    if (optind < argc || (as_json && watch))
        return ctl_usage_error(&status_command);
    struct backend_conf *conf =
        ctl_load(&status_command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    int status = show(conf, as_json, watch);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command status_command = {
    .name = "status",
    .usage = "[--json | --watch]",
    .text = "show what the pool is doing: work, shares, blocks, queues",
    .help = "  --json   print it as JSON\n"
            "  --watch  again every second: painted over on a terminal, else a line per change\n\n"
            "Numbers are of the last 24 hours (with --watch: since 24 hours before its start).\n"
            "Rates are of the last minute. NO_COLOR in the environment turns colours off.\n",
    .run = run,
};
