/* penstockctl: one file per command, each fills in a struct ctl_command that main.c lists. */
#ifndef PENSTOCK_BACKEND_CTL_CTL_H
#define PENSTOCK_BACKEND_CTL_CTL_H

#include "common/broker/broker.h"
#include "common/conf/conf.h"
#include "common/conf/shared.h"
#include "common/db/db.h"

#include <jansson.h>

struct ctl_command {
    const char *name;
    const char *usage; /* its options, on one line */
    const char *text;  /* what it does, in one sentence */
    const char *help;  /* its options explained, for `penstockctl COMMAND --help` */
    /* Its statements may take so long, also where the settings allow less; 0: as they say. */
    int64_t query_timeout_ms;
    /* ARGV[0] is the command's name; CONFIG is NULL when --config was not given. The result is the
     * exit status: EX_OK, EX_USAGE, EX_CONFIG, or 1 for anything that failed. */
    int (*run)(const char *config, int argc, char **argv);
};

extern const struct ctl_command migrate_command, partitions_command, status_command, submit_command,
    dead_command, replay_command, deep_validate_command, doctor_command, ban_command,
    balances_command, blocks_command, explain_command, miner_command, payouts_command,
    archived_works_command, notify_command;

/* --- what commands share (common.c) --- */

/* Prints "penstockctl COMMAND: MESSAGE" to stderr. */
void ctl_complain(const struct ctl_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int ctl_usage_error(const struct ctl_command *command); /* EX_USAGE */
int ctl_help(const struct ctl_command *command);        /* EX_OK */

/* The settings, or NULL after a complaint. */
void *ctl_load(const struct ctl_command *command, const struct conf_schema *schema,
               const char *path);

/* An open database whose schema this program knows, or NULL after a complaint; *RET is then the
 * exit status. */
struct db *ctl_open_db(const struct ctl_command *command, const struct db_conf *conf, int *ret);

/* A connection to the broker that is up, or NULL after a complaint; *RET is then the exit status.
 */
struct broker *ctl_open_broker(const struct ctl_command *command, const struct broker_conf *conf,
                               int *ret);

/* Complains of R, the last result of DB. 1, as an exit status. */
int ctl_complain_db(const struct ctl_command *command, struct db *db, enum db_result r);

/* "2024-11-21 01:30:05" of TIME_S in UTC, "-" for 0 and for what no calendar holds. */
#define CTL_TIME_SIZE 32
void ctl_format_time(int64_t time_s, char out[CTL_TIME_SIZE]);

/* TEXT as a whole number from MIN to MAX; false after a complaint that names OPTION. */
bool ctl_number(const struct ctl_command *command, const char *option, const char *text,
                int64_t min, int64_t max, int64_t *ret);

/* Writes JSON and a newline to stdout, and frees it. EX_OK, or 1 when it cannot be written. */
int ctl_print_json(json_t *json);

/* --- commands that work on the database, and their actions (common.c) --- */

struct backend_conf;

/* All is borrowed. */
struct ctl_job {
    const struct backend_conf *conf;
    struct db *db;
    void *request; /* the command's own */
};

typedef int ctl_job_fn(const struct ctl_job *job); /* the exit status */

/* Reads the settings (CONFIG NULL: at their usual place), opens their database and calls FN. Its
 * exit status, or that of a complaint. */
int ctl_with_db(const struct ctl_command *command, const char *config, ctl_job_fn *fn,
                void *request);

#define CTL_WORDS_MAX 3

/* An action and its arguments, as in `ban remove 7`. */
struct ctl_words {
    const char *word[CTL_WORDS_MAX];
    size_t n;
};

struct ctl_action {
    const char *name;
    size_t words; /* with its own name */
    ctl_job_fn *run;
};

/* What getopt_long() left of ARGV. False when it is too much. */
bool ctl_read_words(int argc, char **argv, struct ctl_words *ret);
/* That of the N ACTIONS with the first word's name and so many words, or NULL. */
const struct ctl_action *ctl_find_action(const struct ctl_action *actions, size_t n,
                                         const struct ctl_words *w);

/* --- tables for people (table.c) --- */

#define CTL_COLUMNS_MAX 12

/* Cells are copied. The first row is the heading. */
struct ctl_table {
    size_t columns, rows;
    char **cell;
    unsigned right; /* bit N: column N is aligned at its right, as numbers are */
};

void ctl_table_add(struct ctl_table *t, const char *const *cells); /* t->columns of them */
bool ctl_table_print(const struct ctl_table *t);                   /* to stdout */
void ctl_table_free(struct ctl_table *t);

#endif
