/* Migrations: many statements in one text. The right to send several statements at once is asked
 * for only as long as the script runs. */
#include "common/db/db-private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum db_result allow_many(struct db *db, enum enum_mysql_set_option option)
{
    int failed = 0;
    int wait = mysql_set_server_option_start(&failed, db->mysql, option);

    while (wait != 0)
        wait = mysql_set_server_option_cont(&failed, db->mysql, db_wait(db, wait));
    return failed ? db_fail_mysql(db, false) : DB_OK;
}

static void drop_result(struct db *db)
{
    MYSQL_RES *result = NULL;
    int wait = mysql_store_result_start(&result, db->mysql);

    while (wait != 0)
        wait = mysql_store_result_cont(&result, db->mysql, db_wait(db, wait));
    if (result != NULL)
        mysql_free_result(result);
}

static enum db_result fail_at(struct db *db, unsigned statement)
{
    char text[DB_TEXT_MAX];

    snprintf(text, sizeof text, "statement %u: %s", statement, mysql_error(db->mysql));
    return db_fail(db, mysql_errno(db->mysql), text, true);
}

static enum db_result run_all(struct db *db, const char *text, size_t len)
{
    int failed = 0;
    int wait = mysql_real_query_start(&failed, db->mysql, text, len);

    while (wait != 0)
        wait = mysql_real_query_cont(&failed, db->mysql, db_wait(db, wait));
    for (unsigned statement = 1;; statement++) {
        if (failed)
            return fail_at(db, statement);
        drop_result(db);
        if (!mysql_more_results(db->mysql))
            return DB_OK;
        wait = mysql_next_result_start(&failed, db->mysql);
        while (wait != 0)
            wait = mysql_next_result_cont(&failed, db->mysql, db_wait(db, wait));
    }
}

enum db_result db_run_script(struct db *db, const char *text, size_t len)
{
    assert(!db->in_transaction);
    enum db_result r = db_begin(db);
    if (r != DB_OK)
        return r;
    r = allow_many(db, MYSQL_OPTION_MULTI_STATEMENTS_ON);
    if (r == DB_OK)
        r = run_all(db, text, len);
    if (r == DB_OK)
        r = allow_many(db, MYSQL_OPTION_MULTI_STATEMENTS_OFF);
    else
        db->lost = true; /* with results unread or the option still on */
    return db_end(db, r);
}
