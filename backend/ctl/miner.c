/* penstockctl miner: one miner's books, and what the operator sets for him. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "backend/ctl/sheet.h"
#include "backend/ledger/amount.h"
#include "common/rpc/rpc.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *network;
    struct ctl_words words; /* the action, the miner, the amount */
    bool json;
    const struct ctl_action *action;
    const struct miner_row *miner; /* the action is for this one now */
    struct sheet sheet;            /* of show */
};

static int done(const struct ctl_job *j, enum db_result r)
{
    return r == DB_OK ? EX_OK : ctl_complain_db(&miner_command, j->db, r);
}

/* --- show --- */

static const struct sheet_column columns[] = {
    {"network", SHEET_TEXT},    {"address", SHEET_TEXT},    {"miner", SHEET_TEXT},
    {"disabled", SHEET_YES_NO}, {"since", SHEET_TEXT},      {"balance", SHEET_AMOUNT},
    {"earned", SHEET_AMOUNT},   {"paid", SHEET_AMOUNT},     {"minimum", SHEET_AMOUNT},
    {"workers", SHEET_COUNT},   {"last_share", SHEET_TEXT}, {"last_payout", SHEET_TEXT},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static const char sql_show[] =
    "SELECT m.network, m.address, CAST(m.id AS CHAR), m.disabled,"
    " DATE_FORMAT(m.created_at, '%Y-%m-%d %H:%i:%S'), COALESCE(a.balance, 0),"
    " COALESCE((SELECT SUM(amount) FROM block_credit c WHERE c.miner_id = m.id), 0),"
    " COALESCE((SELECT SUM(i.amount) FROM payout_item i JOIN payout p ON p.id = i.payout_id"
    " WHERE i.miner_id = m.id AND p.status <> 'cancelled'), 0), s.minimum_payout,"
    " (SELECT COUNT(*) FROM worker w WHERE w.miner_id = m.id),"
    " (SELECT DATE_FORMAT(FROM_UNIXTIME(60 * MAX(t.minute)), '%Y-%m-%d %H:%i') FROM worker w"
    " JOIN share_stats t ON t.worker_id = w.id WHERE w.miner_id = m.id AND t.shares > 0),"
    " (SELECT DATE_FORMAT(MAX(p.created_at), '%Y-%m-%d %H:%i:%S') FROM payout_item i"
    " JOIN payout p ON p.id = i.payout_id WHERE i.miner_id = m.id AND p.status <> 'cancelled')"
    " FROM miner m LEFT JOIN miner_setting s ON s.miner_id = m.id"
    " LEFT JOIN account a ON a.network = m.network AND a.kind = 'miner' AND a.miner_id = m.id"
    " WHERE m.id = ?";

static int show(const struct ctl_job *j)
{
    struct request *q = j->request;

    return done(j, db_query(j->db, sql_show, &DB_TEXT(q->miner->id), 1, sheet_row, &q->sheet));
}

/* One below the other: there are too many for a line. */
static int print_shown(const struct sheet *s)
{
    const struct ctl_table *t = &s->table;

    for (size_t i = t->columns; i < t->rows * t->columns; i++) {
        if (i % t->columns == 0 && i > t->columns)
            putchar('\n');
        printf("%-12s %s\n", columns[i % t->columns].name, t->cell[i]);
    }
    return fflush(stdout) == 0 ? EX_OK : EXIT_FAILURE;
}

/* --- changing --- */

/* Only this column: whatever else of the miner changes meanwhile stays. */
static int set_disabled(const struct ctl_job *j, bool disabled)
{
    const struct miner_row *m = ((const struct request *)j->request)->miner;
    const struct db_value params[] = {DB_INT(disabled), DB_TEXT(m->id)};
    int status =
        done(j, db_exec(j->db, "UPDATE miner SET disabled = ? WHERE id = ?", params, 2, NULL));

    if (status == EX_OK)
        printf("%s: %s of %s\n", disabled ? "disabled" : "enabled", m->address, m->network);
    return status;
}

static int disable(const struct ctl_job *j)
{
    return set_disabled(j, true);
}

static int enable(const struct ctl_job *j)
{
    return set_disabled(j, false);
}

static int set_minimum(const struct ctl_job *j)
{
    static const char sql[] = "INSERT INTO miner_setting (miner_id, minimum_payout) VALUES (?, ?)"
                              " ON DUPLICATE KEY UPDATE minimum_payout = VALUES(minimum_payout)";
    const struct request *q = j->request;
    const char *text = q->words.word[2];
    bool ours = strcmp(text, "default") == 0;
    char shown[AMOUNT_TEXT] = "the network's";
    int64_t amount = 0;

    if (!ours && (!rpc_amount(text, AMOUNT_DECIMALS, &amount) || amount == 0)) {
        ctl_complain(&miner_command, "minimum: '%s' is neither an amount of coins nor default",
                     text);
        return EXIT_FAILURE;
    }
    const struct db_value row[] = {DB_TEXT(q->miner->id), ours ? DB_NULL : DB_INT(amount)};
    int status = done(j, db_exec(j->db, sql, row, 2, NULL));
    if (status != EX_OK)
        return status;
    if (!ours)
        amount_format(amount, shown);
    printf("minimum payout: %s for %s of %s\n", shown, q->miner->address, q->miner->network);
    return EX_OK;
}

/* --- the command --- */

static const struct ctl_action actions[] = {
    {"show", 2, show}, {"disable", 2, disable}, {"enable", 2, enable}, {"minimum", 3, set_minimum}};

static int print(struct request *q)
{
    if (q->action->run != show)
        return EX_OK;
    return q->json ? sheet_print(&q->sheet, true, "") : print_shown(&q->sheet);
}

/* An address can be that of a miner on several networks: all of them, unless one is named. */
static int act(const struct ctl_job *j)
{
    struct request *q = j->request;
    const char *who = q->words.word[1];
    struct miner_list list;
    int status = done(j, miner_find(j->db, who, q->network, &list));

    if (status == EX_OK && list.n == 0) {
        ctl_complain(&miner_command, "no miner has the address or guid '%s'", who);
        status = EX_DATAERR;
    }
    q->sheet = sheet_new(columns, COLUMNS);
    for (size_t i = 0; status == EX_OK && i < list.n; i++) {
        q->miner = &list.miner[i];
        status = q->action->run(j);
    }
    if (status == EX_OK)
        status = print(q);
    miner_list_free(&list);
    sheet_free(&q->sheet);
    return status;
}

static bool read_options(int argc, char **argv, struct request *q, bool *ret_help)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            q->network = optarg;
        else if (option == 'j')
            q->json = true;
        else if (option == 'h')
            *ret_help = true;
        else
            return false;
    }
    return ctl_read_words(argc, argv, &q->words);
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {0};
    bool help = false;

    if (!read_options(argc, argv, &q, &help))
        return ctl_usage_error(&miner_command);
    if (help)
        return ctl_help(&miner_command);
    q.action = ctl_find_action(actions, sizeof actions / sizeof actions[0], &q.words);
    return q.action != NULL ? ctl_with_db(&miner_command, config, act, &q)
                            : ctl_usage_error(&miner_command);
}

const struct ctl_command miner_command = {
    .name = "miner",
    .usage = "show MINER [--json] | disable MINER | enable MINER | minimum MINER AMOUNT"
             " [--network NETWORK]",
    .text = "a miner's books, and what is set for one",
    .help =
        "  MINER               an address or a guid; an address on every network that knows it\n\n"
        "  show MINER          balance, earnings, payments, workers; see also penstockctl explain\n"
        "  disable MINER       the workers refuse its solutions from now on; what it is owed "
        "stays\n"
        "  enable MINER        takes that back\n"
        "  minimum MINER COINS it is paid once it is owed so much, such as 0.5, in the place of\n"
        "                      the network's minimum_payout; default: takes that back\n\n"
        "  --network NETWORK   on this network only\n"
        "  --json              print it as JSON; amounts are strings, in base units\n",
    .run = run,
};
