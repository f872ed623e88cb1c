/* What `penstockctl status` knows of the pool, how it is read, and how it is shown. */
#ifndef PENSTOCK_BACKEND_CTL_STATUS_H
#define PENSTOCK_BACKEND_CTL_STATUS_H

#include "backend/conf/settings.h"
#include "backend/ctl/jobs_seen.h"
#include "common/base/buf.h"
#include "common/broker/broker.h"
#include "common/db/db.h"

#include <jansson.h>

#define STATUS_NAMES_MAX                                                                           \
    40 /* different reasons or outcomes that are told apart; others are summed */
#define STATUS_NAME_MAX  32
#define STATUS_BYTES_MAX (256 * 1024) /* of one picture */

/* Counts by name, such as rejections by reason, in order of appearance. */
struct status_counts {
    struct {
        char name[STATUS_NAME_MAX + 1];
        uint64_t n;
    } item[STATUS_NAMES_MAX];
    size_t n;
};

struct status_money { /* since the window's start */
    bool known;
    uint64_t split;           /* blocks */
    uint64_t sent, confirmed; /* payments; what is confirmed was sent */
    bool frozen;
};

struct network_status {
    const char *name;
    bool unpaid;                     /* the settings say payouts = no */
    uint64_t work, shares, rejected; /* since the window's start */
    struct status_counts reasons, outcomes;
    bool tip_known, waiting_known;
    uint64_t tip_height;
    uint64_t waiting;                     /* messages in the network's queues; of them */
    uint64_t waiting_large, waiting_jobs; /* long solutions; shares of jobs */
    struct status_money money;
    struct jobs_seen jobs;                        /* made of block templates */
    double work_rate, share_rate, rejection_rate; /* per minute; below 0: not known yet */
};

#define STATUS_TASKS_MAX 16

/* One line for each scheduled task that failed, waits, or did not run when it should have. */
struct status_tasks {
    bool known;
    bool ever; /* any has run */
    size_t n;
    char line[STATUS_TASKS_MAX][256];
};

struct status {
    int64_t now_s, since_s;
    bool dead_known;
    uint64_t dead;        /* messages in the queue `dead` */
    char problem[2][320]; /* what could not be read, of database and broker; or "" */
    struct status_tasks tasks;
    size_t n;
    struct network_status *network;
};

void status_count(struct status_counts *c, const char *name, uint64_t n);
uint64_t status_counted(const struct status_counts *c,
                        const char *name); /* 0 when it is not there */

/* --- status_read.c --- */

struct status_reader;

/* DB and BROKER are borrowed. SINCE_S is rounded down to a minute. */
struct status_reader *status_reader_new(const struct backend_conf *conf, struct db *db,
                                        struct broker *broker, int64_t since_s);
void status_reader_free(struct status_reader **r);

/* Reads everything again; what cannot be read keeps its last value, and PROBLEM says so. The cost
 * does not grow with the number of shares: sums of finished minutes are read once a minute, only
 * the last few minutes every time. The result belongs to the reader. */
const struct status *status_read(struct status_reader *r);

/* --- status_tasks.c --- */

enum db_result status_read_tasks(struct db *db, const struct status *s, struct status_tasks *ret);

/* --- status_money.c --- */

enum db_result status_read_money(struct db *db, const char *network, int64_t since_s,
                                 struct status_money *ret);

/* --- status_show.c --- */

struct status_look {
    bool colour, rates;
    unsigned columns; /* of the terminal */
};

/* The picture as lines. False when it exceeds STATUS_BYTES_MAX. */
bool status_paint(const struct status *s, const struct status_look *look, struct buf *out);

/* One line for a network whose numbers differ from BEFORE (NULL: always). */
void status_line(const struct status *s, size_t network, FILE *out);

json_t *status_json(const struct status *s);

#endif
