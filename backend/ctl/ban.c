/* penstockctl ban: refuses senders and miners at the frontends, for a time. */
#include "backend/conf/settings.h"
#include "backend/ctl/sheet.h"
#include "common/base/ipnet.h"
#include "common/base/uuid.h"
#include "common/coin/address.h"
#include "common/message/solution.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define REASON_MAX 160
#define BANS_MAX   4000 /* with what the frontends derive from them, fewer than they read */

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'}, {"for", required_argument, NULL, 'f'},
    {"reason", required_argument, NULL, 'r'},  {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

struct request {
    const char *network, *reason;
    struct ctl_words words;
    int64_t seconds; /* 0: until it is removed */
    bool json;
};

/* --- adding --- */

/* "90s", "15m", "12h", "7d"; false after a complaint. */
static bool read_duration(const char *text, int64_t *ret)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    long n = strtol(text, &end, 10);

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (end != text && end[0] == units[i].unit && end[1] == '\0' && n > 0 && n <= 100000) {
            *ret = n * units[i].seconds;
            return true;
        }
    ctl_complain(&ban_command, "--for: '%s' is not like 90s, 15m, 12h or 7d (1 to 100000)", text);
    return false;
}

static bool take_number(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&row[0]);
    return false;
}

static bool insert(const struct ctl_job *j, const char *kind, const char *network,
                   const char *value)
{
    const struct request *q = j->request;
    const struct db_value row[] = {
        network != NULL ? DB_TEXT(network) : DB_NULL,
        DB_TEXT(kind),
        DB_TEXT(value),
        DB_TEXT(q->reason != NULL ? q->reason : ""),
        q->seconds > 0 ? DB_INT(q->seconds) : DB_NULL,
    };
    int64_t count = 0;
    enum db_result r =
        db_query(j->db, "SELECT COUNT(*) FROM active_ban", NULL, 0, take_number, &count);

    if (r == DB_OK && count >= BANS_MAX) {
        ctl_complain(&ban_command, "%d bans hold already; remove some", BANS_MAX);
        return false;
    }
    if (r == DB_OK) /* NULL seconds make a NULL expiry */
        r = db_exec(j->db,
                    "INSERT INTO ban (network, kind, value, reason, expires_at)"
                    " VALUES (?, ?, ?, ?, UTC_TIMESTAMP(6) + INTERVAL ? SECOND)",
                    row, 5, NULL);
    if (r != DB_OK) {
        ctl_complain_db(&ban_command, j->db, r);
        return false;
    }
    printf("banned: %s%s%s %s\n", kind, network != NULL ? " of " : "",
           network != NULL ? network : "", value);
    return true;
}

static int add_ip(const struct ctl_job *j, const char *kind, const char *value)
{
    char text[IPNET_TEXT_SIZE];
    struct ipnet net;

    if (!ipnet_parse(value, &net)) {
        ctl_complain(&ban_command,
                     "'%s' is no network; give ADDRESS or NETWORK/BITS, with no bit set behind the "
                     "prefix",
                     value);
        return EX_DATAERR;
    }
    ipnet_format(&net, text);
    return insert(j, kind, NULL, text) ? EX_OK : EXIT_FAILURE;
}

/* On every network whose address it is, or on the one that was named. */
static int add_address(const struct ctl_job *j, const char *kind, const char *value)
{
    const struct request *q = j->request;
    char canonical[ADDRESS_MAX_TEXT + 1];
    bool found = false;

    for (size_t i = 0; i < j->conf->networks.n; i++) {
        const struct network_conf *net = &backend_network_at(j->conf, i)->base;
        struct address_rules rules;
        char *wrong = network_rules(net, &rules);

        free(wrong); /* the settings are checked: there is nothing wrong */
        if ((q->network != NULL && strcmp(q->network, net->label) != 0) ||
            !address_to_script(&rules, value, strlen(value), NULL))
            continue;
        found = true;
        address_canonical(&rules, value, strlen(value), canonical);
        if (!insert(j, kind, net->label, canonical))
            return EXIT_FAILURE;
    }
    if (found)
        return EX_OK;
    ctl_complain(&ban_command, "'%s' is no address of %s", value,
                 q->network != NULL ? q->network : "any network served");
    return EX_DATAERR;
}

static bool take_network(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    snprintf(ctx, NETWORK_MAX_NAME + 1, "%s", db_text(&row[0]));
    return false;
}

static int add_miner(const struct ctl_job *j, const char *kind, const char *value)
{
    char text[UUID_TEXT_LEN + 1], network[NETWORK_MAX_NAME + 1] = "";
    struct uuid guid;

    if (!uuid_parse(value, strlen(value), &guid)) {
        ctl_complain(&ban_command, "'%s' is no miner's guid", value);
        return EX_DATAERR;
    }
    uuid_format(&guid, text);
    enum db_result r = db_query(j->db, "SELECT network FROM miner WHERE id = ?", &DB_TEXT(text), 1,
                                take_network, network);
    if (r != DB_OK || network[0] == '\0') {
        ctl_complain(&ban_command, "%s",
                     r != DB_OK ? db_error(j->db) : "no miner of this pool has that guid");
        return r != DB_OK ? EXIT_FAILURE : EX_DATAERR;
    }
    return insert(j, kind, network, text) ? EX_OK : EXIT_FAILURE;
}

static int add(const struct ctl_job *j)
{
    static const struct {
        const char *kind;
        int (*add)(const struct ctl_job *j, const char *kind, const char *value);
    } kinds[] = {{"ip", add_ip}, {"address", add_address}, {"miner", add_miner}};
    const struct request *q = j->request;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, q->words.word[1]) == 0)
            return kinds[i].add(j, kinds[i].kind, q->words.word[2]);
    ctl_complain(&ban_command, "'%s' is neither ip, address nor miner", q->words.word[1]);
    return ctl_usage_error(&ban_command);
}

/* --- the other actions --- */

static int ban_remove(const struct ctl_job *j)
{
    const struct request *q = j->request;
    uint64_t changed = 0;
    int64_t id;

    if (!ctl_number(&ban_command, "remove", q->words.word[1], 1, INT64_MAX, &id))
        return EX_USAGE;
    enum db_result r = db_exec(j->db,
                               "UPDATE ban SET expires_at = UTC_TIMESTAMP(6) WHERE id = ?"
                               " AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))",
                               &DB_INT(id), 1, &changed);
    if (r != DB_OK || changed == 0)
        ctl_complain(&ban_command, "%s",
                     r != DB_OK ? db_error(j->db) : "no ban of that number holds");
    return r == DB_OK && changed > 0 ? EX_OK : EXIT_FAILURE;
}

static const struct sheet_column columns[] = {
    {"id", SHEET_TEXT},      {"kind", SHEET_TEXT},  {"network", SHEET_TEXT}, {"value", SHEET_TEXT},
    {"created", SHEET_TEXT}, {"until", SHEET_TEXT}, {"reason", SHEET_TEXT}};

static int list(const struct ctl_job *j)
{
    const struct request *q = j->request;
    struct sheet sheet = sheet_new(columns, sizeof columns / sizeof columns[0]);
    enum db_result r =
        db_query(j->db,
                 "SELECT CAST(id AS CHAR), kind, COALESCE(network, '-'), value,"
                 " DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%S'),"
                 " COALESCE(DATE_FORMAT(expires_at, '%Y-%m-%d %H:%i:%S'), 'removed'), reason"
                 " FROM active_ban ORDER BY active_ban.id LIMIT 10000",
                 NULL, 0, sheet_row, &sheet);
    int status = r == DB_OK ? sheet_print(&sheet, q->json, "no bans")
                            : ctl_complain_db(&ban_command, j->db, r);
    sheet_free(&sheet);
    return status;
}

static const struct ctl_action actions[] = {
    {"add", 3, add}, {"list", 1, list}, {"remove", 2, ban_remove}};

/* --- the command --- */

static bool read_options(int argc, char **argv, struct request *q, bool *ret_help)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            q->network = optarg;
        else if (option == 'r')
            q->reason = optarg;
        else if (option == 'j')
            q->json = true;
        else if (option == 'h')
            *ret_help = true;
        else if (option != 'f' || !read_duration(optarg, &q->seconds))
            return false;
    }
    if (q->reason != NULL && strlen(q->reason) > REASON_MAX) {
        ctl_complain(&ban_command, "--reason: longer than %d bytes", REASON_MAX);
        return false;
    }
    return ctl_read_words(argc, argv, &q->words);
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {0};
    bool help = false;

    if (!read_options(argc, argv, &q, &help))
        return ctl_usage_error(&ban_command);
    if (help)
        return ctl_help(&ban_command);
    const struct ctl_action *action =
        ctl_find_action(actions, sizeof actions / sizeof actions[0], &q.words);
    return action != NULL ? ctl_with_db(&ban_command, config, action->run, &q)
                          : ctl_usage_error(&ban_command);
}

const struct ctl_command ban_command = {
    .name = "ban",
    .usage = "add KIND VALUE [--network NETWORK] [--for TIME] [--reason TEXT] | list [--json] |"
             " remove ID",
    .text = "have the frontends refuse a sender or a miner for a time",
    .help =
        "  add ip NETWORK      an address such as 192.0.2.7, or a network such as 2001:db8::/48\n"
        "  add address ADDRESS a miner by its address, on every network that has such addresses\n"
        "  add miner GUID      a miner by the MINERGUID it was given\n"
        "  list                the bans that hold now, oldest first\n"
        "  remove ID           ends one of them\n\n"
        "  --network NETWORK   for an address: on this network only\n"
        "  --for TIME          such as 90s, 15m, 12h, 7d (default: until it is removed)\n"
        "  --reason TEXT       for operators; the miner does not see it\n"
        "  --json              print it as JSON\n\n"
        "The frontends know of it within [limits] ban_refresh_s. Solutions that are in the\n"
        "queue already are judged as ever.\n",
    .run = run,
};
