/* What the error numbers of server and client library mean. */
#include "common/base/clock.h"
#include "common/db/db-private.h"

#include <assert.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

/* DOUBT: the number does not tell whether a COMMIT or an autocommitted statement took effect.
 * FINAL: the connection is over, or better given up: the next one may find a server that can. */
enum { DOUBT = 1, FINAL = 2, STALE = 4, QUOTES = 8 };

/* What the client's header does not name. */
enum {
    E_GALERA_NOT_READY = 1047, /* ER_UNKNOWN_COM_ERROR: "WSREP has not yet prepared node" */
    E_NET_READ = 1158,
    E_NET_READ_TIMEOUT = 1159,
    E_NET_WRITE = 1160,
    E_NET_WRITE_TIMEOUT = 1161,
    E_IDLE_TIMEOUT = 4031,
};

static const struct meaning {
    unsigned number;
    enum db_result result;
    unsigned flags;
} meanings[] = {
    {ER_LOCK_DEADLOCK, DB_CONFLICT, 0},
    {ER_LOCK_WAIT_TIMEOUT, DB_CONFLICT, 0},
    {ER_CHECKREAD, DB_CONFLICT, 0},
    {ER_TABLE_DEF_CHANGED, DB_CONFLICT, 0},
    {ER_AUTOINC_READ_FAILED, DB_CONFLICT, 0}, /* a deadlock over the counter of the ids */

    {ER_DUP_ENTRY, DB_DUPLICATE, QUOTES},
    {ER_DUP_ENTRY_WITH_KEY_NAME, DB_DUPLICATE, QUOTES},

    /* the server says no for now; nothing was done */
    {ER_CON_COUNT_ERROR, DB_UNAVAILABLE, FINAL},
    {ER_TOO_MANY_USER_CONNECTIONS, DB_UNAVAILABLE, FINAL},
    {ER_USER_LIMIT_REACHED, DB_UNAVAILABLE, FINAL},
    {ER_HOST_IS_BLOCKED, DB_UNAVAILABLE, FINAL},
    {ER_OPTION_PREVENTS_STATEMENT, DB_UNAVAILABLE, FINAL}, /* --read-only */
    {ER_READ_ONLY_MODE, DB_UNAVAILABLE, FINAL},
    {E_GALERA_NOT_READY, DB_UNAVAILABLE, FINAL},
    {ER_DISK_FULL, DB_UNAVAILABLE, 0},
    {ER_RECORD_FILE_FULL, DB_UNAVAILABLE, 0},
    {ER_GET_ERRNO, DB_UNAVAILABLE, 0},
    {ER_OUTOFMEMORY, DB_UNAVAILABLE, 0},
    {ER_OUT_OF_SORTMEMORY, DB_UNAVAILABLE, 0},
    {ER_OUT_OF_RESOURCES, DB_UNAVAILABLE, 0},
    {ER_CANT_CREATE_THREAD, DB_UNAVAILABLE, FINAL},
    {ER_LOCK_TABLE_FULL, DB_UNAVAILABLE, 0},
    {ER_MAX_PREPARED_STMT_COUNT_REACHED, DB_UNAVAILABLE, 0},

    /* the statement or the connection was ended while it ran */
    {ER_QUERY_INTERRUPTED, DB_UNAVAILABLE, DOUBT},
    {ER_STATEMENT_TIMEOUT, DB_UNAVAILABLE, DOUBT},
    {ER_ERROR_DURING_COMMIT, DB_UNAVAILABLE, DOUBT | FINAL},
    {ER_SERVER_SHUTDOWN, DB_UNAVAILABLE, DOUBT | FINAL},
    {ER_CONNECTION_KILLED, DB_UNAVAILABLE, DOUBT | FINAL},
    {E_IDLE_TIMEOUT, DB_UNAVAILABLE, DOUBT | FINAL},
    {E_NET_READ, DB_UNAVAILABLE, DOUBT | FINAL},
    {E_NET_READ_TIMEOUT, DB_UNAVAILABLE, DOUBT | FINAL},
    {E_NET_WRITE, DB_UNAVAILABLE, DOUBT | FINAL},
    {E_NET_WRITE_TIMEOUT, DB_UNAVAILABLE, DOUBT | FINAL},

    /* the statement must be prepared again; it was not run */
    {ER_UNKNOWN_STMT_HANDLER, DB_UNAVAILABLE, STALE},
    {ER_NEED_REPREPARE, DB_UNAVAILABLE, STALE},
    {CR_NEW_STMT_METADATA, DB_UNAVAILABLE, STALE},

    {CR_NET_PACKET_TOO_LARGE, DB_REFUSED, FINAL},

    /* refused, and the message quotes what was sent */
    {ER_TRUNCATED_WRONG_VALUE, DB_REFUSED, QUOTES},
    {ER_TRUNCATED_WRONG_VALUE_FOR_FIELD, DB_REFUSED, QUOTES},
    {ER_ILLEGAL_VALUE_FOR_TYPE, DB_REFUSED, QUOTES},
    {ER_WRONG_VALUE_FOR_TYPE, DB_REFUSED, QUOTES},
    {ER_DATA_OUT_OF_RANGE, DB_REFUSED, QUOTES},
};

static const struct meaning any_client_error = {0, DB_UNAVAILABLE, DOUBT | FINAL};
static const struct meaning any_server_error = {0, DB_REFUSED, 0};

static const struct meaning *meaning_of(unsigned number)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].number == number)
            return &meanings[i];
    return IS_MYSQL_ERROR(number) || IS_MARIADB_ERROR(number) ? &any_client_error
                                                              : &any_server_error;
}

enum db_result db_classify(unsigned number, bool in_doubt)
{
    const struct meaning *m = meaning_of(number);

    return in_doubt && (m->flags & DOUBT) ? DB_UNCERTAIN : m->result;
}

bool db_error_is_final(unsigned number)
{
    return meaning_of(number)->flags & FINAL;
}

bool db_error_is_stale(unsigned number)
{
    return meaning_of(number)->flags & STALE;
}

/* "Duplicate entry 'VALUE' for key 'NAME'": the value may hold quotation marks and even this very
 * pattern, so the last possible end counts. */
static const char *quotation_end(const char *start)
{
    const char *end = NULL;

    for (const char *p = strstr(start, "' for "); p != NULL; p = strstr(p + 1, "' for "))
        end = p;
    return end != NULL ? end : strrchr(start, '\'');
}

void db_error_text(unsigned number, const char *text, char *out, size_t out_size)
{
    const char *start = strchr(text, '\'');

    if (!(meaning_of(number)->flags & QUOTES) || start == NULL) {
        snprintf(out, out_size, "%s", text);
        return;
    }
    const char *end = quotation_end(start + 1);
    snprintf(out, out_size, "%.*s'?%s", (int)(start - text), text, end != NULL ? end : "'");
}

enum db_result db_fail(struct db *db, unsigned number, const char *text, bool in_doubt)
{
    if (db->late || number == 0)
        number = CR_SERVER_LOST;
    db->error = number;
    db_error_text(number, text, db->text, sizeof db->text);
    db->lost = db->lost || db_error_is_final(number);
    db->late =
        db->late || (db->lost && clock_left_ms(db->deadline) == 0); /* the watchdog's doing */
    return db_classify(number, in_doubt);
}

enum db_result db_fail_mysql(struct db *db, bool in_doubt)
{
    return db_fail(db, mysql_errno(db->mysql), mysql_error(db->mysql), in_doubt);
}

const char *db_result_name(enum db_result r)
{
    static const char *const names[] = {
        [DB_OK] = "ok",
        [DB_CONFLICT] = "conflict",
        [DB_UNAVAILABLE] = "unavailable",
        [DB_UNCERTAIN] = "uncertain",
        [DB_DUPLICATE] = "duplicate",
        [DB_REFUSED] = "refused",
    };
    assert((size_t)r < sizeof names / sizeof names[0]);
    return names[r];
}
