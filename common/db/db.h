/*
 * MariaDB: prepared statements, bulk arrays, transactions, with outcomes that say what is known.
 *
 * One struct db is one connection, made when first needed and made again when lost. Sessions run
 * with READ COMMITTED, strict SQL mode and time zone UTC. Not thread-safe.
 *
 * SQL strings must have static storage: their address keys the cache of prepared statements.
 * Every call is bounded by the settings connect_timeout_ms (all hosts together) and
 * query_timeout_ms, also when the server accepts connections but never answers; after a time-out
 * the connection is closed, since its state is unknown. Only looking up a host's name is not
 * bounded by them: give addresses, or names that /etc/hosts knows.
 */
#ifndef PENSTOCK_COMMON_DB_DB_H
#define PENSTOCK_COMMON_DB_DB_H

#include "common/conf/shared.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_result {
    DB_OK,
    DB_CONFLICT,    /* deadlock or lock wait: nothing was done, the transaction is rolled back; run
                       it again */
    DB_UNAVAILABLE, /* server away, refusing connections, read-only or too slow: nothing was done */
    DB_UNCERTAIN,   /* the answer to a COMMIT, or to a statement outside a transaction, is missing:
                       it may have been done */
    DB_DUPLICATE,   /* a unique key exists already: the statement did nothing */
    DB_REFUSED,     /* a missing right, or a statement or value the server will never take: do not
                       repeat */
};

/* For logs: "ok", "conflict", … */
const char *db_result_name(enum db_result r);

struct db;

/* Reads the password file; does not connect. NULL, with a reason in ERR, when the file is unusable.
 * CONF must outlive the result. */
struct db *db_open(const struct db_conf *conf, char *err, size_t err_size);
void db_close(struct db **db);

/* Connects if there is no connection, and tries one that exists. DB_OK or DB_UNAVAILABLE (or
 * DB_REFUSED: wrong password, unknown database). */
enum db_result db_ping(struct db *db);

/* Counts connections: equal numbers mean that no other one was made meanwhile. 0 before the first.
 */
uint64_t db_connection(const struct db *db);

/* The server's last error number and text (never contains bound values); 0 and "" after DB_OK. */
unsigned db_errno(const struct db *db);
const char *db_error(const struct db *db);

enum db_type { DB_NULL_T, DB_INT_T, DB_UINT_T, DB_TEXT_T, DB_BYTES_T };

struct db_value {
    enum db_type type;
    union {
        int64_t i;
        uint64_t u;
    } n;
    const void *data; /* DB_TEXT_T, DB_BYTES_T; text in results is NUL-terminated too */
    size_t len;
};

#define DB_NULL        ((struct db_value){DB_NULL_T, {0}, NULL, 0})
#define DB_INT(x)      ((struct db_value){DB_INT_T, {.i = (x)}, NULL, 0})
#define DB_UINT(x)     ((struct db_value){DB_UINT_T, {.u = (x)}, NULL, 0})
#define DB_TEXT(s)     ((struct db_value){DB_TEXT_T, {0}, (s), __builtin_strlen(s)})
#define DB_BYTES(p, l) ((struct db_value){DB_BYTES_T, {0}, (p), (l)})

/* One statement. *RET_AFFECTED, if not NULL, is set only on DB_OK. */
enum db_result db_exec(struct db *db, const char *sql, const struct db_value *params, size_t n,
                       uint64_t *ret_affected);

/* One statement for ROWS rows of COLS values each, as a bulk array (one round trip). All rows have
 * the same type per column, or NULL. ROWS = 0 does nothing. The caller bounds ROWS.
 *
 * tests/integration/itest_db.c holds the server to this: an INSERT is done for all rows or for
 * none; after INSERT IGNORE *RET_AFFECTED is the number of rows that were really added. An UPDATE
 * keeps the rows before one that fails: use it inside db_transact() only.
 * IGNORE also turns strict errors into warnings (a value too long is cut): check values before. */
enum db_result db_exec_many(struct db *db, const char *sql, const struct db_value *values,
                            size_t cols, size_t rows, uint64_t *ret_affected);

/* Called once a row; values are valid during the call, which must not use the connection. False
 * stops the reading (still DB_OK). The whole result is held in memory: the statement bounds it.
 * For statements that only read, hence never DB_UNCERTAIN. Integer columns come as DB_INT_T or
 * DB_UINT_T, binary ones as DB_BYTES_T, all others (DECIMAL, so SUM() too; dates; UUID) as text. */
typedef bool db_row_fn(void *ctx, const struct db_value *columns, size_t n);
enum db_result db_query(struct db *db, const char *sql, const struct db_value *params, size_t n,
                        db_row_fn *fn, void *ctx);

/* Runs BODY inside a transaction and commits when it returns DB_OK, else rolls back. DB_CONFLICT is
 * run again up to 10 times with a short wait. BODY must therefore be repeatable. Inside BODY a lost
 * connection is DB_UNAVAILABLE (the server rolled back); only the COMMIT can be DB_UNCERTAIN.
 * After a conflict or a lost connection every further statement of BODY fails the same way, and
 * nothing is committed even if BODY returns DB_OK. */
typedef enum db_result db_body_fn(struct db *db, void *ctx);
enum db_result db_transact(struct db *db, db_body_fn *body, void *ctx);

/* Runs TEXT that holds several statements, for migrations: split at ';' lines by the server's own
 * multi-statement protocol. Stops at the first failure. Not prepared, no parameters. */
enum db_result db_run_script(struct db *db, const char *text, size_t len);

/* Reading results: the type asked for must match the column; asserts otherwise. */
int64_t db_int(const struct db_value *v); /* DB_INT_T or DB_UINT_T that fits */
uint64_t db_uint(const struct db_value *v);
const char *db_text(const struct db_value *v); /* NULL for SQL NULL */
bool db_is_null(const struct db_value *v);

#endif
