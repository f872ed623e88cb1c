/*
 * common/db against a real MariaDB, with a proxy in between that swallows, cuts or answers itself
 * at a chosen moment. The environment says where the server is: PENSTOCK_DB_HOST, _PORT, _NAME,
 * PENSTOCK_DB_ADMIN_USER, _PASSWORD_FILE. Tables are made in that schema and dropped again.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/db/db.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000 /* of every fixture, unless a time-out is meant */
#define QUERY_MS    800
#define CONNECT_MS  1200
#define KEEP_MS     3000  /* what comes before the answer that is kept must be there within it */
#define HOSTS_MS    6000  /* the last of three hosts must answer within a third of it */
#define SLACK_MS    30000 /* for a busy machine */

/* --- the proxy: one connection at a time --- */

enum proxy_mode {
    PASS,
    SILENT,      /* takes everything, answers nothing */
    CUT_BEFORE,  /* at the trigger: closes both ends; the server never sees it */
    CUT_AFTER,   /* at the trigger: passes it on, waits for the answer, keeps that to itself, closes
                  */
    KEEP_ANSWER, /* at the trigger: passes it on and lets the client wait */
    TOO_MANY,    /* greets with error 1040, as a full server does */
};

static struct {
    int listener;
    unsigned port;
    _Atomic int mode;
    const char *trigger;
    pthread_t thread;
} proxy;

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL) {
        fprintf(stderr, "itest_db: %s is not set\n", name);
        exit(64);
    }
    return value;
}

static int connect_server(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)atoi(setting("PENSTOCK_DB_PORT")))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(inet_pton(AF_INET, setting("PENSTOCK_DB_HOST"), &a.sin_addr), 1);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    poll(&p, 1, 2000);
}

/* False: the connection is to be closed. */
static bool from_client(int client, int server)
{
    char data[65536];
    ssize_t n = read(client, data, sizeof data);
    int mode = proxy.mode;

    if (n <= 0)
        return false;
    if (mode == SILENT)
        return true;
    bool hit = proxy.trigger != NULL &&
               memmem(data, (size_t)n, proxy.trigger, strlen(proxy.trigger)) != NULL;
    if (hit && mode == CUT_BEFORE)
        return false;
    if (write(server, data, (size_t)n) != n)
        return false;
    if (hit && (mode == CUT_AFTER || mode == KEEP_ANSWER)) {
        wait_readable(server);
        proxy.mode = mode == KEEP_ANSWER ? SILENT : mode;
        return mode == KEEP_ANSWER;
    }
    return true;
}

static bool from_server(int client, int server)
{
    char data[65536];

    if (proxy.mode == SILENT) {
        clock_sleep_ms(5);
        return true;
    }
    ssize_t n = read(server, data, sizeof data);
    return n > 0 && write(client, data, (size_t)n) == n;
}

static void serve(int client)
{
    static const char too_many[] = "\x1d\0\0\0\xff\x10\x04#08004Too many connections";

    if (proxy.mode == TOO_MANY) {
        if (write(client, too_many, sizeof too_many - 1) < 0)
            perror("write");
        return;
    }
    int server = connect_server();
    for (bool go = true; go;) {
        struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        poll(p, 2, -1);
        if (p[0].revents)
            go = from_client(client, server);
        else if (p[1].revents)
            go = from_server(client, server);
    }
    close(server);
}

static void *proxy_main(void *arg)
{
    for (;;) {
        int client = accept(proxy.listener, NULL, NULL);
        if (client < 0)
            return arg;
        serve(client);
        close(client);
    }
}

static int start_proxy(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;

    (void)state;
    proxy.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(proxy.listener, (struct sockaddr *)&a, len) != 0 || listen(proxy.listener, 8) != 0)
        return -1;
    getsockname(proxy.listener, (struct sockaddr *)&a, &len);
    proxy.port = ntohs(a.sin_port);
    return pthread_create(&proxy.thread, NULL, proxy_main, NULL);
}

static int stop_proxy(void **state)
{
    (void)state;
    shutdown(proxy.listener, SHUT_RDWR); /* the thread ends, or with the program */
    return 0;
}

static void proxy_set(enum proxy_mode mode, const char *trigger)
{
    proxy.trigger = trigger;
    proxy.mode = mode;
}

/* --- connections --- */

struct fixture {
    struct db_conf conf;
    char *word[3];
    struct db *db;
};

static void open_at(struct fixture *f, const char *const *hosts, size_t n)
{
    char err[256] = "";

    *f = (struct fixture){
        .conf = {.port = atoi(setting("PENSTOCK_DB_PORT")),
                 .name = (char *)setting("PENSTOCK_DB_NAME"),
                 .user = (char *)setting("PENSTOCK_DB_ADMIN_USER"),
                 .password_file = (char *)setting("PENSTOCK_DB_ADMIN_PASSWORD_FILE"),
                 .tls_ca = "",
                 .connect_timeout_ms = PATIENCE_MS,
                 .query_timeout_ms = PATIENCE_MS}};
    for (size_t i = 0; i < n; i++)
        f->word[i] = (char *)hosts[i];
    f->conf.hosts = (struct conf_words){f->word, n};
    f->db = db_open(&f->conf, err, sizeof err);
    if (f->db == NULL)
        fail_msg("%s", err);
}

static void open_direct(struct fixture *f)
{
    open_at(f, (const char *const[]){setting("PENSTOCK_DB_HOST")}, 1);
}

static char proxy_address[64];

static void open_proxied(struct fixture *f)
{
    snprintf(proxy_address, sizeof proxy_address, "127.0.0.1:%u", proxy.port);
    proxy_set(PASS, NULL);
    open_at(f, (const char *const[]){proxy_address}, 1);
}

#define assert_db(db, expected, call)                                                              \
    do {                                                                                           \
        enum db_result got_ = (call);                                                              \
        if (got_ != (expected))                                                                    \
            fail_msg("%s: %s (%u %s)", #call, db_result_name(got_), db_errno(db), db_error(db));   \
    } while (0)

static int make_table(void **state)
{
    static const char create[] =
        "DROP TABLE IF EXISTS itest_db;"
        "CREATE TABLE itest_db (id BIGINT UNSIGNED PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0,"
        " name VARCHAR(40) NULL, raw VARBINARY(200) NULL, uid UUID NULL, at DATETIME(6) NULL,"
        " amount DECIMAL(30,0) NULL, note LONGTEXT NULL) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4";
    struct fixture f;

    (void)state;
    open_direct(&f);
    enum db_result r = db_run_script(f.db, create, sizeof create - 1);
    if (r != DB_OK)
        fprintf(stderr, "make_table: %s: %s\n", db_result_name(r), db_error(f.db));
    db_close(&f.db);
    return r == DB_OK ? 0 : -1;
}

static bool take_int(void *ctx, const struct db_value *v, size_t n)
{
    assert_int_equal(n, 1);
    *(int64_t *)ctx = db_int(v);
    return true;
}

static int64_t count_rows(struct db *db)
{
    int64_t n = -1;

    assert_db(db, DB_OK, db_query(db, "SELECT COUNT(*) FROM itest_db", NULL, 0, take_int, &n));
    return n;
}

static const char insert_id[] = "INSERT INTO itest_db (id) VALUES (?)";

/* --- values --- */

static const char insert_all[] =
    "INSERT INTO itest_db (id, n, name, raw, uid, at, amount, note) VALUES (?,?,?,?,?,?,?,?)";
static const char select_all[] = "SELECT id, n, name, raw, uid, at, amount, note, id + 0.5, "
                                 "CAST(1 AS UNSIGNED) FROM itest_db WHERE id = ?";

static bool look_at_all(void *ctx, const struct db_value *v, size_t n)
{
    assert_int_equal(n, 10);
    assert_true(db_uint(&v[0]) == UINT64_MAX);
    assert_true(db_int(&v[1]) == INT64_MIN);
    assert_string_equal(db_text(&v[2]), "na\xc3\xafve \xf0\x9f\x98\x80");
    assert_int_equal(v[3].type, DB_BYTES_T);
    assert_int_equal(v[3].len, 5);
    assert_memory_equal(v[3].data, "a\0b'\xff", 5);
    assert_string_equal(db_text(&v[4]), "0190163d-8694-739b-aea5-966c26f8ad91");
    assert_string_equal(db_text(&v[5]), "2024-02-29 23:59:59.999999");
    assert_string_equal(db_text(&v[6]), "123456789012345678901234567890");
    assert_int_equal(v[7].len, 100000);
    assert_string_equal(db_text(&v[8]), "18446744073709551615.5");
    assert_int_equal(db_int(&v[9]), 1);
    ++*(int *)ctx;
    return true;
}

static void test_values(void **state)
{
    struct fixture f;
    char *note = mem_zalloc(100001);
    uint64_t affected = 0;
    int seen = 0;

    (void)state;
    memset(note, 'x', 100000);
    open_direct(&f);
    const struct db_value row[] = {DB_UINT(UINT64_MAX),
                                   DB_INT(INT64_MIN),
                                   DB_TEXT("na\xc3\xafve \xf0\x9f\x98\x80"),
                                   DB_BYTES("a\0b'\xff", 5),
                                   DB_TEXT("0190163d-8694-739b-aea5-966c26f8ad91"),
                                   DB_TEXT("2024-02-29 23:59:59.999999"),
                                   DB_TEXT("123456789012345678901234567890"),
                                   DB_TEXT(note)};
    assert_db(f.db, DB_OK, db_exec(f.db, insert_all, row, 8, &affected));
    assert_int_equal(affected, 1);
    assert_db(f.db, DB_OK, db_query(f.db, select_all, row, 1, look_at_all, &seen));
    assert_int_equal(seen, 1);
    free(note);
    db_close(&f.db);
}

static bool all_null(void *ctx, const struct db_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(db_is_null(&v[i]));
    assert_null(db_text(&v[0]));
    ++*(int *)ctx;
    return false; /* only the first of several rows */
}

static void test_nulls_and_stopping(void **state)
{
    struct fixture f;
    const struct db_value rows[] = {DB_UINT(1), DB_NULL, DB_NULL, DB_UINT(2), DB_NULL, DB_NULL};
    int seen = 0;

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_OK,
              db_exec_many(f.db, "INSERT INTO itest_db (id, name, raw) VALUES (?,?,?)", rows, 3, 2,
                           NULL));
    const char *sql = "SELECT name, raw, at FROM itest_db WHERE name <=> ? AND id < 9";
    for (int i = 1; i <= 3; i++) {
        assert_db(f.db, DB_OK,
                  db_query(f.db, sql, (const struct db_value[]){DB_NULL}, 1, all_null, &seen));
        assert_int_equal(seen, i);
    }
    db_close(&f.db);
}

static bool session_row(void *ctx, const struct db_value *v, size_t n)
{
    (void)ctx;
    assert_int_equal(n, 5);
    assert_string_equal(db_text(&v[0]), "READ-COMMITTED");
    assert_non_null(strstr(db_text(&v[1]), "STRICT_ALL_TABLES"));
    assert_string_equal(db_text(&v[2]), "+00:00");
    assert_string_equal(db_text(&v[3]), "utf8mb4");
    assert_string_equal(db_text(&v[4]), "60.000000"); /* PATIENCE_MS */
    return true;
}

static void test_session(void **state)
{
    struct fixture f;

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_OK,
              db_query(f.db,
                       "SELECT @@tx_isolation, @@sql_mode, @@time_zone, "
                       "@@character_set_client, CAST(@@max_statement_time AS CHAR)",
                       NULL, 0, session_row, NULL));
    db_close(&f.db);
}

/* What the worker relies on: the number of rows that an INSERT IGNORE array really added. */
static void test_bulk(void **state)
{
    static const char ignore[] = "INSERT IGNORE INTO itest_db (id, n, name) VALUES (?,?,?)";
    struct fixture f;
    struct db_value v[1000 * 3];
    uint64_t affected = 7;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        v[i * 3] = DB_UINT(i % 900); /* 100 repeat within the array */
        v[i * 3 + 1] = i % 2 ? DB_INT(-(int64_t)i) : DB_INT((int64_t)i);
        v[i * 3 + 2] = i % 3 ? DB_TEXT("name") : DB_NULL;
    }
    open_direct(&f);
    int64_t before = count_rows(f.db);
    assert_int_equal(before, 3); /* ids 1, 2 and the largest */
    assert_db(f.db, DB_OK, db_exec_many(f.db, ignore, v, 3, 1000, &affected));
    assert_int_equal(affected, 898);
    assert_db(f.db, DB_OK, db_exec_many(f.db, ignore, v, 3, 1000, &affected));
    assert_int_equal(affected, 0);
    assert_db(f.db, DB_OK, db_exec_many(f.db, ignore, v, 3, 0, &affected));
    assert_int_equal(affected, 0);
    assert_db(f.db, DB_OK, db_exec(f.db, ignore, v, 3, &affected)); /* the same, not as array */
    assert_int_equal(affected, 0);
    assert_int_equal(count_rows(f.db), 901);
    db_close(&f.db);
}

static void test_bulk_is_all_or_nothing(void **state)
{
    const struct db_value v[] = {DB_UINT(5000), DB_UINT(5001), DB_UINT(1), DB_UINT(5002)};
    struct fixture f;

    (void)state;
    open_direct(&f);
    int64_t before = count_rows(f.db);
    assert_db(f.db, DB_DUPLICATE, db_exec_many(f.db, insert_id, v, 1, 4, NULL));
    assert_int_equal(count_rows(f.db), before);
    db_close(&f.db);
}

static void test_refusals(void **state)
{
    struct fixture f;
    const struct db_value one[] = {DB_UINT(1)};

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_DUPLICATE, db_exec(f.db, insert_id, one, 1, NULL));
    assert_int_equal(db_errno(f.db), 1062);
    assert_string_equal(db_error(f.db), "Duplicate entry '?' for key 'PRIMARY'");
    assert_db(f.db, DB_REFUSED,
              db_exec(f.db, "INSERT INTO no_such_table VALUES (1)", NULL, 0, NULL));
    assert_db(f.db, DB_REFUSED,
              db_exec(f.db, "UPDATE itest_db SET n = ? WHERE id = 1",
                      (const struct db_value[]){DB_TEXT("secret")}, 1, NULL));
    assert_null(strstr(db_error(f.db), "secret"));
    assert_db(f.db, DB_REFUSED, db_exec(f.db, "SET GLOBAL max_connections = 5", NULL, 0, NULL));
    assert_db(f.db, DB_REFUSED, /* several statements only in scripts */
              db_exec(f.db, "DO 1; DO 2", NULL, 0, NULL));
    assert_db(f.db, DB_OK, db_ping(f.db));
    assert_int_equal(db_errno(f.db), 0);
    db_close(&f.db);
}

static void test_wrong_password(void **state)
{
    char path[] = "/tmp/itest-db-XXXXXX";
    struct fixture f;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "wrong\n", 6), 6);
    close(fd);
    open_direct(&f);
    db_close(&f.db);
    f.conf.password_file = path;
    char err[256];
    f.db = db_open(&f.conf, err, sizeof err);
    unlink(path);
    assert_non_null(f.db);
    assert_db(f.db, DB_REFUSED, db_ping(f.db));
    assert_int_equal(db_errno(f.db), 1045);
    db_close(&f.db);
}

/* --- the statement cache --- */

static void test_cache_overflows(void **state)
{
    static char sql[120][40];
    struct fixture f;

    (void)state;
    open_direct(&f);
    for (int round = 0; round < 2; round++)
        for (int64_t i = 0, got; i < 120; i++) {
            snprintf(sql[i], sizeof sql[i], "SELECT %d + 0", (int)i);
            assert_db(f.db, DB_OK, db_query(f.db, sql[i], NULL, 0, take_int, &got));
            assert_int_equal(got, i);
        }
    int64_t open = 0;
    assert_db(f.db, DB_OK,
              db_query(f.db,
                       "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM "
                       "information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Com_stmt_close'",
                       NULL, 0, take_int, &open));
    assert_true(open > 0);
    db_close(&f.db);
}

static void test_prepared_again_after_ddl(void **state)
{
    static const char drop_and_make[] = "DROP TABLE itest_db_ddl; "
                                        "CREATE TABLE itest_db_ddl (z VARCHAR(9), a INT)";
    static const char sql[] = "SELECT * FROM itest_db_ddl",
                      put[] = "INSERT INTO itest_db_ddl () VALUES ()";
    struct fixture f, other;
    int64_t a = 0;

    (void)state;
    open_direct(&f);
    open_direct(&other);
    assert_db(
        f.db, DB_OK,
        db_exec(f.db, "CREATE OR REPLACE TABLE itest_db_ddl (a INT DEFAULT 5)", NULL, 0, NULL));
    assert_db(f.db, DB_OK, db_exec(f.db, put, NULL, 0, NULL));
    assert_db(f.db, DB_OK, db_query(f.db, sql, NULL, 0, take_int, &a));
    assert_int_equal(a, 5);
    assert_db(other.db, DB_OK, db_run_script(other.db, drop_and_make, sizeof drop_and_make - 1));
    assert_db(f.db, DB_OK, db_exec(f.db, put, NULL, 0, NULL));
    int seen = 0;
    assert_db(f.db, DB_OK, db_query(f.db, sql, NULL, 0, all_null, &seen));
    assert_int_equal(seen, 1);
    assert_db(f.db, DB_OK, db_exec(f.db, "DROP TABLE itest_db_ddl", NULL, 0, NULL));
    db_close(&other.db);
    db_close(&f.db);
}

/* --- scripts --- */

static void test_script(void **state)
{
    static const char good[] = "-- a comment; with a semicolon\n"
                               "CREATE OR REPLACE TABLE itest_db_script (a INT);\n"
                               "CREATE OR REPLACE PROCEDURE itest_db_proc(IN x INT)\n"
                               "BEGIN\n  INSERT INTO itest_db_script VALUES (x);\n"
                               "  SELECT x;\nEND;\n"
                               "CALL itest_db_proc(1); SELECT 1;\n";
    static const char bad[] = "DO 1; DROP TABLE no_such_table; DROP TABLE itest_db_script";
    struct fixture f;

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_OK, db_run_script(f.db, good, sizeof good - 1));
    assert_db(
        f.db, DB_OK, /* brings a result and a status of its own */
        db_exec(f.db, "CALL itest_db_proc(?)", (const struct db_value[]){DB_INT(2)}, 1, NULL));
    int64_t n = 0;
    const char *count = "SELECT COUNT(*) FROM itest_db_script";
    assert_db(f.db, DB_OK, db_query(f.db, count, NULL, 0, take_int, &n));
    assert_int_equal(n, 2);
    assert_db(f.db, DB_REFUSED, db_run_script(f.db, bad, sizeof bad - 1));
    assert_non_null(strstr(db_error(f.db), "statement 2: "));
    assert_db(f.db, DB_OK, db_query(f.db, count, NULL, 0, take_int, &n)); /* not dropped */
    static const char clean[] = "DROP PROCEDURE itest_db_proc; DROP TABLE itest_db_script";
    assert_db(f.db, DB_OK, db_run_script(f.db, clean, sizeof clean - 1));
    assert_db(f.db, DB_REFUSED, db_exec(f.db, "DO 1; DO 2", NULL, 0, NULL)); /* off again */
    db_close(&f.db);
}

/* --- transactions --- */

struct body {
    struct db *other; /* a second connection, or NULL */
    uint64_t id;
    enum db_result answer;
    enum db_result seen;
    int runs;
};

static enum db_result insert_body(struct db *db, void *ctx)
{
    struct body *b = ctx;

    b->runs++;
    b->seen = db_exec(db, insert_id, (const struct db_value[]){DB_UINT(b->id)}, 1, NULL);
    return b->answer != DB_OK ? b->answer : b->seen;
}

static bool exists(uint64_t id)
{
    struct fixture f;
    int64_t n = -1;

    open_direct(&f);
    assert_db(f.db, DB_OK,
              db_query(f.db, "SELECT COUNT(*) FROM itest_db WHERE id = ?",
                       (const struct db_value[]){DB_UINT(id)}, 1, take_int, &n));
    db_close(&f.db);
    return n == 1;
}

static void test_commit_and_rollback(void **state)
{
    struct fixture f;
    struct body b = {.id = 6000};

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_OK, db_transact(f.db, insert_body, &b));
    assert_true(exists(6000));
    assert_db(f.db, DB_DUPLICATE, db_transact(f.db, insert_body, &b));
    assert_int_equal(db_errno(f.db), 1062); /* still that of the statement, not of the ROLLBACK */
    b = (struct body){.id = 6001, .answer = DB_REFUSED};
    assert_db(f.db, DB_REFUSED, db_transact(f.db, insert_body, &b));
    assert_false(exists(6001));
    db_close(&f.db);
}

/* Each of two threads locks its own row, waits for the other, then wants the other's row. */
struct duel {
    struct fixture f;
    int64_t first, second;
    pthread_barrier_t *barrier;
    int runs;
    enum db_result result;
};

static enum db_result duel_body(struct db *db, void *ctx)
{
    static const char lock[] = "UPDATE itest_db SET n = n + 1 WHERE id = ?";
    struct duel *d = ctx;
    enum db_result r = db_exec(db, lock, (const struct db_value[]){DB_INT(d->first)}, 1, NULL);

    if (r != DB_OK)
        return r;
    if (d->runs++ == 0)
        pthread_barrier_wait(d->barrier);
    db_exec(db, lock, (const struct db_value[]){DB_INT(d->second)}, 1, NULL);
    /* a careless body: whatever the second statement said, it must not be committed half */
    return DB_OK;
}

static void *duel_main(void *arg)
{
    struct duel *d = arg;

    d->result = db_transact(d->f.db, duel_body, d);
    return NULL;
}

static void test_deadlock_is_retried(void **state)
{
    pthread_barrier_t barrier;
    struct duel d[2] = {{.first = 1, .second = 2, .barrier = &barrier},
                        {.first = 2, .second = 1, .barrier = &barrier}};
    pthread_t thread[2];
    int64_t before = 0, after = 0;
    const char *sum = "SELECT CAST(SUM(n) AS SIGNED) FROM itest_db WHERE id IN (1, 2)";

    (void)state;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < 2; i++) {
        open_direct(&d[i].f);
        assert_db(d[i].f.db, DB_OK, db_ping(d[i].f.db));
    }
    assert_db(d[0].f.db, DB_OK, db_query(d[0].f.db, sum, NULL, 0, take_int, &before));
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, duel_main, &d[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_db(d[0].f.db, DB_OK, db_query(d[0].f.db, sum, NULL, 0, take_int, &after));
    assert_int_equal(d[0].result, DB_OK);
    assert_int_equal(d[1].result, DB_OK);
    assert_int_equal(after, before + 4);
    assert_int_equal(d[0].runs + d[1].runs, 3); /* the loser ran twice */
    for (int i = 0; i < 2; i++)
        db_close(&d[i].f.db);
    pthread_barrier_destroy(&barrier);
}

static void test_endless_conflict_is_reported(void **state)
{
    struct fixture f;
    struct body b = {.id = 6100, .answer = DB_CONFLICT};

    (void)state;
    open_direct(&f);
    assert_db(f.db, DB_CONFLICT, db_transact(f.db, insert_body, &b));
    assert_int_equal(b.runs, 11);
    assert_false(exists(6100));
    db_close(&f.db);
}

static bool take_id(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(v);
    return true;
}

/* Until the server has ended the connection ID, and its end of the socket with it. */
static void await_gone(struct db *db, int64_t id)
{
    const struct db_value number = DB_INT(id);
    int64_t n = 1, end = clock_mono_ms() + PATIENCE_MS;

    while (n > 0 && clock_mono_ms() < end) {
        clock_sleep_ms(20);
        assert_db(db, DB_OK,
                  db_query(db, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ?",
                           &number, 1, take_int, &n));
    }
    assert_int_equal(n, 0);
}

/* The connection is killed from outside in the middle; the body does not care and goes on. */
static enum db_result killed_body(struct db *db, void *ctx)
{
    struct body *b = ctx;
    int64_t id = 0;
    char kill[64];

    enum db_result r = insert_body(db, ctx);
    if (r != DB_OK)
        return r;
    r = db_query(db, "SELECT CONNECTION_ID()", NULL, 0, take_id, &id);
    if (r != DB_OK)
        return r;
    snprintf(kill, sizeof kill, "KILL %lld", (long long)id);
    assert_db(b->other, DB_OK, db_run_script(b->other, kill, strlen(kill)));
    await_gone(b->other, id);
    b->id++;
    b->seen = db_exec(db, insert_id, (const struct db_value[]){DB_UINT(b->id)}, 1, NULL);
    assert_int_equal(db_exec(db, insert_id, (const struct db_value[]){DB_UINT(b->id + 1)}, 1, NULL),
                     DB_UNAVAILABLE);
    return DB_OK;
}

static void test_killed_inside_transaction(void **state)
{
    struct fixture f, other;
    struct body b = {.id = 6200};

    (void)state;
    open_direct(&f);
    open_direct(&other);
    b.other = other.db;
    assert_db(f.db, DB_UNAVAILABLE, db_transact(f.db, killed_body, &b));
    assert_int_equal(b.seen, DB_UNAVAILABLE);
    for (uint64_t id = 6200; id < 6203; id++)
        assert_false(exists(id)); /* above all not outside of the transaction */
    b = (struct body){.id = 6210};
    assert_db(f.db, DB_OK, db_transact(f.db, insert_body, &b)); /* connects again */
    db_close(&f.db);
    db_close(&other.db);
}

static void test_killed_while_idle(void **state)
{
    struct fixture f, other;
    int64_t id = 0;
    char kill[64];

    (void)state;
    open_direct(&f);
    open_direct(&other);
    assert_db(f.db, DB_OK, db_query(f.db, "SELECT CONNECTION_ID()", NULL, 0, take_id, &id));
    snprintf(kill, sizeof kill, "KILL %lld", (long long)id);
    assert_db(other.db, DB_OK, db_run_script(other.db, kill, strlen(kill)));
    await_gone(other.db, id);
    assert_db(f.db, DB_OK, /* noticed before anything was sent */
              db_exec(f.db, insert_id, (const struct db_value[]){DB_UINT(6300)}, 1, NULL));
    db_close(&f.db);
    db_close(&other.db);
}

/* --- lost answers --- */

static void transact_through(enum proxy_mode mode, const char *trigger, uint64_t id,
                             enum db_result expected, bool expect_row)
{
    struct fixture f;
    struct body b = {.id = id};

    open_proxied(&f);
    assert_db(f.db, DB_OK, db_ping(f.db));
    proxy_set(mode, trigger);
    if (mode == KEEP_ANSWER)
        f.conf.query_timeout_ms = KEEP_MS;
    int64_t start = clock_mono_ms();
    assert_db(f.db, expected, db_transact(f.db, insert_body, &b));
    assert_in_range(clock_mono_ms() - start, 0, 2 * KEEP_MS + SLACK_MS);
    f.conf.query_timeout_ms = PATIENCE_MS;
    proxy_set(PASS, NULL);
    clock_sleep_ms(20);
    assert_int_equal(exists(id), expect_row);
    assert_db(f.db, DB_OK, db_ping(f.db));
    db_close(&f.db);
}

static void test_cut_at_commit(void **state)
{
    (void)state;
    transact_through(CUT_BEFORE, "COMMIT", 7000, DB_UNCERTAIN, false);
    transact_through(CUT_AFTER, "COMMIT", 7001, DB_UNCERTAIN, true);
    transact_through(KEEP_ANSWER, "COMMIT", 7002, DB_UNCERTAIN, true);
}

static void test_cut_inside_transaction(void **state)
{
    (void)state;
    transact_through(CUT_BEFORE, "INSERT", 7010, DB_UNAVAILABLE, false);
    transact_through(CUT_AFTER, "INSERT", 7011, DB_UNAVAILABLE, false);
    transact_through(KEEP_ANSWER, "INSERT", 7012, DB_UNAVAILABLE, false);
    transact_through(CUT_AFTER, "START", 7013, DB_UNAVAILABLE, false);
}

static void test_cut_outside_transaction(void **state)
{
    static const enum proxy_mode modes[] = {CUT_AFTER, KEEP_ANSWER};
    struct fixture f;

    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        /* its bytes in the binary protocol are the trigger; the statement was prepared before */
        const struct db_value first = DB_UINT(7020 + i), second = DB_UINT(0x4848484848484848 + i);
        open_proxied(&f);
        assert_db(f.db, DB_OK, db_exec(f.db, insert_id, &first, 1, NULL));
        proxy_set(modes[i], "HHHHHHH");
        if (modes[i] == KEEP_ANSWER)
            f.conf.query_timeout_ms = KEEP_MS;
        assert_db(f.db, DB_UNCERTAIN, db_exec(f.db, insert_id, &second, 1, NULL));
        proxy_set(PASS, NULL);
        clock_sleep_ms(20);
        assert_true(exists(second.n.u));
        db_close(&f.db);
    }
}

static void test_cut_while_preparing(void **state)
{
    struct fixture f;

    (void)state;
    open_proxied(&f);
    assert_db(f.db, DB_OK, db_ping(f.db));
    proxy_set(CUT_AFTER, "INSERT"); /* the text travels only in the preparation */
    assert_db(f.db, DB_UNAVAILABLE,
              db_exec(f.db, insert_id, (const struct db_value[]){DB_UINT(7030)}, 1, NULL));
    proxy_set(PASS, NULL);
    assert_false(exists(7030));
    db_close(&f.db);
}

/* --- servers that do not answer --- */

static void test_silent_server(void **state)
{
    struct fixture f;

    (void)state;
    open_proxied(&f);
    f.conf.connect_timeout_ms = CONNECT_MS;
    proxy_set(SILENT, NULL); /* accepts the connection, as a stopped process does */
    int64_t start = clock_mono_ms();
    assert_db(f.db, DB_UNAVAILABLE, db_ping(f.db));
    assert_in_range(clock_mono_ms() - start, CONNECT_MS - 20, CONNECT_MS + SLACK_MS);
    assert_non_null(strstr(db_error(f.db), "within the time-out"));
    f.conf.connect_timeout_ms = PATIENCE_MS;
    proxy_set(PASS, NULL);
    assert_db(f.db, DB_OK, db_ping(f.db));
    f.conf.query_timeout_ms = QUERY_MS;
    proxy_set(SILENT, NULL);
    start = clock_mono_ms();
    assert_db(f.db, DB_UNAVAILABLE, db_query(f.db, "SELECT 1", NULL, 0, take_int, &(int64_t){0}));
    assert_in_range(clock_mono_ms() - start, QUERY_MS - 20, QUERY_MS + SLACK_MS);
    f.conf.query_timeout_ms = PATIENCE_MS;
    proxy_set(PASS, NULL);
    assert_db(f.db, DB_OK, db_ping(f.db));
    db_close(&f.db);
}

static void test_slow_statement(void **state)
{
    struct fixture f;

    (void)state;
    open_direct(&f);
    f.conf.query_timeout_ms = QUERY_MS; /* the session's, too: it begins with the first statement */
    int64_t start = clock_mono_ms();
    enum db_result r = db_exec(f.db, "DO SLEEP(100)", NULL, 0, NULL);
    assert_in_range(clock_mono_ms() - start, 0, QUERY_MS + SLACK_MS);
    /* OK: the server ended it in time by itself; unavailable: not even the session was made in time
     */
    assert_true(r == DB_UNCERTAIN || r == DB_OK || r == DB_UNAVAILABLE);
    f.conf.query_timeout_ms = PATIENCE_MS;
    assert_db(f.db, DB_OK, db_ping(f.db));
    db_close(&f.db);
}

static void test_full_server(void **state)
{
    struct fixture f;

    (void)state;
    open_proxied(&f);
    proxy_set(TOO_MANY, NULL);
    assert_db(f.db, DB_UNAVAILABLE, db_ping(f.db));
    assert_int_equal(db_errno(f.db), 1040);
    proxy_set(PASS, NULL);
    db_close(&f.db);
}

/* A listener whose queue is full drops further connection attempts: the first host hangs, the
 * second refuses, the third is good. */
static void test_host_list(void **state)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int full = socket(AF_INET, SOCK_STREAM, 0), filler[4];
    struct fixture f;
    char hanging[64];

    (void)state;
    assert_int_equal(bind(full, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(full, 0), 0);
    getsockname(full, (struct sockaddr *)&a, &len);
    for (int i = 0; i < 4; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(connect(filler[i], (struct sockaddr *)&a, len) == 0 || errno == EINPROGRESS);
    }
    snprintf(hanging, sizeof hanging, "127.0.0.1:%u", ntohs(a.sin_port));
    open_at(&f, (const char *const[]){hanging, "127.0.0.1:1", setting("PENSTOCK_DB_HOST")}, 3);
    f.conf.connect_timeout_ms = HOSTS_MS;
    int64_t start = clock_mono_ms();
    assert_db(f.db, DB_OK, db_ping(f.db));
    assert_in_range(clock_mono_ms() - start, HOSTS_MS / 3 - 20, HOSTS_MS + SLACK_MS);
    db_close(&f.db);
    open_at(&f, (const char *const[]){hanging}, 1);
    f.conf.connect_timeout_ms = CONNECT_MS;
    start = clock_mono_ms();
    assert_db(f.db, DB_UNAVAILABLE, db_ping(f.db));
    assert_in_range(clock_mono_ms() - start, CONNECT_MS - 20, CONNECT_MS + SLACK_MS);
    db_close(&f.db);
    for (int i = 0; i < 4; i++)
        close(filler[i]);
    close(full);
}

static int clean_up(void **state)
{
    struct fixture f;

    open_direct(&f);
    db_exec(f.db, "DROP TABLE IF EXISTS itest_db", NULL, 0, NULL);
    db_close(&f.db);
    return stop_proxy(state);
}

static int set_up(void **state)
{
    return start_proxy(state) != 0 ? -1 : make_table(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nulls_and_stopping),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_is_all_or_nothing),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_cache_overflows),
        cmocka_unit_test(test_prepared_again_after_ddl),
        cmocka_unit_test(test_script),
        cmocka_unit_test(test_commit_and_rollback),
        cmocka_unit_test(test_deadlock_is_retried),
        cmocka_unit_test(test_endless_conflict_is_reported),
        cmocka_unit_test(test_killed_inside_transaction),
        cmocka_unit_test(test_killed_while_idle),
        cmocka_unit_test(test_cut_at_commit),
        cmocka_unit_test(test_cut_inside_transaction),
        cmocka_unit_test(test_cut_outside_transaction),
        cmocka_unit_test(test_cut_while_preparing),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_slow_statement),
        cmocka_unit_test(test_full_server),
        cmocka_unit_test(test_host_list),
    };

    log_init("itest_db", LOG_LEVEL_WARNING, LOG_TARGET_STDERR);
    return cmocka_run_group_tests(tests, set_up, clean_up);
}
