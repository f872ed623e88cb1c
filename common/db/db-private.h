/* What the files of common/db share. A call goes: db_begin() connects and sets the deadline, the
 * work is done with libmariadb's _start/_cont functions around db_wait(), db_end() closes what can
 * no longer be used and remembers what dooms a transaction. */
#ifndef PENSTOCK_COMMON_DB_DB_PRIVATE_H
#define PENSTOCK_COMMON_DB_DB_PRIVATE_H

#include "common/base/watchdog.h"
#include "common/db/db.h"

#include <mysql.h>

#define DB_PARAMS_MAX 64  /* parameters of one statement */
#define DB_CACHE      48  /* prepared statements kept per connection */
#define DB_TEXT_MAX   512 /* bytes of an error's text */

struct db_statement {
    const char *sql; /* NULL: free */
    MYSQL_STMT *stmt;
    uint64_t used; /* for finding the one least recently used */
};

struct db {
    const struct db_conf *conf;
    char *password;
    MYSQL *mysql;              /* NULL: not connected */
    uint64_t connections;      /* made so far */
    int64_t deadline;          /* monotonic; of the call under way */
    bool late;                 /* the deadline has passed and the socket was shut down */
    struct watchdog *watchdog; /* with TLS only */
    bool lost;                 /* the connection must not be used again */
    bool in_transaction;
    enum db_result doom; /* DB_OK, or why the transaction under way can only be rolled back */
    uint64_t uses;
    struct db_statement cache[DB_CACHE];
    unsigned error;
    char text[DB_TEXT_MAX];
};

/* --- error.c --- */

/* What an error number means. IN_DOUBT: it answers a COMMIT or a statement outside a transaction,
 * so a missing answer is DB_UNCERTAIN. */
enum db_result db_classify(unsigned number, bool in_doubt);

/* Whether the connection is over after this error. */
bool db_error_is_final(unsigned number);

/* Whether the server wants the statement prepared again; it was not run. */
bool db_error_is_stale(unsigned number);

/* Copies an error's text; messages that quote the value which was sent lose the quotation. */
void db_error_text(unsigned number, const char *text, char *out, size_t out_size);

/* Records the failure in DB and classifies it. */
enum db_result db_fail(struct db *db, unsigned number, const char *text, bool in_doubt);
enum db_result db_fail_mysql(struct db *db, bool in_doubt);

/* --- connect.c --- */

/* HOST, HOST:PORT or [IPV6]:PORT. False when there is no host or no valid port. */
bool db_host_parse(const char *text, unsigned default_port, char *host, size_t host_size,
                   unsigned *port);

/* Waits for what the library asked for until the deadline; what it returns goes to the _cont
 * function. After the deadline the socket is shut down, so the library ends with an error. */
int db_wait(struct db *db, int events);

/* The call under way may take MS from now on. */
void db_set_deadline(struct db *db, int64_t ms);

enum db_result db_connect(struct db *db);
void db_drop(struct db *db);

/* Connects if necessary and starts the clock. Fails at once in a transaction that is doomed. */
enum db_result db_begin(struct db *db);
enum db_result db_end(struct db *db, enum db_result r);

/* One statement of the text protocol, without result. */
enum db_result db_command(struct db *db, const char *sql, bool in_doubt);

/* --- statement.c --- */

/* Prepares (or finds) and executes; ROWS = 0 means not as an array. On DB_OK *RET has the result
 * pending: db_rows_read() and db_statement_finish() follow. */
enum db_result db_statement_run(struct db *db, const char *sql, const struct db_value *values,
                                size_t cols, size_t rows, bool in_doubt, MYSQL_STMT **ret);
enum db_result db_statement_finish(struct db *db, MYSQL_STMT *stmt, bool in_doubt);

/* The connection is gone: frees what is left of its statements. */
void db_statements_free(struct db *db);

/* --- bind.c --- */

struct db_binding {
    MYSQL_BIND bind[DB_PARAMS_MAX];
    void *memory; /* the arrays of a bulk binding */
};

/* VALUES must stay until the statement was executed. */
void db_bind_row(struct db_binding *b, const struct db_value *values, size_t cols);
void db_bind_array(struct db_binding *b, const struct db_value *values, size_t cols, size_t rows);
void db_bind_clear(struct db_binding *b);

/* --- rows.c --- */

enum db_result db_rows_read(struct db *db, MYSQL_STMT *stmt, db_row_fn *fn, void *ctx);

#endif
