/*
 * Tries, with each tier's account, what it must not be able to do in the database.
 *
 * MariaDB looks at the rights before anything else, so each statement has a form that would change
 * nothing if it were allowed: rows are chosen by WHERE FALSE, inside a transaction that is rolled
 * back; an INSERT is of no rows, for an id counter would not come back with the rollback; DDL drops
 * only what does not exist, creates only what does, or fails behind the check of its right (a table
 * is no view; a trigger cannot follow one that does not exist). NOWAIT and a short lock time-out
 * keep it from standing in anybody's way. The lists below say what is forbidden; sql/grants.sql
 * says what is allowed.
 */
#include "backend/ctl/doctor.h"
#include "backend/ctl/doctor_columns.h"
#include "common/base/mem.h"

#include <assert.h>
#include <string.h>

#define F TIER_BIT(TIER_FRONTEND)
#define B TIER_BIT(TIER_BACKEND)
#define A TIER_BIT(TIER_ADMIN)

typedef bool pick_fn(const struct column *c);

/* --- which tables or columns an attempt is made on --- */

static bool is_one_of(const char *name, const char *const *list)
{
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static bool any_table(const struct column *c)
{
    return c->first && c->base;
}

static bool any_column(const struct column *c)
{
    return c->base && !c->generated;
}

/* What a frontend must leave to the server or the operator, and every table that is not its own. */
static bool not_the_frontends(const struct column *c)
{
    static const char *const intake[] = {
        "miner", "worker", "work", "incident", "notify_subscription", "notify_answer", NULL};
    static const char *const operators[] = {"disabled", "status", NULL};

    return any_column(c) &&
           (!is_one_of(c->table, intake) || c->automatic || is_one_of(c->name, operators));
}

/* The backend takes nothing in, and the books are written by their procedure alone. */
static bool not_the_backends(const struct column *c)
{
    static const char *const others[] = {
        "miner",         "worker",  "work",           "journal",
        "entry",         "account", "schema_version", "notify_subscription",
        "notify_answer", NULL};

    return any_column(c) && is_one_of(c->table, others);
}

/* Tables of which a row, once recorded, changes only in these columns, if in any. */
static const struct {
    const char *table;
    const char *except[12];
} recorded[] = {
    {"miner", {"disabled"}},
    {"worker", {NULL}},
    {"work", {NULL}},
    {"share", {"block_id"}},
    {"rejected", {NULL}},
    {"job", {NULL}},
    {"tip", {NULL}},
    {"schema_version", {NULL}},
    {"ban", {"expires_at"}},
    {"block_candidate", {"outcome", "answer"}},
    {"block", {"status", "epoch", "cut_at", "assigned_at", "finished_at", "finder_id", "note"}},
    {"block_split", {NULL}},
    {"block_credit", {NULL}},
    {"account", {NULL}},
    {"journal", {NULL}},
    {"entry", {NULL}},
    {"payout",
     {"status", "txid", "fee", "confirmations", "attempts", "attempted_at", "searched_at", "answer",
      "sent_at", "confirmed_at"}},
    {"payout_item", {"received"}},
    {"payout_input", {"active"}},
    {"payout_freeze", {NULL}},
    {"audit_run", {NULL}},
    {"notify_subscription", {NULL}},
    {"notify_answer", {NULL}},
    {"notify_token", {NULL}},
    {"notify_state", {"status", "confirmed_at", "ended_at"}},
    {"notify_queue", {"status", "attempts", "next_at", "sent_at", "answer"}},
    {"task_run", {"ended_at", "outcome", "detail"}},
};

static bool fixed(const struct column *c)
{
    for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++)
        if (strcmp(recorded[i].table, c->table) == 0)
            return any_column(c) && !is_one_of(c->name, recorded[i].except);
    return false;
}

/* The administrator writes where the migrations must, and nowhere else: not in the books. */
static bool not_the_admins(const struct column *c)
{
    static const char *const its[] = {"schema_version", "share", "rejected", "job", NULL};

    return any_column(c) && !is_one_of(c->table, its);
}

/* --- the attempts: @t is the table, @c the column --- */

static const struct attempt {
    const char *name;
    unsigned tiers;
    pick_fn *pick; /* NULL: once */
    const char *sql;
} attempts[] = {
    {"UPDATE", F, any_column, "UPDATE `@t` SET `@c` = NULL WHERE FALSE"},
    {"UPDATE of what is recorded", B, fixed, "UPDATE `@t` SET `@c` = NULL WHERE FALSE"},
    {"DELETE", F | B | A, any_table, "DELETE FROM `@t` WHERE FALSE"},
    {"SELECT of a base table", F, any_table, "SELECT 1 FROM `@t` WHERE FALSE"},
    {"INSERT beyond its columns", F, not_the_frontends,
     "INSERT INTO `@t` (`@c`) SELECT 18446744073709551615 FROM DUAL WHERE FALSE"},
    {"INSERT into others' tables", B, not_the_backends,
     "INSERT INTO `@t` (`@c`) SELECT 18446744073709551615 FROM DUAL WHERE FALSE"},
    {"INSERT beyond the migrations' tables", A, not_the_admins,
     "INSERT INTO `@t` (`@c`) SELECT 18446744073709551615 FROM DUAL WHERE FALSE"},
    {"UPDATE beyond the migrations' tables", A, not_the_admins,
     "UPDATE `@t` SET `@c` = NULL WHERE FALSE"},
    {"ALTER", F | B, any_table, "ALTER TABLE `@t` NOWAIT DROP COLUMN IF EXISTS penstock_doctor"},
    {"DROP", F | B, any_table, "DROP VIEW `@t`"},
    {"CREATE", F | B, any_table, "CREATE TABLE IF NOT EXISTS `@t` (penstock_doctor INT)"},
    {"CREATE of an index", F | B, any_table, "DROP INDEX IF EXISTS penstock_doctor ON `@t` NOWAIT"},
    {"CREATE of a trigger", F | B | A, any_table,
     "CREATE TRIGGER penstock_doctor BEFORE INSERT ON `@t` FOR EACH ROW"
     " FOLLOWS penstock_doctor_none SET @penstock_doctor = 1"},
    {"CREATE of a temporary table", F | B | A, NULL,
     "CREATE TEMPORARY TABLE penstock_doctor (x INT)"},
    {"CALL of partition_days", F, NULL, "CALL partition_days(NULL)"},
    {"CALL of post_journal", F, NULL, "CALL post_journal('', '', '', '', '')"},
    {"CALL of correct_balance", F, NULL, "CALL correct_balance(0)"},
    {"CALL of drop_old_day", F, NULL,
     "CALL drop_old_day('', 0, @penstock_doctor, @penstock_doctor)"},
    {"CALL of delete_old", F, NULL, "CALL delete_old('', '', 0, 0, @penstock_doctor)"},
    {"CALL of partition_table", F | B, NULL, "CALL partition_table('', 1, 0)"},
    {"SET GLOBAL", F | B | A, NULL, "SET GLOBAL max_connections = @@GLOBAL.max_connections"},
    {"reading the accounts", F | B | A, NULL, "SELECT 1 FROM mysql.global_priv WHERE FALSE"},
    {"changing the accounts", F | B | A, NULL, "DELETE FROM mysql.global_priv WHERE FALSE"},
    {"writing a file", F | B | A, NULL,
     "SELECT 1 FROM DUAL WHERE FALSE INTO OUTFILE '/penstock-doctor/none'"},
    {"the backend's role", F | A, NULL, "SET ROLE penstock_backend_rights"},
};

/* ER_DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR,
 * ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_PROCACCESS_DENIED_ERROR,
 * ER_INVALID_ROLE */
static bool is_refusal(unsigned number)
{
    static const unsigned numbers[] = {1044, 1045, 1142, 1143, 1227, 1370, 1959};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* --- trying --- */

struct tally {
    unsigned tried, refused;
    char example[300]; /* of what was not refused */
};

/* @t and @c become the names of C; other statements are taken as they are. */
static bool fill_in(struct buf *out, const char *sql, const struct column *c)
{
    bool ok = true;

    for (const char *p = sql; *p != '\0' && ok; p++) {
        bool marked = c != NULL && p[0] == '@' && (p[1] == 't' || p[1] == 'c');
        ok = !marked ? buf_add(out, p, 1) : buf_addf(out, "%s", p[1] == 't' ? c->table : c->name);
        p += marked;
    }
    return ok;
}

static void try_once(struct db *db, const char *sql, const struct column *c, struct tally *t)
{
    struct buf text = BUF_INIT(1024);

    bool fits = buf_addf(&text, "SET SESSION lock_wait_timeout = 1; START TRANSACTION; ") &&
                fill_in(&text, sql, c) && buf_addf(&text, "; ROLLBACK");
    assert(fits); /* names are short */
    (void)fits;
    enum db_result r = db_run_script(db, text.data, text.len);
    bool refused = r == DB_REFUSED && is_refusal(db_errno(db));
    buf_free(&text);
    t->tried++;
    t->refused += refused;
    if (!refused && t->example[0] == '\0')
        snprintf(t->example, sizeof t->example, "%s%s%s %s", c != NULL ? c->table : "",
                 c != NULL ? "." : "", c != NULL ? c->name : "",
                 r == DB_OK ? "was taken" : db_error(db));
}

static void attempt(struct doctor *d, const struct tier_accounts *tier, struct db *db,
                    const struct attempt *a, const struct columns *all)
{
    static const char remedy[] = "run sql/grants.sql again as the database's root, and look at "
                                 "SHOW GRANTS of the account and its role";
    struct tally t = {0};

    if (a->pick == NULL)
        try_once(db, a->sql, NULL, &t);
    for (size_t i = 0; a->pick != NULL && i < all->n; i++)
        if (a->pick(&all->item[i]))
            try_once(db, a->sql, &all->item[i], &t);
    if (t.refused == t.tried)
        doctor_say(d, VERDICT_OK, NULL, "%s: %s is refused, %u of %u", tier->name, a->name,
                   t.refused, t.tried);
    else
        doctor_say(d, VERDICT_FAIL, remedy, "%s: %s: %u of %u were not refused: %s", tier->name,
                   a->name, t.tried - t.refused, t.tried, t.example);
}

static void try_tier(struct doctor *d, enum tier which, const struct columns *all)
{
    const struct tier_accounts *tier = &d->tier[which];
    char err[512];
    struct db *db = db_open(tier->database, err, sizeof err);

    if (db == NULL) {
        doctor_say(d, VERDICT_FAIL, "correct [database] password_file", "%s: %s", tier->name, err);
        return;
    }
    if (db_ping(db) != DB_OK)
        doctor_say(d, VERDICT_FAIL, "correct [database] user, password_file and name", "%s: %s",
                   tier->name, db_error(db));
    else
        for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
            if (attempts[i].tiers & TIER_BIT(which))
                attempt(d, tier, db, &attempts[i], all);
    db_close(&db);
}

void doctor_database_rights(struct doctor *d)
{
    static const char *const missing[] = {"--frontend-config FILE", NULL, "--admin-config FILE"};
    struct columns all = {.n = 0};

    if (!d->db_up) {
        doctor_say(d, VERDICT_SKIPPED, NULL, "the database does not answer");
        return;
    }
    /* each account sees what it has any right to; together they see what can be tried */
    for (enum tier t = 0; t < TIERS; t++)
        if (d->tier[t].database != NULL)
            columns_add(&all, d->tier[t].database);
    for (enum tier t = 0; t < TIERS; t++) {
        if (d->tier[t].database != NULL)
            try_tier(d, t, &all);
        else
            doctor_say(d, VERDICT_SKIPPED, missing[t], "the %s's account is not tried",
                       d->tier[t].name);
    }
    columns_free(&all);
}
