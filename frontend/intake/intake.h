/* What a request for work does in the database: finds or creates the miner and the worker, and
 * inserts the work. INSERT and the two views are all that this tier may use. */
#ifndef PENSTOCK_FRONTEND_INTAKE_INTAKE_H
#define PENSTOCK_FRONTEND_INTAKE_INTAKE_H

#include "common/coin/u256.h"
#include "common/db/db.h"
#include "frontend/intake/ids.h"

/* Columns of `work`, in characters */
#define WORK_THREAD_CHARS 32
#define WORK_OS_CHARS     32
#define WORK_AGENT_CHARS  64
#define WORK_IP_CHARS     45

/* What a first request adds. */
enum intake_row { INTAKE_MINER, INTAKE_WORKER };

struct intake {
    const char *network, *address, *worker;
    const char *thread_id, *ip, *os, *agent;
    const char *email; /* "" = none */
    const struct u256 *target;
    /* Asked before a row is added; false ends it with INTAKE_NOT_NOW. */
    bool (*may_add)(void *ctx, enum intake_row row);
    void *ctx;
};

enum intake_outcome {
    INTAKE_DONE,
    INTAKE_DISABLED, /* the operator disabled the miner, as a first look shows: no work */
    INTAKE_NOT_NOW,  /* may_add() said no: no work */
};

struct intake_result {
    enum intake_outcome outcome;
    char miner_guid[UUID_TEXT_LEN + 1];
    char work_id[UUID_TEXT_LEN + 1];
};

/* One statement for a worker that IDS knows. *RET is complete only after DB_OK. Whatever else
 * comes, the next request may simply try again: miner and worker are there or not, and a work that
 * nobody knows of harms nothing. */
enum db_result intake_work(struct db *db, struct ids *ids, const struct intake *in,
                           struct intake_result *ret);

/* Miner and worker only, as intake_work() finds or creates them; of IN it looks at NETWORK,
 * ADDRESS, WORKER and MAY_ADD. *RET is complete only after DB_OK with INTAKE_DONE. */
enum db_result intake_ids(struct db *db, struct ids *ids, const struct intake *in,
                          enum intake_outcome *ret_outcome, struct ids_entry *ret);

/* A piece of search in a job (common/work/job.h), for a worker. */
struct intake_piece {
    const char *network, *ip, *agent;
    uint64_t worker_id;
    const struct uuid *work_id, *job_id;
    const uint8_t *extranonce;
    size_t extranonce_size;
    const struct u256 *target;
};

/* Inserts the work of all N or of none, in one statement; the caller bounds N. When the connection
 * is another one than the workers' ids came over, they may be nobody's: find them again, and hand
 * out other pieces. */
enum db_result intake_add_pieces(struct db *db, const struct intake_piece *piece, size_t n);

#endif
