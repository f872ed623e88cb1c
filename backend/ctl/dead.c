/*
 * penstockctl dead: the messages that the pool gave up on, in the queue `dead`.
 *
 * Reading takes a message out of the queue only on loan: what is not acknowledged returns to its
 * place when the connection ends, however it ends. To resend one takes these steps, and this is
 * what is left behind when the program, the broker or the network dies after each:
 *
 *   1 receive      The message returns to `dead`.
 *   2 publish      It may be in the work queue, and it returns to `dead`.
 *   3 confirm      It is in the work queue, and it returns to `dead`.
 *   4 acknowledge  As after 3 until the broker has read it; then it is in the work queue only.
 *
 * So it is never nowhere. Where it is twice, the worker settles the one copy; the other one can be
 * resent too and adds nothing (its message id is settled already), or be purged.
 *
 * Nothing here may ever dead-letter a message: `dead` has no dead-letter route, it would be gone.
 */
#include "backend/ctl/dead.h"
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LIST_DEFAULT 1000
#define LOAN_MAX     65535 /* messages that one consumer can hold */
#define PATIENCE_MS  5000  /* the broker said that there is one more */

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"yes", no_argument, NULL, 'y'},
    {"limit", required_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const struct action *action;
    const char *id; /* show, resend */
    bool json, yes;
    int64_t limit;
};

/* What a visit to a message decides. */
enum visit { VISIT_KEEP, VISIT_REMOVE, VISIT_STOP_KEEP, VISIT_STOP_REMOVE };

struct walk {
    const struct request *request;
    struct broker *writer; /* resending goes over a connection of its own */
    struct ctl_table table;
    json_t *list;
    uint64_t waiting;                 /* in the queue when the walk began */
    uint64_t seen, removed, not_sent; /* of them */
    bool found, failed;
};

typedef enum visit visit_fn(struct walk *w, const struct broker_delivery *d);

static struct walk walk_init(const struct request *q)
{
    static const char *const heading[] = {"MESSAGE ID", "KIND", "NETWORK", "RECEIVED (UTC)",
                                          "DEATH",      "SIZE", "WRONG"};
    struct walk w = {.request = q, .table = {.columns = 7}, .list = json_array()};

    ctl_table_add(&w.table, heading);
    return w;
}

static void walk_clear(struct walk *w)
{
    ctl_table_free(&w->table);
    json_decref(w->list);
}

/* --- the visits --- */

static enum visit visit_list(struct walk *w, const struct broker_delivery *d)
{
    struct dead_letter letter;
    char size[32], received[CTL_TIME_SIZE];

    dead_letter_read(&letter, d);
    snprintf(size, sizeof size, "%zu", d->len);
    ctl_format_time(letter.received_s, received);
    ctl_table_add(&w->table, (const char *const[]){letter.id, letter.kind, letter.network, received,
                                                   letter.reason, size,
                                                   letter.wrong != NULL ? letter.wrong : "-"});
    json_array_append_new(w->list, dead_letter_json(&letter, d));
    return VISIT_KEEP;
}

static bool is_wanted(struct walk *w, const struct broker_delivery *d)
{
    struct dead_letter letter;

    dead_letter_read(&letter, d);
    w->found |= strcmp(letter.id, w->request->id) == 0;
    return strcmp(letter.id, w->request->id) == 0;
}

static enum visit visit_show(struct walk *w, const struct broker_delivery *d)
{
    if (!is_wanted(w, d))
        return VISIT_KEEP;
    w->failed = w->request->json ? ctl_print_json(dead_body_json(d)) != EX_OK : !dead_print(d);
    return VISIT_STOP_KEEP;
}

static enum visit visit_resend_all(struct walk *w, const struct broker_delivery *d)
{
    enum broker_result r = dead_resend(w->writer, d);
    struct dead_letter letter;

    if (r == BROKER_OK)
        return VISIT_REMOVE;
    dead_letter_read(&letter, d);
    ctl_complain(&dead_command, "%s stays: %s%s%s", letter.id, broker_result_name(r),
                 *broker_error(w->writer) != '\0' ? ": " : "", broker_error(w->writer));
    w->not_sent++;
    /* no queue for its network, or a routing key that this account may not use: not the others' */
    return r == BROKER_UNROUTABLE || r == BROKER_FORBIDDEN ? VISIT_KEEP : VISIT_STOP_KEEP;
}

static enum visit visit_resend(struct walk *w, const struct broker_delivery *d)
{
    if (!is_wanted(w, d))
        return VISIT_KEEP;
    return visit_resend_all(w, d) == VISIT_REMOVE ? VISIT_STOP_REMOVE : VISIT_STOP_KEEP;
}

static enum visit visit_purge(struct walk *w, const struct broker_delivery *d)
{
    (void)w;
    (void)d;
    return VISIT_REMOVE;
}

/* --- the walk --- */

static bool fail_broker(struct walk *w, const struct broker *b, enum broker_result r)
{
    ctl_complain(&dead_command, "broker: %s: %s", broker_result_name(r), broker_error(b));
    w->failed = true;
    return false;
}

/* False ends the walk. */
static bool visit_next(struct walk *w, struct broker *reader, visit_fn *fn)
{
    struct broker_delivery *d = NULL;
    /* no bound of its own: broker_receive() dead-letters what exceeds it */
    enum broker_result r = broker_receive(reader, SIZE_MAX / 2, PATIENCE_MS, &d);
    enum visit v;

    if (r == BROKER_IDLE) /* somebody else took the rest */
        return false;
    if (r != BROKER_OK)
        return fail_broker(w, reader, r);
    v = fn(w, d);
    w->seen++;
    if (v == VISIT_REMOVE || v == VISIT_STOP_REMOVE) {
        r = broker_ack(reader, d->generation, d->tag, false);
        w->removed += r == BROKER_OK;
    }
    broker_delivery_free(&d);
    if (r != BROKER_OK)
        return fail_broker(w, reader, r);
    return v == VISIT_KEEP || v == VISIT_REMOVE;
}

/* Only what was there at the start: a message that is resent may die again meanwhile. */
static void walk(struct walk *w, struct broker *reader, visit_fn *fn, uint64_t limit)
{
    static const char *const queues[] = {DEAD_QUEUE};
    enum broker_result r = broker_queue_depth(reader, DEAD_QUEUE, &w->waiting);

    if (r != BROKER_OK) {
        fail_broker(w, reader, r);
        return;
    }
    uint64_t n = w->waiting < limit ? w->waiting : limit;
    if (n == 0)
        return;
    broker_consume(reader, queues, 1, (unsigned)(n < LOAN_MAX ? n : LOAN_MAX));
    while (w->seen < n && visit_next(w, reader, fn))
        ;
}

/* --- the actions --- */

static int end_list(struct walk *w)
{
    if (w->request->json)
        return ctl_print_json(
            json_pack("{s:I, s:O}", "waiting", (json_int_t)w->waiting, "messages", w->list));
    if (w->waiting == 0)
        return puts("no dead letters") >= 0 ? EX_OK : EXIT_FAILURE;
    bool ok = ctl_table_print(&w->table);
    if (w->seen < w->waiting)
        printf("%" PRIu64 " of %" PRIu64 " shown; --limit N shows more\n", w->seen, w->waiting);
    return ok && fflush(stdout) == 0 ? EX_OK : EXIT_FAILURE;
}

static int end_show(struct walk *w)
{
    if (!w->found)
        ctl_complain(&dead_command, "no dead letter has the id %s", w->request->id);
    return w->found ? EX_OK : EXIT_FAILURE;
}

static int end_removal(struct walk *w)
{
    uint64_t left = w->waiting - w->removed;

    if (w->request->id != NULL && !w->found)
        return end_show(w);
    if (w->request->json)
        return ctl_print_json(json_pack("{s:I, s:I, s:I}", "waiting", (json_int_t)w->waiting,
                                        "removed", (json_int_t)w->removed, "left",
                                        (json_int_t)left)) == EX_OK &&
                       w->not_sent == 0
                   ? EX_OK
                   : EXIT_FAILURE;
    printf("%" PRIu64 " %s, %" PRIu64 " left in the queue\n", w->removed,
           w->writer != NULL ? "sent again" : "deleted", left);
    return w->not_sent == 0 && fflush(stdout) == 0 ? EX_OK : EXIT_FAILURE;
}

static const struct action {
    const char *name;
    bool takes_id, sends, needs_yes;
    visit_fn *visit;
    int (*end)(struct walk *w); /* prints the outcome of a walk that did not fail */
} actions[] = {
    {"list", false, false, false, visit_list, end_list},
    {"show", true, false, false, visit_show, end_show},
    {"resend", true, true, false, visit_resend, end_removal},
    {"resend-all", false, true, false, visit_resend_all, end_removal},
    {"purge", false, false, true, visit_purge, end_removal},
};

static int act(const struct broker_conf *conf, const struct request *q)
{
    bool lists = q->action->visit == visit_list;
    struct walk w = walk_init(q);
    int status = EXIT_FAILURE;
    struct broker *reader = ctl_open_broker(&dead_command, conf, &status);

    if (reader != NULL && q->action->sends)
        w.writer = ctl_open_broker(&dead_command, conf, &status);
    if (reader != NULL && (w.writer != NULL || !q->action->sends)) {
        walk(&w, reader, q->action->visit, lists ? (uint64_t)q->limit : UINT64_MAX);
        status = w.failed ? EXIT_FAILURE : q->action->end(&w);
    }
    broker_close(&w.writer);
    broker_close(&reader);
    walk_clear(&w);
    return status;
}

static bool read_arguments(int argc, char **argv, struct request *q)
{
    const char *name = optind < argc ? argv[optind++] : "";

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, name) == 0)
            q->action = &actions[i];
    if (q->action == NULL)
        return false;
    if (q->action->takes_id && optind < argc)
        q->id = argv[optind++];
    if (optind < argc || (q->action->takes_id && q->id == NULL))
        return false;
    if (q->action->needs_yes && !q->yes) {
        ctl_complain(&dead_command, "this deletes messages for good: add --yes");
        return false;
    }
    return true;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {.limit = LIST_DEFAULT};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'j')
            q.json = true;
        else if (option == 'y')
            q.yes = true;
        else if (option == 'h')
            return ctl_help(&dead_command);
        else if (option != 'l' ||
                 !ctl_number(&dead_command, "--limit", optarg, 1, LOAN_MAX, &q.limit))
            return ctl_usage_error(&dead_command);
    }
    if (!read_arguments(argc, argv, &q))
        return ctl_usage_error(&dead_command);
    struct backend_conf *conf =
        ctl_load(&dead_command, &backend_schema, config != NULL ? config : BACKEND_CONF_PATH);
    if (conf == NULL)
        return EX_CONFIG;
    int status = act(&conf->broker, &q);
    conf_free(&backend_schema, conf);
    return status;
}

const struct ctl_command dead_command = {
    .name = "dead",
    .usage = "list | show ID | resend ID | resend-all | purge --yes   [--json] [--limit N]",
    .text = "look at messages that the pool gave up on, send them again, or delete them",
    .help = "  list        what is there, oldest first\n"
            "  show ID     one message with all that is known of it\n"
            "  resend ID   publishes it again and, once that is confirmed, removes it here\n"
            "  resend-all  the same for all that are there now\n"
            "  purge       deletes all that are there now\n\n"
            "  --json      print it as JSON\n"
            "  --limit N   list at most N, 1 to 65535 (default 1000)\n"
            "  --yes       yes, delete them\n\n"
            "A message without an id is called by the start of its body's SHA-256: sha256-...\n"
            "Resending is safe: a message that is settled already is not counted again. Run one\n"
            "of these at a time: while one looks at a message, others do not see it.\n",
    .run = run,
};
