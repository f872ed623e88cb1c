/* The calls: one statement each, transactions, scripts. */
#include "common/db/db.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/secret.h"
#include "common/db/db-private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFLICT_RETRIES  10
#define CONFLICT_FIRST_MS 2
#define CONFLICT_MOST_MS  200

struct db *db_open(const struct db_conf *conf, char *err, size_t err_size)
{
    for (size_t i = 0; i < conf->hosts.n; i++) {
        char host[256];
        unsigned port;
        if (!db_host_parse(conf->hosts.word[i], (unsigned)conf->port, host, sizeof host, &port)) {
            snprintf(err, err_size,
                     "[database] hosts: '%s' is neither HOST nor HOST:PORT (IPv6: [ADDRESS]:PORT)",
                     conf->hosts.word[i]);
            return NULL;
        }
    }
    char *password = secret_read(conf->password_file, err, err_size);
    if (password == NULL)
        return NULL;
    struct db *db = mem_zalloc(sizeof *db);
    db->conf = conf;
    db->password = password;
    return db;
}

void db_close(struct db **db)
{
    if (*db == NULL)
        return;
    db_drop(*db);
    watchdog_free(&(*db)->watchdog);
    secret_free(&(*db)->password);
    free(*db);
    *db = NULL;
}

uint64_t db_connection(const struct db *db)
{
    return db->connections;
}

unsigned db_errno(const struct db *db)
{
    return db->error;
}

const char *db_error(const struct db *db)
{
    return db->text;
}

enum db_result db_ping(struct db *db)
{
    int failed = 0;

    assert(!db->in_transaction);
    enum db_result r = db_begin(db);
    if (r != DB_OK)
        return r;
    int wait = mysql_ping_start(&failed, db->mysql);
    while (wait != 0)
        wait = mysql_ping_cont(&failed, db->mysql, db_wait(db, wait));
    return db_end(db, failed ? db_fail_mysql(db, false) : DB_OK);
}

static enum db_result run(struct db *db, const char *sql, const struct db_value *values,
                          size_t cols, size_t rows, uint64_t *ret_affected)
{
    bool in_doubt = !db->in_transaction;
    MYSQL_STMT *stmt;

    enum db_result r = db_begin(db);
    if (r != DB_OK)
        return r;
    r = db_statement_run(db, sql, values, cols, rows, in_doubt, &stmt);
    if (r == DB_OK) {
        uint64_t affected = mysql_stmt_affected_rows(stmt);
        r = db_statement_finish(db, stmt, in_doubt);
        if (r == DB_OK && ret_affected != NULL)
            *ret_affected = affected;
    }
    return db_end(db, r);
}

enum db_result db_exec(struct db *db, const char *sql, const struct db_value *params, size_t n,
                       uint64_t *ret_affected)
{
    return run(db, sql, params, n, 0, ret_affected);
}

enum db_result db_exec_many(struct db *db, const char *sql, const struct db_value *values,
                            size_t cols, size_t rows, uint64_t *ret_affected)
{
    if (rows > 0)
        return run(db, sql, values, cols, rows, ret_affected);
    if (ret_affected != NULL)
        *ret_affected = 0;
    return DB_OK;
}

enum db_result db_query(struct db *db, const char *sql, const struct db_value *params, size_t n,
                        db_row_fn *fn, void *ctx)
{
    MYSQL_STMT *stmt;

    enum db_result r = db_begin(db);
    if (r != DB_OK)
        return r;
    r = db_statement_run(db, sql, params, n, 0, false, &stmt);
    if (r == DB_OK)
        r = db_rows_read(db, stmt, fn, ctx);
    if (r == DB_OK)
        r = db_statement_finish(db, stmt, false);
    return db_end(db, r);
}

static enum db_result commit(struct db *db)
{
    db_set_deadline(db, db->conf->query_timeout_ms);
    enum db_result r = db_command(db, "COMMIT", true);

    if (r == DB_REFUSED) { /* an answer that we cannot read decides nothing */
        db->lost = true;
        r = DB_UNCERTAIN;
    }
    return db_end(db, r);
}

/* Keeps the number and text of what went wrong before. */
static void rollback(struct db *db)
{
    unsigned error = db->error;
    char text[DB_TEXT_MAX];

    memcpy(text, db->text, sizeof text);
    if (db->mysql != NULL) {
        db_set_deadline(db, db->conf->query_timeout_ms);
        if (db_command(db, "ROLLBACK", false) != DB_OK)
            db->lost = true; /* without its connection the server rolls back by itself */
        db_end(db, DB_OK);
    }
    db->error = error;
    memcpy(db->text, text, sizeof text);
}

static enum db_result transact_once(struct db *db, db_body_fn *body, void *ctx)
{
    enum db_result r = db_begin(db);

    if (r != DB_OK)
        return r;
    r = db_end(db, db_command(db, "START TRANSACTION", false));
    if (r != DB_OK)
        return r;
    db->in_transaction = true;
    db->doom = DB_OK;
    r = body(db, ctx);
    if (r == DB_OK)
        r = db->doom;
    db->in_transaction = false;
    if (r == DB_OK)
        return commit(db);
    rollback(db);
    return r;
}

enum db_result db_transact(struct db *db, db_body_fn *body, void *ctx)
{
    struct backoff wait = BACKOFF_INIT(CONFLICT_FIRST_MS, CONFLICT_MOST_MS);

    assert(!db->in_transaction);
    for (int retries = 0;; retries++) {
        enum db_result r = transact_once(db, body, ctx);
        if (r != DB_CONFLICT || retries == CONFLICT_RETRIES)
            return r;
        log_debug("db.conflict", LOG_UINT("error", db->error), LOG_INT("retry", retries + 1));
        clock_sleep_ms(backoff_next_ms(&wait));
    }
}
