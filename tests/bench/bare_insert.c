/* The ceiling for readytomine2: a FastCGI program that only inserts one row of work.
 *
 *     bare_insert HOST PORT DATABASE USER PASSWORD_FILE WORKER_ID
 */
#include "common/base/secret.h"
#include "common/base/uuid.h"
#include "tests/bench/lib/bare.h"

#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char insert_sql[] =
    "INSERT INTO work (id, network, worker_id, target, thread_id, ip, os, agent, email)"
    " VALUES (?, 'litecoin', ?, ?, '1', '127.0.0.1', 'LIN', '1.0', NULL)";

static MYSQL *connect_database(char **argv)
{
    char err[256], *password = secret_read(argv[5], err, sizeof(err));
    static const unsigned tcp = MYSQL_PROTOCOL_TCP;
    MYSQL *m = mysql_init(NULL);

    if (password == NULL || m == NULL) {
        fprintf(stderr, "bare_insert: %s\n", err);
        exit(78);
    }
    mysql_options(m, MYSQL_OPT_PROTOCOL, &tcp);
    if (mysql_real_connect(m, argv[1], argv[4], password, argv[3],
                           (unsigned)strtoul(argv[2], NULL, 10), NULL, 0) == NULL ||
        mysql_query(m, "SET SESSION tx_isolation = 'READ-COMMITTED'") != 0) {
        fprintf(stderr, "bare_insert: %s\n", mysql_error(m));
        exit(69);
    }
    secret_free(&password);
    return m;
}

struct insert {
    MYSQL_STMT *stmt;
    char id[UUID_TEXT_LEN + 1], target[32];
    uint64_t worker_id;
    MYSQL_BIND bind[3];
};

static bool insert(void *ctx)
{
    struct insert *in = ctx;
    struct uuid uuid;

    uuid_v7(&uuid);
    uuid_format(&uuid, in->id);
    return mysql_stmt_bind_param(in->stmt, in->bind) == 0 && mysql_stmt_execute(in->stmt) == 0;
}

int main(int argc, char **argv)
{
    struct insert in = {.stmt = NULL};

    if (argc != 7)
        return 64;
    in.stmt = mysql_stmt_init(connect_database(argv));
    in.worker_id = strtoull(argv[6], NULL, 10);
    memset(in.target, 0xff, sizeof(in.target));
    in.bind[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                              .buffer = in.id,
                              .buffer_length = UUID_TEXT_LEN,
                              .length_value = UUID_TEXT_LEN};
    in.bind[1] =
        (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &in.worker_id, .is_unsigned = 1};
    in.bind[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_BLOB,
                              .buffer = in.target,
                              .buffer_length = sizeof(in.target),
                              .length_value = sizeof(in.target)};
    if (mysql_stmt_prepare(in.stmt, insert_sql, sizeof(insert_sql) - 1) != 0) {
        fprintf(stderr, "bare_insert: %s\n", mysql_stmt_error(in.stmt));
        return 69;
    }
    return bare_serve(insert, &in);
}
