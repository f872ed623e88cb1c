/* Sections that both tiers' files have. A schema lists them with the offset of its own member, so
 * they are given as macros for the section and as tables for the settings. */
#ifndef PENSTOCK_COMMON_CONF_SHARED_H
#define PENSTOCK_COMMON_CONF_SHARED_H

#include "common/conf/conf.h"

struct log_conf {
    int64_t level;  /* enum log_level */
    int64_t target; /* enum log_target */
};

struct db_conf {
    struct conf_words hosts; /* HOST or HOST:PORT, tried in this order */
    int64_t port;
    char *name;
    char *user;
    char *password_file;
    char *tls_ca; /* "" = no TLS */
    int64_t connect_timeout_ms;
    int64_t query_timeout_ms;
};

struct broker_conf {
    struct conf_words hosts; /* HOST or HOST:PORT, tried in this order */
    int64_t port;
    char *vhost;
    char *user;
    char *password_file;
    char *tls_ca; /* "" = no TLS */
    int64_t heartbeat_s;
    int64_t connect_timeout_ms;
    int64_t confirm_timeout_ms;
};

/* What both tiers must know of a network; the first member of the struct of each tier's [network
 * NAME]. */
struct network_conf {
    char *label;               /* the network's name, [a-z0-9-]{1,32} */
    struct conf_words aliases; /* further NetworkIDs that mean this network */
    char *pool_address;
    struct conf_words p2pkh_versions; /* decimal version bytes of base58 addresses */
    struct conf_words p2sh_versions;
    char *bech32_prefix;   /* "" = none */
    int64_t base58_length; /* 0 = any */
};

/* Rows for the table of a tier's [network NAME], whose struct T starts with `struct network_conf
 * base`. */
#define NETWORK_ROWS(T)                                                                            \
    NETWORK_ROW(T, aliases, .type = CONF_WORDS, .max = 16, .deflt = "", .example = "regtest",      \
                .text = "Further NetworkIDs that mean this network."),                             \
        NETWORK_ROW(T, pool_address, .type = CONF_STRING, .min = 1, .max = 90,                     \
                    .example = "rltc1q...",                                                        \
                    .text = "The pool's own address, which blocks pay to."),                       \
        NETWORK_ROW(T, p2pkh_versions, .type = CONF_WORDS, .max = 4, .deflt = "",                  \
                    .example = "111",                                                              \
                    .text = "Version bytes, in decimal, of base58 addresses that pay to a key."),  \
        NETWORK_ROW(T, p2sh_versions, .type = CONF_WORDS, .max = 4, .deflt = "",                   \
                    .example = "196 58",                                                           \
                    .text = "Version bytes, in decimal, of base58 addresses that pay to a "        \
                            "script."),                                                            \
        NETWORK_ROW(T, bech32_prefix, .type = CONF_STRING, .max = 15, .deflt = "",                 \
                    .example = "rltc", .text = "Prefix of the chain's bech32 addresses."),         \
        NETWORK_ROW(T, base58_length, .type = CONF_INT, .unit = "characters", .max = 90,           \
                    .deflt = "0", .text = "Exact length of base58 addresses; 0: not checked.")

#define NETWORK_ROW(T, member, ...)                                                                \
    {                                                                                              \
        .name = #member, .offset = offsetof(T, base.member), __VA_ARGS__                           \
    }

/* The prefixes as common/coin wants them, and whether pool_address is an address of that chain.
 * NULL, or a malloc'd message that names section, setting and remedy. */
struct address_rules;
char *network_rules(const struct network_conf *conf, struct address_rules *ret);

extern const struct conf_setting log_settings[];
extern const struct conf_setting db_settings[];
extern const struct conf_setting broker_settings[];

#define LOG_SECTION(off)                                                                           \
    {                                                                                              \
        "log", "What is logged, and where to.", false, (off), 0, log_settings                      \
    }
#define DB_SECTION(off)                                                                            \
    {                                                                                              \
        "database", "The MariaDB server and this tier's account on it.", false, (off), 0,          \
            db_settings                                                                            \
    }
#define BROKER_SECTION(off)                                                                        \
    {                                                                                              \
        "broker", "The RabbitMQ server and this tier's account on it.", false, (off), 0,           \
            broker_settings                                                                        \
    }

/* Calls log_init() with what the section says. */
void log_init_conf(const char *program, const struct log_conf *conf);

#endif
