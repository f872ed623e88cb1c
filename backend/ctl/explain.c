#include "backend/ctl/explain.h"

#include "backend/conf/settings.h"
#include "common/base/mem.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct option options[] = {
    {"network", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

void explain_check(struct explain *e, json_t *object, bool holds, const char *format, ...)
{
    json_t *checks = json_object_get(object, "checks");
    va_list args;
    char *text;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort(); /* out of memory */
    va_end(args);
    if (checks == NULL) {
        checks = json_array();
        json_object_set_new(object, "checks", checks);
    }
    json_array_append_new(checks, json_pack("{s:b,s:s}", "holds", holds, "text", text));
    e->differences += !holds;
    explain_line(e, "%s %s", holds ? "equal:    " : "DIFFERENT:", text);
    free(text);
}

void explain_line(const struct explain *e, const char *format, ...)
{
    va_list args;

    if (e->json)
        return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void explain_sheet(struct explain *e, json_t *object, const char *name, const struct sheet *s)
{
    json_object_set(object, name, s->list);
    if (!e->json && sheet_rows(s) > 0)
        ctl_table_print(&s->table);
}

/* --- the command --- */

static const struct {
    enum db_result (*explain)(struct explain *e, const char *what);
} kinds[] = {{explain_block}, {explain_payout}, {explain_miner}};

static int explain(const struct ctl_job *j)
{
    struct explain *e = j->request;
    enum db_result r = DB_OK;

    e->db = j->db;
    e->out = json_array();
    for (size_t i = 0; r == DB_OK && i < sizeof kinds / sizeof kinds[0]; i++)
        r = kinds[i].explain(e, e->what);
    if (r != DB_OK) {
        json_decref(e->out);
        return ctl_complain_db(&explain_command, e->db, r);
    }
    if (e->found == 0) {
        ctl_complain(&explain_command, "'%s' is no block, miner or payout of this pool", e->what);
        json_decref(e->out);
        return EX_DATAERR;
    }
    int status = EX_OK;
    if (e->json)
        status = ctl_print_json(e->out);
    else
        json_decref(e->out);
    return e->differences > 0 ? EXIT_FAILURE : status;
}

static int run(const char *config, int argc, char **argv)
{
    struct explain e = {.network = NULL};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            e.network = optarg;
        else if (option == 'j')
            e.json = true;
        else
            return option == 'h' ? ctl_help(&explain_command) : ctl_usage_error(&explain_command);
    }
    if (optind + 1 != argc)
        return ctl_usage_error(&explain_command);
    e.what = argv[optind];
    return ctl_with_db(&explain_command, config, explain, &e);
}

const struct ctl_command explain_command = {
    .name = "explain",
    .usage = "BLOCK|MINER|PAYOUT [--network NETWORK] [--json]",
    .text = "work out again how a block was split, a balance, a payout, and compare",
    .help =
        "  BLOCK               a height or a hash: the split of the reward, worked out again from\n"
        "                      the weights that were kept, and from the shares while they are\n"
        "                      there, beside what is in the ledger\n"
        "  MINER               an address or a guid: every entry of its account, and the balance\n"
        "  PAYOUT              an id or a txid: whom it pays, and what of it is in the ledger\n\n"
        "  --network NETWORK   of this network only\n"
        "  --json              print it as JSON; amounts are strings, in base units\n\n"
        "Exit status 1 when anything differs by as little as one unit.\n",
    .query_timeout_ms = 60000, /* it may read all of a block's shares */
    .run = run,
};
