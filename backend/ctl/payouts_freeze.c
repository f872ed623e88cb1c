/* penstockctl payouts freeze, thaw and freezes. */
#include "backend/conf/settings.h"
#include "backend/ctl/payouts.h"
#include "common/base/log.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void payouts_who(char out[FREEZE_WHO_MAX + 1])
{
    const char *before = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *user = getpwuid(getuid());
    char host[65] = "", number[24];

    gethostname(host, sizeof host - 1);
    snprintf(number, sizeof number, "uid %lu", (unsigned long)getuid());
    snprintf(out, FREEZE_WHO_MAX + 1, "%.60s@%.60s",
             before != NULL ? before
             : user != NULL ? user->pw_name
                            : number,
             host);
}

/* EX_OK, or the status after a complaint. */
static int check_request(const struct ctl_job *j)
{
    const struct payouts_request *q = j->request;

    if (q->network == NULL || q->reason == NULL || *q->reason == '\0') {
        ctl_complain(&payouts_command, "%s needs --network and --reason", q->words.word[0]);
        return EX_USAGE;
    }
    for (size_t i = 0; i < j->conf->networks.n; i++)
        if (strcmp(backend_network_at(j->conf, i)->base.label, q->network) == 0)
            return EX_OK;
    ctl_complain(&payouts_command, "there is no network '%s' in the settings", q->network);
    return EX_DATAERR;
}

int payouts_freeze(const struct ctl_job *j)
{
    const struct payouts_request *q = j->request;
    int status = check_request(j);
    char who[FREEZE_WHO_MAX + 1];
    enum db_result r;

    if (status != EX_OK)
        return status;
    payouts_who(who);
    r = freeze_set(j->db, q->network, who, q->reason);
    if (r != DB_OK)
        return ctl_complain_db(&payouts_command, j->db, r);
    printf("payouts of %s are frozen\n", q->network);
    return EX_OK;
}

/* --- thaw --- */

/* One statement, so that no audit or freeze comes in between. An audit that could not look at
 * everything says nothing, neither for nor against. */
static const char sql_thaw[] =
    "INSERT INTO payout_freeze (network, frozen, reason, who, forced)"
    " SELECT f.network, FALSE, ?, ?, ? FROM payout_freeze f WHERE f.frozen AND f.id ="
    " (SELECT MAX(x.id) FROM payout_freeze x WHERE x.network = ?)"
    " AND (? OR COALESCE((SELECT a.outcome = 'clean' FROM audit_run a WHERE a.network = f.network"
    " AND a.outcome <> 'incomplete' AND a.began_at > f.created_at ORDER BY a.id DESC LIMIT 1), 0))";

static bool take_number(void *ctx, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)ctx = sheet_number(&row[0]);
    return false;
}

/* Nothing was changed: because nothing is frozen, or for want of an audit? */
static int say_why_not(const struct ctl_job *j)
{
    const struct payouts_request *q = j->request;
    struct freeze now;
    int64_t differences = 0;
    enum db_result r = freeze_read(j->db, q->network, &now);

    if (r == DB_OK && !now.frozen) {
        printf("payouts of %s are not frozen\n", q->network);
        return EX_OK;
    }
    if (r == DB_OK)
        r = db_query(j->db,
                     "SELECT COUNT(*) FROM audit_run a JOIN (SELECT MAX(created_at) AS at FROM"
                     " payout_freeze WHERE network = ?) f ON a.began_at > f.at"
                     " WHERE a.network = ? AND a.outcome = 'difference'",
                     (const struct db_value[]){DB_TEXT(q->network), DB_TEXT(q->network)}, 2,
                     take_number, &differences);
    if (r != DB_OK)
        return ctl_complain_db(&payouts_command, j->db, r);
    ctl_complain(&payouts_command,
                 "%s stays frozen (%s): %s since; put it right and run `penstock-task audit"
                 " --network %s`, or answer for it yourself with --force",
                 q->network, now.reason,
                 differences > 0 ? "the last audit has found differences"
                                 : "no audit has been clean",
                 q->network);
    return EXIT_FAILURE;
}

int payouts_thaw(const struct ctl_job *j)
{
    const struct payouts_request *q = j->request;
    int status = check_request(j);
    char who[FREEZE_WHO_MAX + 1];
    uint64_t changed = 0;
    enum db_result r;

    if (status != EX_OK)
        return status;
    payouts_who(who);
    const struct db_value values[] = {DB_TEXT(q->reason), DB_TEXT(who), DB_INT(q->force),
                                      DB_TEXT(q->network), DB_INT(q->force)};
    r = db_exec(j->db, sql_thaw, values, sizeof values / sizeof values[0], &changed);
    if (r != DB_OK)
        return ctl_complain_db(&payouts_command, j->db, r);
    if (changed == 0)
        return say_why_not(j);
    log_warning("payouts.thawed", LOG_STR("network", q->network), LOG_STR("who", who),
                LOG_STR("why", q->reason), LOG_STR("forced", q->force ? "yes" : "no"));
    printf("payouts of %s are thawed%s\n", q->network, q->force ? ", by force" : "");
    return EX_OK;
}

/* --- the record --- */

int payouts_freezes(const struct ctl_job *j)
{
    static const struct sheet_column columns[] = {
        {"when", SHEET_TEXT},     {"network", SHEET_TEXT}, {"frozen", SHEET_YES_NO},
        {"forced", SHEET_YES_NO}, {"who", SHEET_TEXT},     {"reason", SHEET_TEXT}};
    const struct payouts_request *q = j->request;
    const struct db_value network = q->network != NULL ? DB_TEXT(q->network) : DB_NULL;
    const struct db_value values[] = {network, network, DB_INT(q->limit)};
    struct sheet s = sheet_new(columns, sizeof columns / sizeof columns[0]);
    enum db_result r = db_query(
        j->db,
        "SELECT DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%S'), network, frozen, forced, who,"
        " reason FROM payout_freeze WHERE ? IS NULL OR network = ? ORDER BY id DESC"
        " LIMIT ?",
        values, 3, sheet_row, &s);
    int status = r == DB_OK ? sheet_print(&s, q->json, "payouts were never frozen")
                            : ctl_complain_db(&payouts_command, j->db, r);

    sheet_free(&s);
    return status;
}
