/* Prepared statements: a small cache per connection, keyed by the address of the SQL text. */
#include "common/db/db-private.h"

#include <assert.h>
#include <errmsg.h>
#include <stdlib.h>
#include <string.h>

static enum db_result fail(struct db *db, MYSQL_STMT *stmt, bool in_doubt)
{
    return db_fail(db, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), in_doubt);
}

static void forget(struct db *db, struct db_statement *s)
{
    my_bool failed;

    if (s->sql == NULL)
        return;
    int wait = mysql_stmt_close_start(&failed, s->stmt);
    while (wait != 0)
        wait = mysql_stmt_close_cont(&failed, s->stmt, db_wait(db, wait));
    *s = (struct db_statement){0};
}

void db_statements_free(struct db *db)
{
    for (size_t i = 0; i < DB_CACHE; i++) {
        if (db->cache[i].sql != NULL)
            mysql_stmt_close(db->cache[i].stmt); /* without a connection: only frees */
        db->cache[i] = (struct db_statement){0};
    }
}

/* The statement's place, or the one least recently used (a free one was never used). */
static struct db_statement *find(struct db *db, const char *sql)
{
    struct db_statement *oldest = &db->cache[0];

    for (size_t i = 0; i < DB_CACHE; i++) {
        if (db->cache[i].sql == sql)
            return &db->cache[i];
        if (db->cache[i].used < oldest->used)
            oldest = &db->cache[i];
    }
    return oldest;
}

static enum db_result prepare(struct db *db, struct db_statement *s, const char *sql)
{
    MYSQL_STMT *stmt = mysql_stmt_init(db->mysql);
    int failed = 0;

    if (stmt == NULL)
        abort(); /* out of memory */
    int wait = mysql_stmt_prepare_start(&failed, stmt, sql, strlen(sql));
    while (wait != 0)
        wait = mysql_stmt_prepare_cont(&failed, stmt, db_wait(db, wait));
    *s = (struct db_statement){sql, stmt, ++db->uses};
    if (!failed)
        return DB_OK;
    enum db_result r = fail(db, stmt, false);
    forget(db, s);
    return r;
}

static enum db_result acquire(struct db *db, const char *sql, struct db_statement **ret)
{
    struct db_statement *s = find(db, sql);

    *ret = s;
    if (s->sql == sql) {
        s->used = ++db->uses;
        return DB_OK;
    }
    forget(db, s);
    return prepare(db, s, sql);
}

static enum db_result execute(struct db *db, MYSQL_STMT *stmt, const struct db_value *values,
                              size_t cols, size_t rows, bool in_doubt)
{
    struct db_binding b;
    unsigned array = (unsigned)rows;
    int failed = 0;

    assert(mysql_stmt_param_count(stmt) == cols);
    mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &array);
    if (rows == 0)
        db_bind_row(&b, values, cols);
    else
        db_bind_array(&b, values, cols, rows);
    if (cols > 0 && mysql_stmt_bind_param(stmt, b.bind) != 0) {
        db_bind_clear(&b);
        return fail(db, stmt, false);
    }
    int wait = mysql_stmt_execute_start(&failed, stmt);
    while (wait != 0)
        wait = mysql_stmt_execute_cont(&failed, stmt, db_wait(db, wait));
    db_bind_clear(&b);
    return failed ? fail(db, stmt, in_doubt) : DB_OK;
}

enum db_result db_statement_run(struct db *db, const char *sql, const struct db_value *values,
                                size_t cols, size_t rows, bool in_doubt, MYSQL_STMT **ret)
{
    struct db_statement *s;
    enum db_result r;

    for (int attempt = 1;; attempt++) {
        r = acquire(db, sql, &s);
        if (r != DB_OK)
            return r;
        r = execute(db, s->stmt, values, cols, rows, in_doubt);
        if (r == DB_OK || !db_error_is_stale(db->error) || attempt == 2)
            break;
        forget(db, s);
    }
    *ret = s->stmt;
    return r;
}

/* A CALL may bring several results; all must be taken before the next statement. */
enum db_result db_statement_finish(struct db *db, MYSQL_STMT *stmt, bool in_doubt)
{
    my_bool ignored;
    int rc = 0, wait;

    for (;;) {
        wait = mysql_stmt_free_result_start(&ignored, stmt);
        while (wait != 0)
            wait = mysql_stmt_free_result_cont(&ignored, stmt, db_wait(db, wait));
        if (!mysql_stmt_more_results(stmt))
            break;
        wait = mysql_stmt_next_result_start(&rc, stmt);
        while (wait != 0)
            wait = mysql_stmt_next_result_cont(&rc, stmt, db_wait(db, wait));
        if (rc > 0)
            return fail(db, stmt, in_doubt);
    }
    return db->late ? db_fail(db, CR_SERVER_LOST, "no answer within the time-out", in_doubt)
                    : DB_OK;
}
