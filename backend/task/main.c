/* penstock-task: one run of a scheduled task, on one network or on all, one after the other. */
#include "backend/task/history.h"
#include "backend/task/lock.h"
#include "backend/task/task.h"
#include "common/base/log.h"
#include "common/db/schema.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PROGRAM "penstock-task"

/* In the order in which they follow each other. */
static const struct task *const tasks[] = {
    &find_blocks_task,  &assign_shares_task, &share_out_task,   &pay_task,      &audit_task,
    &find_payouts_task, &roll_stats_task,    &rate_miners_task, &clean_up_task, &notify_task,
};

#define TASKS        (sizeof tasks / sizeof tasks[0])
#define STATEMENT_MS 60000 /* sums over many rows; nobody waits for a task */

struct program {
    const char *path;    /* of the settings */
    const char *network; /* the only one, or NULL */
    const struct task *task;
    struct task_options options;
    struct backend_conf *conf;
    struct db *db, *lock_db;
};

/* --- the command line --- */

enum option_code { OPT_HELP = 256, OPT_VERSION, OPT_JSON, OPT_MARK, OPT_HEIGHT };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"network", required_argument, NULL, 'n'},
    {"dry-run", no_argument, NULL, 'd'},
    {"debug", no_argument, NULL, 'D'},
    {"json", no_argument, NULL, OPT_JSON},
    {"mark-processed", no_argument, NULL, OPT_MARK},
    {"max-height", required_argument, NULL, OPT_HEIGHT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* The tasks that take an option beside the common ones. */
static void print_takers(unsigned flag)
{
    const char *between = " (";

    for (size_t i = 0; i < TASKS; i++)
        if (tasks[i]->flags & flag) {
            printf("%s%s", between, tasks[i]->name);
            between = ", ";
        }
    printf("%s\n", *between == ',' ? ")" : "");
}

static _Noreturn void print_help(void)
{
    printf(PROGRAM ": runs one of the pool's scheduled tasks\n\n"
                   "Usage: " PROGRAM " NAME [OPTION]...\n\nTasks:\n");
    for (size_t i = 0; i < TASKS; i++)
        printf("  %-14s %s\n", tasks[i]->name, tasks[i]->text);
    printf("\nOptions:\n"
           "  -c, --config FILE    the settings (default: " BACKEND_CONF_PATH ")\n"
           "  -n, --network NAME   this network only (default: all, one after the other)\n"
           "      --dry-run        say what would be done, and change nothing\n"
           "      --debug          log all that happens\n"
           "      --json           print the result as JSON");
    print_takers(TASK_TAKES_JSON);
    printf("      --mark-processed the pool's blocks are another installation's to pay");
    print_takers(TASK_TAKES_MARK_PROCESSED);
    printf("      --max-height N   go no further than this block");
    print_takers(TASK_TAKES_MAX_HEIGHT);
    printf("      --help           print this\n"
           "      --version        print the version\n\n"
           "A task runs once at a time per network, on all machines together; a run that finds\n"
           "another one at work says so and ends with 0.\n\n"
           "Exit status: 0 done, 1 failed, 64 wrong usage, 75 a wallet or server is away and the\n"
           "next run goes on, 78 wrong settings.\n");
    exit(EX_OK);
}

static _Noreturn void usage_error(const char *format, const char *what)
{
    if (format != NULL) {
        fprintf(stderr, PROGRAM ": ");
        fprintf(stderr, format, what);
        fputc('\n', stderr);
    }
    fprintf(stderr, PROGRAM ": see --help\n");
    exit(EX_USAGE);
}

static int64_t read_height(const char *text)
{
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 0 || n > UINT32_MAX)
        usage_error("--max-height: '%s' is no height", text);
    return n;
}

/* Returns the flags of the options that not every task takes. */
static unsigned read_options(struct program *p, int argc, char **argv)
{
    unsigned special = 0;
    int option;

    while ((option = getopt_long(argc, argv, "c:n:", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            p->path = optarg;
            break;
        case 'n':
            p->network = optarg;
            break;
        case 'd':
            p->options.dry_run = true;
            break;
        case 'D':
            p->options.debug = true;
            break;
        case OPT_JSON:
            p->options.json = true;
            special |= TASK_TAKES_JSON;
            break;
        case OPT_MARK:
            p->options.mark_processed = true;
            special |= TASK_TAKES_MARK_PROCESSED;
            break;
        case OPT_HEIGHT:
            p->options.max_height = read_height(optarg);
            special |= TASK_TAKES_MAX_HEIGHT;
            break;
        case OPT_HELP:
            print_help();
        case OPT_VERSION:
            printf(PROGRAM " %s\n", PENSTOCK_VERSION);
            exit(EX_OK);
        default:
            usage_error(NULL, NULL); /* getopt has said what is wrong */
        }
    }
    return special;
}

static void read_command_line(struct program *p, int argc, char **argv)
{
    unsigned special = read_options(p, argc, argv);

    if (optind >= argc)
        usage_error("the task's name is missing%s", "");
    if (optind + 1 < argc)
        usage_error("unexpected argument \"%s\"", argv[optind + 1]);
    for (size_t i = 0; i < TASKS; i++)
        if (strcmp(tasks[i]->name, argv[optind]) == 0)
            p->task = tasks[i];
    if (p->task == NULL)
        usage_error("there is no task \"%s\"", argv[optind]);
    if (special & ~p->task->flags)
        usage_error("task %s does not take one of these options", p->task->name);
    if (p->network != NULL && p->task->flags & TASK_OF_ALL)
        usage_error("task %s is of no single network: leave --network out", p->task->name);
}

/* --- one run --- */

/* Between its row in task_run and the end of that row. When it cannot be written there is no run:
 * the database is away. */
static enum task_result run_recorded(struct task_run *run)
{
    enum task_result result;
    uint64_t id = 0;

    if (run->options->dry_run)
        return run->task->run(run);
    result = task_db(run, history_begin(run->db, run->task->name, run->network, &id), "task_run");
    if (result != TASK_DONE)
        return result;
    result = run->task->run(run);
    if (history_end(run->db, id, result, run->detail) != DB_OK)
        log_warning("task.history", LOG_STR("error", db_error(run->db)));
    return result;
}

struct locked {
    struct task_run *run;
    enum task_result result;
};

static void run_locked(struct task_lock *lock, void *ctx)
{
    struct locked *l = ctx;

    l->run->lock = lock;
    l->result = run_recorded(l->run);
}

static enum task_result run_with_lock(struct program *p, struct task_run *run)
{
    struct locked l = {run, TASK_FAILED};
    char text[256];

    switch (task_lock_run(p->lock_db, run->task->name, run->network, run_locked, &l, text,
                          sizeof(text))) {
    case TASK_LOCK_HELD:
        return l.result;
    case TASK_LOCK_TAKEN:
        history_holder(run->db, run->task->name, run->network, text, sizeof(text));
        task_say(run, "another run is at work (%s); nothing to do", text);
        return TASK_DONE;
    case TASK_LOCK_ERROR:
        break;
    }
    return task_wait(run, "database: the lock: %s", text);
}

static enum task_result run_on(struct program *p, const struct backend_network *net)
{
    struct task_run run = {
        .task = p->task,
        .options = &p->options,
        .conf = p->conf,
        .net = net,
        .network = net != NULL ? net->base.label : "",
        .db = p->db,
    };
    enum task_result result;
    char err[512];

    if (p->task->flags & TASK_NEEDS_CHAIN) {
        run.chain = chain_open(p->conf, net, err, sizeof(err));
        if (run.chain == NULL)
            return task_fail(&run, "%s", err);
    }
    result = p->options.dry_run ? run_recorded(&run) : run_with_lock(p, &run);
    chain_close(&run.chain);
    return result;
}

/* The worst of all networks: one that fails keeps none of the others from its turn. */
static enum task_result run_all(struct program *p)
{
    enum task_result worst = TASK_DONE;

    if (p->task->flags & TASK_OF_ALL)
        return run_on(p, NULL);
    for (size_t i = 0; i < p->conf->networks.n; i++) {
        const struct backend_network *net = backend_network_at(p->conf, i);
        enum task_result r = TASK_DONE;

        if (p->network == NULL || strcmp(p->network, net->base.label) == 0)
            r = run_on(p, net);
        worst = r > worst ? r : worst;
    }
    return worst;
}

/* --- set-up --- */

/* Cron mails what is written to stderr: only what somebody should read. */
static void set_log(struct program *p)
{
    struct log_conf *log = &p->conf->log;

    if (p->options.debug)
        *log = (struct log_conf){LOG_LEVEL_DEBUG, LOG_TARGET_STDERR};
    else if (log->target == LOG_TARGET_STDERR && log->level < LOG_LEVEL_WARNING)
        log->level = LOG_LEVEL_WARNING;
    log_init_conf(PROGRAM, log);
}

static void load_settings(struct program *p)
{
    char err[1024];
    bool known = p->network == NULL;

    p->conf = conf_load(&backend_schema, p->path, err, sizeof(err));
    if (p->conf == NULL) {
        fprintf(stderr, "%s\n", err);
        exit(EX_CONFIG);
    }
    for (size_t i = 0; !known && i < p->conf->networks.n; i++)
        known = strcmp(p->network, backend_network_at(p->conf, i)->base.label) == 0;
    if (!known)
        usage_error("there is no network \"%s\" in the settings", p->network);
    set_log(p);
    if (p->conf->database.query_timeout_ms < STATEMENT_MS)
        p->conf->database.query_timeout_ms = STATEMENT_MS;
}

static struct db *open_db(const struct program *p)
{
    char err[512];
    struct db *db = db_open(&p->conf->database, err, sizeof(err));

    if (db == NULL) {
        log_fatal("task.database", LOG_STR("error", err));
        exit(EX_CONFIG);
    }
    return db;
}

/* EX_OK when this program may work on the database. */
static int check_schema(const struct program *p)
{
    char err[512];
    bool fits = false;
    enum db_result r = schema_check(p->db, &fits, err, sizeof(err));

    if (r == DB_OK && fits)
        return EX_OK;
    log_error("task.schema", LOG_STR("result", db_result_name(r)), LOG_STR("error", err));
    if (r == DB_OK)
        return EX_CONFIG;
    return r == DB_REFUSED ? EXIT_FAILURE : EX_TEMPFAIL;
}

int main(int argc, char **argv)
{
    struct program p = {.path = BACKEND_CONF_PATH, .options.max_height = -1};
    int status;

    read_command_line(&p, argc, argv);
    load_settings(&p);
    signal(SIGPIPE, SIG_IGN);
    p.db = open_db(&p);
    p.lock_db = open_db(&p);
    status = check_schema(&p);
    if (status == EX_OK)
        status = task_status(run_all(&p));
    db_close(&p.lock_db);
    db_close(&p.db);
    conf_free(&backend_schema, p.conf);
    return status;
}
