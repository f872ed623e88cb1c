/* penstockctl notify: who is told of what, and ends it for those who ask the operator to. */
#include "backend/ctl/sheet.h"
#include "common/base/uuid.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct option options[] = {
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    struct ctl_words words;
    bool json;
};

static const struct sheet_column columns[] = {
    {"id", SHEET_TEXT},     {"network", SHEET_TEXT}, {"miner", SHEET_TEXT}, {"channel", SHEET_TEXT},
    {"target", SHEET_TEXT}, {"events", SHEET_TEXT},  {"state", SHEET_TEXT}, {"since", SHEET_TEXT}};

static int list(const struct ctl_job *j)
{
    const struct request *q = j->request;
    struct sheet sheet = sheet_new(columns, sizeof columns / sizeof columns[0]);
    enum db_result r =
        db_query(j->db,
                 "SELECT CAST(s.id AS CHAR), s.network, s.address, s.channel, s.target, s.events,"
                 " t.status, DATE_FORMAT(t.asked_at, '%Y-%m-%d %H:%i:%S') FROM notify_state t"
                 " JOIN notify_subscription s ON s.id = t.subscription_id"
                 " WHERE t.status IN ('asked', 'active') ORDER BY t.asked_at LIMIT 10000",
                 NULL, 0, sheet_row, &sheet);
    int status = r == DB_OK ? sheet_print(&sheet, q->json, "nobody is told anything")
                            : ctl_complain_db(&notify_command, j->db, r);
    sheet_free(&sheet);
    return status;
}

/* By its id, or all of a mail address or URL. */
static int end(const struct ctl_job *j)
{
    static const char by_target[] =
        "UPDATE notify_state t JOIN notify_subscription s ON s.id = t.subscription_id"
        " SET t.status = 'ended', t.ended_at = UTC_TIMESTAMP(6)"
        " WHERE s.target = ? AND t.status IN ('asked', 'active')";
    static const char by_id[] =
        "UPDATE notify_state SET status = 'ended', ended_at = UTC_TIMESTAMP(6)"
        " WHERE subscription_id = ? AND status IN ('asked', 'active')";
    const struct request *q = j->request;
    const char *what = q->words.word[1];
    uint64_t changed = 0;
    struct uuid id;
    bool is_id = uuid_parse(what, strlen(what), &id);
    enum db_result r = db_exec(j->db, is_id ? by_id : by_target, &DB_TEXT(what), 1, &changed);

    if (r != DB_OK)
        return ctl_complain_db(&notify_command, j->db, r);
    if (changed == 0) {
        ctl_complain(&notify_command, "no wish of that id or target is open");
        return EXIT_FAILURE;
    }
    printf("ended: %llu\n", (unsigned long long)changed);
    return EX_OK;
}

static const struct ctl_action actions[] = {{"list", 1, list}, {"end", 2, end}};

static int run(const char *config, int argc, char **argv)
{
    struct request q = {.json = false};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h')
            return ctl_help(&notify_command);
        if (option != 'j')
            return ctl_usage_error(&notify_command);
        q.json = true;
    }
    const struct ctl_action *action =
        ctl_read_words(argc, argv, &q.words)
            ? ctl_find_action(actions, sizeof actions / sizeof actions[0], &q.words)
            : NULL;

    return action != NULL ? ctl_with_db(&notify_command, config, action->run, &q)
                          : ctl_usage_error(&notify_command);
}

const struct ctl_command notify_command = {
    .name = "notify",
    .usage = "list [--json] | end ID|TARGET",
    .text = "show who is told of blocks, payments and silent workers, and end it",
    .help =
        "  list    who was asked (state asked) and who confirmed (active)\n"
        "  --json  as JSON\n"
        "  end     tells it nothing more: one by its ID, or all of a mail address or URL; this\n"
        "          cannot be undone, but whoever wants may ask again\n",
    .run = run,
};
