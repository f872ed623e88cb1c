/* penstockctl balances: what the pool owes and owns, by the ledger. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "backend/ctl/sheet.h"

#include <getopt.h>
#include <stdlib.h>
#include <sysexits.h>

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'},
    {"miners", no_argument, NULL, 'm'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct request {
    const char *network;
    bool miners, json;
};

static const struct sheet_column account_columns[] = {
    {"network", SHEET_TEXT},
    {"account", SHEET_TEXT},
    {"number", SHEET_COUNT},
    {"balance", SHEET_AMOUNT},
};
static const char sql_accounts[] =
    "SELECT network, kind, COUNT(*), SUM(balance) FROM account WHERE ? IS NULL OR network = ?"
    " GROUP BY network, kind UNION ALL SELECT network, 'sum', COUNT(*), SUM(balance) FROM account"
    " WHERE ? IS NULL OR network = ? GROUP BY network ORDER BY network,"
    " FIELD(kind, 'miner', 'pool_fee', 'unshared', 'in_flight', 'network_fee', 'immature',"
    " 'mature', 'cold', 'adjustment', 'sum')";

static const struct sheet_column miner_columns[] = {
    {"network", SHEET_TEXT},   {"address", SHEET_TEXT},   {"miner", SHEET_TEXT},
    {"balance", SHEET_AMOUNT}, {"minimum", SHEET_AMOUNT}, {"disabled", SHEET_YES_NO},
};
static const char sql_miners[] =
    "SELECT a.network, m.address, CAST(m.id AS CHAR), a.balance, s.minimum_payout, m.disabled"
    " FROM account a JOIN miner m ON m.id = a.miner_id LEFT JOIN miner_setting s"
    " ON s.miner_id = m.id WHERE a.kind = 'miner' AND a.balance <> 0 AND (? IS NULL OR"
    " a.network = ?) ORDER BY a.network, a.balance DESC, m.address LIMIT 100000";

#define N(columns) (sizeof(columns) / sizeof(columns)[0])

static int show(const struct ctl_job *j)
{
    const struct request *q = j->request;
    struct sheet s = q->miners ? sheet_new(miner_columns, N(miner_columns))
                               : sheet_new(account_columns, N(account_columns));
    const struct db_value network = q->network != NULL ? DB_TEXT(q->network) : DB_NULL;
    const struct db_value params[] = {network, network, network, network};
    int status;
    enum db_result r = db_query(j->db, q->miners ? sql_miners : sql_accounts, params,
                                q->miners ? 2 : 4, sheet_row, &s);

    if (r != DB_OK)
        status = ctl_complain_db(&balances_command, j->db, r);
    else
        status =
            sheet_print(&s, q->json, q->miners ? "nobody is owed anything" : "no balances yet");
    sheet_free(&s);
    return status;
}

static bool read_options(int argc, char **argv, struct request *q, bool *ret_help)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            q->network = optarg;
        else if (option == 'm')
            q->miners = true;
        else if (option == 'j')
            q->json = true;
        else if (option == 'h')
            *ret_help = true;
        else
            return false;
    }
    return optind == argc;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {NULL, false, false};
    bool help = false;

    if (!read_options(argc, argv, &q, &help))
        return ctl_usage_error(&balances_command);
    return help ? ctl_help(&balances_command) : ctl_with_db(&balances_command, config, show, &q);
}

const struct ctl_command balances_command = {
    .name = "balances",
    .usage = "[--network NETWORK] [--miners] [--json]",
    .text = "what the pool owes and owns, by the ledger",
    .help = "  --network NETWORK   of this network only\n"
            "  --miners            each miner that is owed something, the largest first\n"
            "  --json              print it as JSON; amounts are strings, in base units\n\n"
            "What the pool owes is above zero, what it owns is below; all accounts of a network\n"
            "together are zero.\n\n"
            "  miner         owed to miners\n"
            "  pool_fee      earned by the pool\n"
            "  unshared      rewards that are not split yet\n"
            "  in_flight     sent, and not yet confirmed by the chain\n"
            "  network_fee   fees of transactions that the pool bore\n"
            "  immature      rewards in the wallet that are not split yet\n"
            "  mature        the wallet's other coins\n"
            "  cold          swept from the wallet\n"
            "  adjustment    what came in or went out by the operator's hand\n",
    .run = run,
};
