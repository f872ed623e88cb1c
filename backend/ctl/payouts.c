/* penstockctl payouts: what was paid, what is under way, and whether payouts are frozen. */
#include "backend/ctl/payouts.h"
#include "backend/conf/settings.h"
#include "common/base/uuid.h"
#include "common/coin/address.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'}, {"reason", required_argument, NULL, 'r'},
    {"limit", required_argument, NULL, 'l'},   {"json", no_argument, NULL, 'j'},
    {"force", no_argument, NULL, 'f'},         {"dry-run", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

#define N(columns) (sizeof(columns) / sizeof(columns)[0])

/* --- list --- */

#define PAYOUT_ROW                                                                                 \
    "SELECT CAST(p.id AS CHAR), p.network, p.kind, p.status,"                                      \
    " DATE_FORMAT(p.created_at, '%Y-%m-%d %H:%i:%S'),"                                             \
    " (SELECT COUNT(*) FROM payout_item i WHERE i.payout_id = p.id AND i.amount > 0), p.amount,"   \
    " p.fee, p.fee_payer, p.confirmations, LOWER(HEX(p.txid)), p.answer FROM payout p"

static const struct sheet_column payout_columns[] = {
    {"id", SHEET_TEXT},        {"network", SHEET_TEXT},
    {"kind", SHEET_TEXT},      {"status", SHEET_TEXT},
    {"created", SHEET_TEXT},   {"miners", SHEET_COUNT},
    {"amount", SHEET_AMOUNT},  {"fee", SHEET_AMOUNT},
    {"fee_payer", SHEET_TEXT}, {"confirmations", SHEET_COUNT},
    {"txid", SHEET_TEXT},      {"answer", SHEET_TEXT},
};
static const struct sheet_column freeze_columns[] = {{"network", SHEET_TEXT},
                                                     {"frozen", SHEET_YES_NO},
                                                     {"since", SHEET_TEXT},
                                                     {"who", SHEET_TEXT},
                                                     {"reason", SHEET_TEXT}};
static const struct sheet_column unpayable_columns[] = {{"network", SHEET_TEXT},
                                                        {"miner", SHEET_TEXT},
                                                        {"balance", SHEET_AMOUNT},
                                                        {"unpayable", SHEET_TEXT}};

struct listing {
    struct sheet payouts, freezes, unpayable;
    struct address_rules rules; /* of the network that is looked at */
};

/* A miner that is due, and whose address is none of the network's. */
static bool take_due(void *ctx, const struct db_value *row, size_t n)
{
    struct listing *l = ctx;

    if (!address_to_script(&l->rules, row[3].data, row[3].len, NULL))
        sheet_row(&l->unpayable, row, n);
    return true;
}

static enum db_result list_unpayable(const struct ctl_job *j, struct listing *l,
                                     const struct backend_network *net)
{
    const struct db_value params[] = {DB_TEXT(net->base.label), DB_INT(net->minimum_payout)};

    /* the settings are checked: there is nothing wrong */
    free(network_rules(&net->base, &l->rules));
    return db_query(j->db,
                    "SELECT a.network, CAST(m.id AS CHAR), a.balance, m.address FROM account a"
                    " JOIN miner m ON m.id = a.miner_id LEFT JOIN miner_setting s"
                    " ON s.miner_id = m.id WHERE a.network = ? AND a.kind = 'miner'"
                    " AND a.balance > 0 AND a.balance >= COALESCE(s.minimum_payout, ?)"
                    " ORDER BY a.balance DESC, a.id LIMIT 100000",
                    params, 2, take_due, l);
}

static enum db_result read_listing(const struct ctl_job *j, struct listing *l)
{
    const struct payouts_request *q = j->request;
    const char *only = q->network;
    const struct db_value network = only != NULL ? DB_TEXT(only) : DB_NULL;
    const struct db_value params[] = {network, network, DB_INT(q->limit)};
    enum db_result r =
        db_query(j->db,
                 PAYOUT_ROW " WHERE ? IS NULL OR p.network = ? ORDER BY p.status IN ('intent',"
                            " 'stored', 'sent', 'conflicted') DESC, p.created_at DESC LIMIT ?",
                 params, 3, sheet_row, &l->payouts);

    if (r == DB_OK)
        r = db_query(
            j->db,
            "SELECT f.network, f.frozen, DATE_FORMAT(f.created_at, '%Y-%m-%d %H:%i:%S'),"
            " f.who, f.reason FROM payout_freeze f JOIN (SELECT MAX(id) AS id FROM payout_freeze"
            " GROUP BY network) x ON x.id = f.id WHERE (? IS NULL OR f.network = ?)"
            " AND f.frozen ORDER BY f.network",
            params, 2, sheet_row, &l->freezes);
    for (size_t i = 0; r == DB_OK && i < j->conf->networks.n; i++) {
        const struct backend_network *net = backend_network_at(j->conf, i);

        if (only == NULL || strcmp(only, net->base.label) == 0)
            r = list_unpayable(j, l, net);
    }
    return r;
}

static int print_listing(const struct ctl_job *j, struct listing *l)
{
    const struct payouts_request *q = j->request;
    int status;

    if (q->json)
        return ctl_print_json(json_pack("{s:O, s:O, s:O}", "frozen", l->freezes.list, "payouts",
                                        l->payouts.list, "unpayable", l->unpayable.list));
    status = sheet_print(&l->payouts, false, "no payouts");
    if (status == EX_OK && sheet_rows(&l->unpayable) > 0) {
        puts("\nWho is due and cannot be paid, for the address is none of the network's:");
        status = sheet_print(&l->unpayable, false, "");
    }
    if (status == EX_OK && sheet_rows(&l->freezes) > 0) {
        puts("\nFrozen:");
        status = sheet_print(&l->freezes, false, "");
    }
    return status;
}

static int list(const struct ctl_job *j)
{
    struct listing l = {.payouts = sheet_new(payout_columns, N(payout_columns)),
                        .freezes = sheet_new(freeze_columns, N(freeze_columns)),
                        .unpayable = sheet_new(unpayable_columns, N(unpayable_columns))};
    enum db_result r = read_listing(j, &l);
    int status = r == DB_OK ? print_listing(j, &l) : ctl_complain_db(&payouts_command, j->db, r);

    sheet_free(&l.payouts);
    sheet_free(&l.freezes);
    sheet_free(&l.unpayable);
    return status;
}

/* --- show --- */

static const struct sheet_column item_columns[] = {{"miner", SHEET_TEXT},
                                                   {"address", SHEET_TEXT},
                                                   {"amount", SHEET_AMOUNT},
                                                   {"received", SHEET_AMOUNT}};
static const struct sheet_column coin_columns[] = {
    {"txid", SHEET_TEXT}, {"output", SHEET_COUNT}, {"held", SHEET_YES_NO}};
static const struct sheet_column event_columns[] = {
    {"when", SHEET_TEXT}, {"event", SHEET_TEXT}, {"account", SHEET_TEXT}, {"amount", SHEET_AMOUNT}};

/* What is shown of a payout, in this order; @ID is its id. */
static const struct part {
    const char *name;
    const struct sheet_column *columns;
    size_t n;
    const char *sql;
} parts[] = {
    {"payout", payout_columns, N(payout_columns), PAYOUT_ROW " WHERE p.id = ?"},
    {"items", item_columns, N(item_columns),
     "SELECT CAST(miner_id AS CHAR), address, amount, received FROM payout_item"
     " WHERE payout_id = ? ORDER BY miner_id"},
    {"coins", coin_columns, N(coin_columns),
     "SELECT LOWER(HEX(txid)), vout, COALESCE(active, 0) FROM payout_input WHERE payout_id = ?"
     " ORDER BY txid, vout"},
    {"entries", event_columns, N(event_columns),
     "SELECT DATE_FORMAT(j.created_at, '%Y-%m-%d %H:%i:%S'), j.kind, a.kind, e.amount"
     " FROM journal j JOIN entry e ON e.journal_id = j.id JOIN account a ON a.id = e.account_id"
     " WHERE j.ref = ? AND (j.kind LIKE 'payment%' OR j.kind LIKE 'sweep%')"
     " ORDER BY j.id, e.line"},
};
#define PARTS (sizeof parts / sizeof parts[0])

static int print_parts(const struct ctl_job *j, struct sheet *sheets)
{
    const struct payouts_request *q = j->request;
    json_t *object;
    int status = EX_OK;

    if (q->json) {
        object = json_copy(json_array_get(sheets[0].list, 0));
        for (size_t i = 1; i < PARTS; i++)
            json_object_set(object, parts[i].name, sheets[i].list);
        return ctl_print_json(object);
    }
    for (size_t i = 0; i < PARTS && status == EX_OK; i++) {
        printf("%s%s\n", i > 0 ? "\n" : "", parts[i].name);
        status = sheet_print(&sheets[i], false, "none");
    }
    return status;
}

static int show(const struct ctl_job *j)
{
    const char *word = ((const struct payouts_request *)j->request)->words.word[1];
    char text[UUID_TEXT_LEN + 1];
    struct sheet sheets[PARTS];
    struct uuid id;
    enum db_result r = DB_OK;
    int status;

    if (!uuid_parse(word, strlen(word), &id)) {
        ctl_complain(&payouts_command, "'%s' is no payout's id", word);
        return EX_DATAERR;
    }
    uuid_format(&id, text);
    for (size_t i = 0; i < PARTS; i++) {
        sheets[i] = sheet_new(parts[i].columns, parts[i].n);
        if (r == DB_OK)
            r = db_query(j->db, parts[i].sql, &DB_TEXT(text), 1, sheet_row, &sheets[i]);
    }
    if (r != DB_OK) {
        status = ctl_complain_db(&payouts_command, j->db, r);
    } else if (sheet_rows(&sheets[0]) == 0) {
        ctl_complain(&payouts_command, "there is no payout %s", text);
        status = EXIT_FAILURE;
    } else {
        status = print_parts(j, sheets);
    }
    for (size_t i = 0; i < PARTS; i++)
        sheet_free(&sheets[i]);
    return status;
}

/* --- the command --- */

static const struct ctl_action actions[] = {
    {"list", 1, list},
    {"show", 2, show},
    {"freeze", 1, payouts_freeze},
    {"thaw", 1, payouts_thaw},
    {"freezes", 1, payouts_freezes},
    {"cancel", 2, payouts_cancel},
};

static bool read_options(int argc, char **argv, struct payouts_request *q, bool *ret_help)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            q->network = optarg;
        else if (option == 'r')
            q->reason = optarg;
        else if (option == 'j')
            q->json = true;
        else if (option == 'f')
            q->force = true;
        else if (option == 'd')
            q->dry_run = true;
        else if (option == 'h')
            *ret_help = true;
        else if (option != 'l' ||
                 !ctl_number(&payouts_command, "--limit", optarg, 1, 100000, &q->limit))
            return false;
    }
    if (q->reason != NULL && strlen(q->reason) > FREEZE_REASON_MAX) {
        ctl_complain(&payouts_command, "--reason: longer than %d bytes", FREEZE_REASON_MAX);
        return false;
    }
    return ctl_read_words(argc, argv, &q->words);
}

static int run(const char *config, int argc, char **argv)
{
    struct payouts_request q = {.limit = 100};
    bool help = false;

    if (!read_options(argc, argv, &q, &help))
        return ctl_usage_error(&payouts_command);
    if (help)
        return ctl_help(&payouts_command);
    const struct ctl_action *action = ctl_find_action(actions, N(actions), &q.words);
    return action != NULL ? ctl_with_db(&payouts_command, config, action->run, &q)
                          : ctl_usage_error(&payouts_command);
}

const struct ctl_command payouts_command = {
    .name = "payouts",
    .usage = "list [--network NETWORK] [--limit N] [--json] | show ID [--json] |"
             " freezes [--network NETWORK] [--json] | freeze --network NETWORK --reason TEXT |"
             " thaw --network NETWORK --reason TEXT [--force] |"
             " cancel ID --reason TEXT [--force] [--dry-run]",
    .text = "what was paid and is under way; freeze and thaw payouts",
    .help =
        "  list            payouts, those first that are not finished; who is due and cannot be\n"
        "                  paid; which networks are frozen\n"
        "  show ID         one payout: its receivers, the coins it spends, its ledger entries\n"
        "  freeze          nothing new is paid on the network until it is thawed\n"
        "  thaw            payouts go on, once an audit that began after they were frozen has "
        "been\n"
        "                  clean. With --force also without: then it is you who answers for it\n"
        "  freezes         the record: when, who, why, by force or not\n"
        "  cancel ID       gives miners back what a conflicted payout took from them. Only on "
        "proof:\n"
        "                  the wallet must show a transaction that has spent one of its coins, "
        "with\n"
        "                  payout_confirmations. It is for you to know that this one was "
        "none\n"
        "                  that paid them; if it pays one of their addresses it takes --force. "
        "Book\n"
        "                  what it took out of the wallet: see penstock-task(8), audit\n\n"
        "  --network NETWORK   of this network only\n"
        "  --limit N           at most so many payouts (100)\n"
        "  --reason TEXT       for the record, with your name\n"
        "  --force             see above\n"
        "  --dry-run           of cancel: show the proof, and change nothing\n"
        "  --json              print it as JSON; amounts are strings, in base units\n\n"
        "  intent      to be sent by a wallet that only sends; perhaps done already\n"
        "  stored      signed, with its entries in the ledger; about to be sent\n"
        "  sent        followed until it has payout_confirmations\n"
        "  confirmed   done\n"
        "  conflicted  another transaction has spent its coins; payouts are frozen for it. See "
        "what\n"
        "              it was, then cancel; payouts that are thawed by force cancel it by "
        "themselves\n"
        "              where the wallet says so much of it\n"
        "  cancelled   it is not on the chain and never will be\n",
    .run = run,
};
