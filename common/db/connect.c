/* Making, watching and dropping the connection. */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/db-private.h"

#include <assert.h>
#include <errmsg.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_MAX 65535
#define HOST_MAX 256

static const char sql_mode[] = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_IN_DATE,"
                               "NO_ZERO_DATE,NO_ENGINE_SUBSTITUTION";

/* Copies HOST; *PORT_TEXT becomes what follows the ':', or NULL. */
static bool split_host(const char *text, char *host, size_t host_size, const char **port_text)
{
    bool bracket = text[0] == '[';
    const char *start = text + bracket;
    const char *end = bracket ? strchr(start, ']') : strchr(start, ':');

    if (bracket && end == NULL)
        return false;
    if (!bracket && end != NULL && strchr(end + 1, ':') != NULL)
        end = NULL; /* a bare IPv6 address */
    size_t len = end != NULL ? (size_t)(end - start) : strlen(start);
    if (len == 0 || len >= host_size)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    end = end != NULL && bracket ? end + 1 : end;
    *port_text = end != NULL && *end == ':' ? end + 1 : NULL;
    return end == NULL || *end == ':' || *end == '\0';
}

bool db_host_parse(const char *text, unsigned default_port, char *host, size_t host_size,
                   unsigned *port)
{
    const char *port_text;

    if (!split_host(text, host, host_size, &port_text))
        return false;
    if (port_text == NULL) {
        *port = default_port;
        return true;
    }
    size_t digits = strspn(port_text, "0123456789");
    if (digits == 0 || digits > 5 || port_text[digits] != '\0')
        return false;
    *port = (unsigned)strtoul(port_text, NULL, 10);
    return *port >= 1 && *port <= PORT_MAX;
}

static short poll_events(int events)
{
    return (short)((events & MYSQL_WAIT_READ ? POLLIN : 0) |
                   (events & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                   (events & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
}

/* TLS ignores MYSQL_WAIT_TIMEOUT and reads again; a shut-down socket ends that as well. */
static int give_up(struct db *db, int events)
{
    db->late = true;
    db->lost = true;
    shutdown(mysql_get_socket(db->mysql), SHUT_RDWR);
    return events | MYSQL_WAIT_TIMEOUT;
}

int db_wait(struct db *db, int events)
{
    struct pollfd p = {.fd = mysql_get_socket(db->mysql), .events = poll_events(events)};

    for (int64_t left; (left = clock_left_ms(db->deadline)) > 0;) {
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return events & ~MYSQL_WAIT_TIMEOUT;
        if (n < 0 && errno != EINTR)
            break;
    }
    return give_up(db, events);
}

static void set_options(struct db *db, MYSQL *m)
{
    static const unsigned tcp = MYSQL_PROTOCOL_TCP, off = 0;
    static const my_bool yes = 1;
    const struct db_conf *c = db->conf;
    int64_t lock_wait_s = c->query_timeout_ms / 1000;
    unsigned connect_s = (unsigned)(c->connect_timeout_ms / 1000) + 1; /* until watch() has begun */
    char init[512];

    /* max_statement_time: what a client no longer waits for shall not hold locks. */
    snprintf(init, sizeof init,
             "SET SESSION sql_mode = '%s', time_zone = '+00:00', tx_isolation = 'READ-COMMITTED', "
             "autocommit = 1, max_statement_time = %lld.%03lld, innodb_lock_wait_timeout = %lld",
             sql_mode, (long long)c->query_timeout_ms / 1000, (long long)c->query_timeout_ms % 1000,
             (long long)(lock_wait_s > 0 ? lock_wait_s : 1));
    mysql_options(m, MYSQL_OPT_NONBLOCK, NULL);
    mysql_options(m, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    mysql_options(m, MYSQL_OPT_PROTOCOL, &tcp); /* "localhost" would mean a Unix socket */
    mysql_options(m, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(m, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password,client_ed25519");
    mysql_options(m, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(m, MYSQL_INIT_COMMAND, init);
    if (c->tls_ca[0] != '\0') {
        mysql_options(m, MYSQL_OPT_SSL_ENFORCE, &yes);
        mysql_options(m, MYSQL_OPT_SSL_CA, c->tls_ca);
        mysql_options(m, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
        mysql_options(m, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    }
}

/* Under TLS libmariadb's non-blocking functions do block, in the handshake and later, so there a
 * watchdog keeps the deadline as well. The library may go on to another socket while connecting. */
static bool watch(struct db *db)
{
    if (db->conf->tls_ca[0] == '\0')
        return true;
    if (db->watchdog == NULL && (db->watchdog = watchdog_new()) == NULL)
        return false;
    if (!watchdog_attach(db->watchdog, mysql_get_socket(db->mysql)))
        return false;
    watchdog_arm(db->watchdog, db->deadline);
    return true;
}

void db_set_deadline(struct db *db, int64_t ms)
{
    db->deadline = clock_mono_ms() + ms;
    if (db->watchdog != NULL)
        watchdog_arm(db->watchdog, db->deadline);
}

/* The library's words alone do not say which server, nor what to look at. */
static enum db_result connect_failed(struct db *db, const char *host, unsigned port)
{
    enum db_result r = db_fail_mysql(db, false);
    char text[sizeof db->text];

    if (db->late) {
        snprintf(text, sizeof text, "no connection to %s port %u within the time-out", host, port);
        return db_fail(db, CR_CONNECTION_ERROR, text, false);
    }
    if (db->error == CR_SSL_CONNECTION_ERROR) {
        snprintf(text, sizeof text,
                 "%s port %u: %s (its certificate must be of tls_ca, %s, have this name, and be in "
                 "force)",
                 host, port, mysql_error(db->mysql), db->conf->tls_ca);
        return db_fail(db, CR_SSL_CONNECTION_ERROR, text, false);
    }
    return r;
}

static enum db_result connect_host(struct db *db, const char *host, unsigned port)
{
    const struct db_conf *c = db->conf;
    MYSQL *done = NULL;

    db->mysql = mysql_init(NULL);
    if (db->mysql == NULL)
        abort(); /* out of memory */
    db->late = db->lost = false;
    set_options(db, db->mysql);
    int wait = mysql_real_connect_start(&done, db->mysql, host, c->user, db->password, c->name,
                                        port, NULL, 0);
    while (wait != 0)
        wait = mysql_real_connect_cont(&done, db->mysql,
                                       watch(db) ? db_wait(db, wait) : give_up(db, wait));
    if (done != NULL && !db->late) {
        db->connections++;
        db->error = 0;
        db->text[0] = '\0';
        log_info("db.connected", LOG_STR("host", host), LOG_UINT("port", port),
                 LOG_STR("user", c->user));
        return DB_OK;
    }
    enum db_result r = connect_failed(db, host, port);
    db_drop(db);
    return r;
}

/* Each host gets an equal share of what is left, so one that does not answer hides no other. */
enum db_result db_connect(struct db *db)
{
    const struct conf_words *hosts = &db->conf->hosts;
    int64_t end = clock_mono_ms() + db->conf->connect_timeout_ms;
    enum db_result r = DB_UNAVAILABLE;

    assert(db->mysql == NULL && hosts->n > 0);
    for (size_t i = 0; i < hosts->n && r != DB_OK; i++) {
        char host[HOST_MAX];
        unsigned port;
        bool valid =
            db_host_parse(hosts->word[i], (unsigned)db->conf->port, host, sizeof host, &port);
        assert(valid); /* db_open() saw to it */
        db->deadline = clock_mono_ms() + clock_left_ms(end) / (int64_t)(hosts->n - i);
        r = connect_host(db, host, port);
    }
    return r;
}

void db_drop(struct db *db)
{
    if (db->mysql == NULL)
        return;
    if (db->lost) /* so that closing cannot wait for a server that does not read */
        shutdown(mysql_get_socket(db->mysql), SHUT_RDWR);
    mysql_close(db->mysql);
    if (db->watchdog != NULL)
        watchdog_detach(db->watchdog);
    db->mysql = NULL;
    db->lost = db->late = false;
    db_statements_free(db);
}

/* Between two calls the server has nothing to say: what can be read is the end, or its reason. */
static bool is_stale(const struct db *db)
{
    struct pollfd p = {.fd = mysql_get_socket(db->mysql), .events = POLLIN};

    return poll(&p, 1, 0) != 0;
}

enum db_result db_begin(struct db *db)
{
    enum db_result r = DB_OK;

    if (db->in_transaction) {
        if (db->doom != DB_OK)
            return db->doom; /* what follows would run outside the transaction */
    } else {
        if (db->mysql != NULL && is_stale(db))
            db_drop(db);
        if (db->mysql == NULL)
            r = db_connect(db);
    }
    if (r == DB_OK) {
        db_set_deadline(db, db->conf->query_timeout_ms);
        db->error = 0;
        db->text[0] = '\0';
    }
    return r;
}

enum db_result db_end(struct db *db, enum db_result r)
{
    if (db->watchdog != NULL)
        watchdog_disarm(db->watchdog);
    if (db->late) {
        db->error = CR_SERVER_LOST;
        snprintf(db->text, sizeof db->text, "no answer within %lld ms",
                 (long long)db->conf->query_timeout_ms);
    }
    if (db->in_transaction && (r == DB_CONFLICT || r == DB_UNAVAILABLE || db->lost))
        db->doom = r == DB_OK ? DB_UNAVAILABLE : r;
    if (db->lost)
        db_drop(db);
    return r;
}

enum db_result db_command(struct db *db, const char *sql, bool in_doubt)
{
    int failed = 0;
    int wait = mysql_real_query_start(&failed, db->mysql, sql, strlen(sql));

    while (wait != 0)
        wait = mysql_real_query_cont(&failed, db->mysql, db_wait(db, wait));
    return failed ? db_fail_mysql(db, in_doubt) : DB_OK;
}
