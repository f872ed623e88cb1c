/*
 * common/db over TLS, against a server of the test's own that may be stopped and filled up. The
 * environment: ITEST_DB_PORT, _PID, _USER, _PASSWORD_FILE, _CA (the server's), _OTHER_CA. The
 * server's certificate names 127.0.0.1 only, and it takes 10 connections.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/db.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define QUERY_MS    400
#define CONNECT_MS  800
#define SLACK_MS    30000 /* for a busy machine */
#define PATIENCE_MS 60000 /* of every fixture, unless a time-out is meant */
#define CONNECTIONS 10

static char *setting(const char *name)
{
    char *value = getenv(name);

    if (value == NULL) {
        fprintf(stderr, "itest_db_tls: %s is not set\n", name);
        exit(64);
    }
    return value;
}

struct fixture {
    struct db_conf conf;
    char *host;
    struct db *db;
};

static void open_db(struct fixture *f, char *host, char *ca)
{
    char err[256] = "";

    *f = (struct fixture){.host = host};
    f->conf = (struct db_conf){.hosts = {&f->host, 1},
                               .port = atoi(setting("ITEST_DB_PORT")),
                               .name = (char *)"mysql",
                               .user = setting("ITEST_DB_USER"),
                               .password_file = setting("ITEST_DB_PASSWORD_FILE"),
                               .tls_ca = ca,
                               .connect_timeout_ms = PATIENCE_MS,
                               .query_timeout_ms = PATIENCE_MS};
    f->db = db_open(&f->conf, err, sizeof err);
    if (f->db == NULL)
        fail_msg("%s", err);
}

#define assert_db(db, expected, call)                                                              \
    do {                                                                                           \
        enum db_result got_ = (call);                                                              \
        if (got_ != (expected))                                                                    \
            fail_msg("%s: %s (%u %s)", #call, db_result_name(got_), db_errno(db), db_error(db));   \
    } while (0)

static bool take_text(void *ctx, const struct db_value *v, size_t n)
{
    snprintf(ctx, 64, "%s", db_text(&v[n - 1]));
    return false;
}

static bool take_int(void *ctx, const struct db_value *v, size_t n)
{
    (void)n;
    *(int64_t *)ctx = db_int(&v[0]);
    return false;
}

static void test_encrypted_and_kept(void **state)
{
    struct fixture f;
    char version[64] = "";
    int64_t first = 0;

    (void)state;
    open_db(&f, "127.0.0.1", setting("ITEST_DB_CA"));
    assert_db(f.db, DB_OK,
              db_query(f.db,
                       "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE "
                       "VARIABLE_NAME = 'Ssl_version'",
                       NULL, 0, take_text, version));
    assert_string_equal(version, "TLSv1.3");
    for (int i = 0; i < 50;
         i++) { /* what TLS itself sends must not look like an ended connection */
        int64_t id = 0;
        assert_db(f.db, DB_OK, db_query(f.db, "SELECT CONNECTION_ID()", NULL, 0, take_int, &id));
        if (i == 0)
            first = id;
        assert_int_equal(id, first);
    }
    db_close(&f.db);
}

static void test_wrong_certificates(void **state)
{
    const struct {
        char *host, *ca;
    } cases[] = {
        {"127.0.0.1", setting("ITEST_DB_OTHER_CA")}, /* signed by somebody else */
        {"localhost", setting("ITEST_DB_CA")},       /* not the name in the certificate */
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_db(&f, cases[i].host, cases[i].ca);
        assert_db(f.db, DB_UNAVAILABLE, db_ping(f.db));
        assert_int_equal(db_errno(f.db), 2026);
        db_close(&f.db);
    }
}

/* The account demands TLS, so without it the server refuses. */
static void test_no_silent_fallback(void **state)
{
    struct fixture f;

    (void)state;
    open_db(&f, "127.0.0.1", "");
    assert_db(f.db, DB_REFUSED, db_ping(f.db));
    db_close(&f.db);
}

/* Does some thread of PID not stand still? */
static bool is_moving(pid_t pid)
{
    char path[64], text[512];
    bool moving = false;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (struct dirent *e; (e = readdir(tasks)) != NULL && !moving;) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, e->d_name);
        FILE *f = fopen(path, "re");
        size_t n = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
        if (f != NULL)
            fclose(f);
        text[n] = '\0';
        const char *letter = strrchr(text, ')');
        moving = letter == NULL || letter[2] != 'T';
    }
    closedir(tasks);
    return moving;
}

/* SIGSTOP is for the first thread that runs; until then the others go on. */
static void suspend(pid_t pid)
{
    int64_t end = clock_mono_ms() + PATIENCE_MS;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (is_moving(pid) && clock_mono_ms() < end)
        clock_sleep_ms(1);
}

static void test_stopped_server(void **state)
{
    struct fixture f, other;
    pid_t pid = (pid_t)atoi(setting("ITEST_DB_PID"));

    (void)state;
    open_db(&f, "127.0.0.1", setting("ITEST_DB_CA"));
    open_db(&other, "127.0.0.1", setting("ITEST_DB_CA"));
    assert_db(f.db, DB_OK, db_ping(f.db));
    f.conf.query_timeout_ms = QUERY_MS;
    other.conf.connect_timeout_ms = CONNECT_MS;
    suspend(pid);
    int64_t start = clock_mono_ms(), value;
    enum db_result established = db_query(f.db, "SELECT 1", NULL, 0, take_int, &value);
    int64_t middle = clock_mono_ms();
    enum db_result fresh = db_ping(other.db);
    int64_t end = clock_mono_ms();
    db_close(&other.db); /* closing must not wait either */
    int64_t closed = clock_mono_ms();
    kill(pid, SIGCONT);
    assert_int_equal(established, DB_UNAVAILABLE);
    assert_int_equal(fresh, DB_UNAVAILABLE);
    assert_in_range(middle - start, QUERY_MS - 20, QUERY_MS + SLACK_MS);
    assert_in_range(end - middle, CONNECT_MS - 20, CONNECT_MS + SLACK_MS);
    assert_in_range(closed - end, 0, SLACK_MS);
    f.conf.query_timeout_ms = PATIENCE_MS;
    assert_db(f.db, DB_OK, db_query(f.db, "SELECT 1", NULL, 0, take_int, &value));
    db_close(&f.db);
}

/* --- a server that falls silent after LIMIT bytes, wherever in the handshakes that is --- */

struct silence {
    int listener;
    size_t limit;
};

static bool forward(int from, int to, size_t *left)
{
    char data[4096];
    ssize_t n = read(from, data, *left < sizeof data ? *left : sizeof data);

    if (n <= 0)
        return false;
    *left -= (size_t)n;
    return write(to, data, (size_t)n) == n;
}

static void *silence_main(void *arg)
{
    struct silence *s = arg;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_port = htons((uint16_t)atoi(setting("ITEST_DB_PORT")))};
    int client = accept(s->listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);
    size_t unlimited = SIZE_MAX, left = s->limit;

    for (bool go = connect(server, (struct sockaddr *)&a, sizeof a) == 0; go;) {
        struct pollfd p[2] = {{.fd = client, .events = POLLIN},
                              {.fd = left > 0 ? server : -1, .events = POLLIN}};
        poll(p, 2, -1);
        go = (p[0].revents == 0 || forward(client, server, &unlimited)) &&
             (p[1].revents == 0 || forward(server, client, &left));
    }
    close(client);
    close(server);
    return NULL;
}

static enum db_result ping_silenced(size_t limit, int64_t *ret_ms)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct silence s = {socket(AF_INET, SOCK_STREAM, 0), limit};
    socklen_t len = sizeof a;
    pthread_t thread;
    struct fixture f;

    assert_int_equal(bind(s.listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(s.listener, 1), 0);
    getsockname(s.listener, (struct sockaddr *)&a, &len);
    pthread_create(&thread, NULL, silence_main, &s);
    open_db(&f, "127.0.0.1", setting("ITEST_DB_CA"));
    f.conf.port = ntohs(a.sin_port);
    f.conf.connect_timeout_ms = 150;
    f.conf.query_timeout_ms = QUERY_MS;
    int64_t start = clock_mono_ms();
    enum db_result r = db_ping(f.db);
    db_close(&f.db);
    *ret_ms = clock_mono_ms() - start;
    pthread_join(thread, NULL);
    close(s.listener);
    return r;
}

static void test_silence_at_any_point(void **state)
{
    enum db_result r = DB_UNAVAILABLE;
    int64_t ms;
    size_t limit;

    (void)state;
    for (limit = 0; limit < 4000 && r != DB_OK; limit += 37) {
        r = ping_silenced(limit, &ms);
        assert_in_range(ms, 0, 150 + SLACK_MS);
        assert_true(r == DB_OK || r == DB_UNAVAILABLE);
    }
    assert_in_range(limit, 1000, 4000); /* it was cut in many places before it succeeded */
}

static void test_server_full(void **state)
{
    struct fixture f[CONNECTIONS + 2];
    enum db_result r = DB_OK;
    size_t n = 0;

    (void)state;
    while (n < CONNECTIONS + 2 && r == DB_OK) {
        open_db(&f[n], "127.0.0.1", setting("ITEST_DB_CA"));
        r = db_ping(f[n++].db);
    }
    assert_db(f[n - 1].db, DB_UNAVAILABLE, r);
    assert_int_equal(db_errno(f[n - 1].db), 1040);
    db_close(&f[0].db);
    int64_t end = clock_mono_ms() + PATIENCE_MS;
    while ((r = db_ping(f[n - 1].db)) != DB_OK && clock_mono_ms() < end)
        clock_sleep_ms(20);
    assert_db(f[n - 1].db, DB_OK, r); /* as soon as there is room */
    while (n-- > 1)
        db_close(&f[n].db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encrypted_and_kept),   cmocka_unit_test(test_wrong_certificates),
        cmocka_unit_test(test_no_silent_fallback),   cmocka_unit_test(test_stopped_server),
        cmocka_unit_test(test_silence_at_any_point), cmocka_unit_test(test_server_full),
    };

    log_init("itest_db_tls", LOG_LEVEL_WARNING, LOG_TARGET_STDERR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
