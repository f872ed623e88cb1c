#include "common/conf/shared.h"

#include "common/base/log.h"

/* In the order of enum log_level and enum log_target. */
static const char *const log_levels[] = {"debug", "info", "warning", "error", "fatal", NULL};
static const char *const log_targets[] = {"stderr", "journald", NULL};

#define MEMBER(type, m) .name = #m, .offset = offsetof(struct type, m)

const struct conf_setting log_settings[] = {
    {MEMBER(log_conf, level), .type = CONF_CHOICE, .choices = log_levels, .deflt = "info",
     .text = "The least important events that are logged."},
    {MEMBER(log_conf, target), .type = CONF_CHOICE, .choices = log_targets, .deflt = "stderr",
     .text = "Where to."},
    {.name = NULL},
};

const struct conf_setting db_settings[] = {
    {MEMBER(db_conf, hosts), .type = CONF_WORDS, .min = 1, .max = 16, .deflt = "127.0.0.1",
     .text = "HOST or HOST:PORT of each server, tried in this order."},
    {MEMBER(db_conf, port), .type = CONF_INT, .min = 1, .max = 65535, .deflt = "3306",
     .text = "The port of hosts that name none."},
    {MEMBER(db_conf, name), .type = CONF_STRING, .min = 1, .max = 64, .deflt = "penstock",
     .text = "The database."},
    {MEMBER(db_conf, user), .type = CONF_STRING, .min = 1, .max = 80,
     .example = "penstock_frontend", .text = "The account, as sql/grants.sql creates it."},
    {MEMBER(db_conf, password_file), .type = CONF_STRING, .min = 1, .max = 1024,
     .example = "/etc/penstock/secrets/database",
     .text = "The file whose first line is the account's password, not readable by everyone; a "
             "name without '/' is a systemd credential or, outside of a service, a file in "
             "/etc/penstock/secrets."},
    {MEMBER(db_conf, tls_ca), .type = CONF_PATH, .deflt = "", .example = "/etc/penstock/ca.pem",
     .text = "The CA certificate that the server's own must come from; none: no TLS."},
    {MEMBER(db_conf, connect_timeout_ms), .type = CONF_INT, .unit = "ms", .min = 50, .max = 600000,
     .deflt = "800", .text = "How long a connection may take to be made."},
    {MEMBER(db_conf, query_timeout_ms), .type = CONF_INT, .unit = "ms", .min = 50, .max = 600000,
     .deflt = "800",
     .text = "How long one statement may take; after that the connection is given up."},
    {.name = NULL},
};

const struct conf_setting broker_settings[] = {
    {MEMBER(broker_conf, hosts), .type = CONF_WORDS, .min = 1, .max = 16, .deflt = "127.0.0.1",
     .text = "HOST or HOST:PORT of each server, tried in this order."},
    {MEMBER(broker_conf, port), .type = CONF_INT, .min = 1, .max = 65535, .deflt = "5672",
     .text = "The port of hosts that name none; with TLS usually 5671."},
    {MEMBER(broker_conf, vhost), .type = CONF_STRING, .min = 1, .max = 255, .deflt = "/penstock",
     .text = "The virtual host."},
    {MEMBER(broker_conf, user), .type = CONF_STRING, .min = 1, .max = 255,
     .example = "penstock_frontend",
     .text = "The account, as the broker's definitions file creates it."},
    {MEMBER(broker_conf, password_file), .type = CONF_STRING, .min = 1, .max = 1024,
     .example = "/etc/penstock/secrets/broker",
     .text = "The file whose first line is the account's password, not readable by everyone; a "
             "name without '/' is a systemd credential or, outside of a service, a file in "
             "/etc/penstock/secrets."},
    {MEMBER(broker_conf, tls_ca), .type = CONF_PATH, .deflt = "", .example = "/etc/penstock/ca.pem",
     .text = "The CA certificate that the server's own must come from; none: no TLS."},
    {MEMBER(broker_conf, heartbeat_s), .type = CONF_INT, .unit = "s", .min = 1, .max = 3600,
     .deflt = "10", .text = "A server silent for twice this long counts as gone."},
    {MEMBER(broker_conf, connect_timeout_ms), .type = CONF_INT, .unit = "ms", .min = 50,
     .max = 600000, .deflt = "800", .text = "How long a connection may take to be made."},
    {MEMBER(broker_conf, confirm_timeout_ms), .type = CONF_INT, .unit = "ms", .min = 50,
     .max = 600000, .deflt = "800",
     .text = "How long the broker may take to confirm a message; after that it is uncertain."},
    {.name = NULL},
};

void log_init_conf(const char *program, const struct log_conf *conf)
{
    log_init(program, (enum log_level)conf->level, (enum log_target)conf->target);
}
