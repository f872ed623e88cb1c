/* penstockctl blocks: the pool's blocks and what became of them. */
#include "backend/conf/settings.h"
#include "backend/ctl/ctl.h"
#include "backend/ctl/sheet.h"

#include <getopt.h>
#include <stdlib.h>
#include <sysexits.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     100000

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'}, {"status", required_argument, NULL, 's'},
    {"limit", required_argument, NULL, 'l'},   {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

struct request {
    const char *network, *status;
    int64_t limit;
    bool json;
};

static const struct sheet_column columns[] = {
    {"network", SHEET_TEXT}, {"height", SHEET_COUNT}, {"hash", SHEET_TEXT},
    {"status", SHEET_TEXT},  {"found", SHEET_TEXT},   {"subsidy", SHEET_AMOUNT},
    {"scheme", SHEET_TEXT},  {"fee", SHEET_AMOUNT},   {"miners", SHEET_COUNT},
    {"shares", SHEET_COUNT}, {"finder", SHEET_TEXT},  {"note", SHEET_TEXT},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static const char sql_blocks[] =
    "SELECT b.network, b.height, LOWER(HEX(b.hash)), b.status,"
    " DATE_FORMAT(COALESCE(b.cut_at, b.created_at), '%Y-%m-%d %H:%i:%S'), b.subsidy, s.scheme,"
    " s.fee, (SELECT COUNT(*) FROM block_credit c WHERE c.block_id = s.block_id), s.shares,"
    " m.address, b.note FROM block b LEFT JOIN block_split s ON s.block_id = b.id"
    " LEFT JOIN miner m ON m.id = b.finder_id WHERE b.pool_block AND (? IS NULL OR b.network = ?)"
    " AND (? IS NULL OR b.status = ?) ORDER BY b.network, b.height DESC, b.id DESC LIMIT ?";

static int show(const struct ctl_job *j)
{
    const struct request *q = j->request;
    const struct db_value network = q->network != NULL ? DB_TEXT(q->network) : DB_NULL;
    const struct db_value state = q->status != NULL ? DB_TEXT(q->status) : DB_NULL;
    const struct db_value params[] = {network, network, state, state, DB_INT(q->limit)};
    struct sheet s = sheet_new(columns, COLUMNS);
    int status;
    enum db_result r = db_query(j->db, sql_blocks, params, 5, sheet_row, &s);

    if (r != DB_OK)
        status = ctl_complain_db(&blocks_command, j->db, r);
    else
        status = sheet_print(&s, q->json, "no blocks of the pool");
    sheet_free(&s);
    return status;
}

static bool read_options(int argc, char **argv, struct request *q, bool *ret_help)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            q->network = optarg;
        else if (option == 's')
            q->status = optarg;
        else if (option == 'j')
            q->json = true;
        else if (option == 'h')
            *ret_help = true;
        else if (option != 'l' ||
                 !ctl_number(&blocks_command, "--limit", optarg, 1, LIMIT_MAX, &q->limit))
            return false;
    }
    return optind == argc;
}

static int run(const char *config, int argc, char **argv)
{
    struct request q = {.limit = LIMIT_DEFAULT};
    bool help = false;

    if (!read_options(argc, argv, &q, &help))
        return ctl_usage_error(&blocks_command);
    return help ? ctl_help(&blocks_command) : ctl_with_db(&blocks_command, config, show, &q);
}

const struct ctl_command blocks_command = {
    .name = "blocks",
    .usage = "[--network NETWORK] [--status STATUS] [--limit N] [--json]",
    .text = "the pool's blocks and what became of them",
    .help =
        "  --network NETWORK   of this network only\n"
        "  --status STATUS     only those that are open, assigned, processing, finished, stale or\n"
        "                      orphaned\n"
        "  --limit N           the newest N (default: 50)\n"
        "  --json              print it as JSON; amounts are strings, in base units\n\n"
        "  open         stored; its shares are not known yet\n"
        "  assigned     its shares are; it has yet to mature\n"
        "  processing   it is being split, or a run that did so has died: the next one goes on\n"
        "  finished     it is split: see penstockctl explain\n"
        "  stale        as it matured the chain did not show it as the pool's\n"
        "  orphaned     another block took its place\n",
    .run = run,
};
