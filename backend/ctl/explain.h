/*
 * penstockctl explain: how a block was split, what a miner's balance is made of, what a payout
 * pays. All is worked out again from what is stored and compared with the ledger; any difference is
 * said, and counted.
 */
#ifndef PENSTOCK_BACKEND_CTL_EXPLAIN_H
#define PENSTOCK_BACKEND_CTL_EXPLAIN_H

#include "backend/ctl/ctl.h"
#include "backend/ctl/sheet.h"

struct explain {
    struct db *db;
    const char *what;    /* whose name it is */
    const char *network; /* NULL: any */
    bool json;
    json_t *out;    /* what was explained, an object each */
    unsigned found; /* things that were explained */
    unsigned differences;
};

/* One line of the conclusion; also a member "checks" of OBJECT. A check that fails is a difference.
 */
void explain_check(struct explain *e, json_t *object, bool holds, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A line that says something else. */
void explain_line(const struct explain *e, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The table, unless it is to be JSON: then it is OBJECT's member NAME. */
void explain_sheet(struct explain *e, json_t *object, const char *name, const struct sheet *s);

/* Each explains what WHAT is the name of, if it is one; on DB_OK e->found has grown if so. */
enum db_result explain_block(struct explain *e, const char *what); /* a height, or a block's hash */
enum db_result explain_miner(struct explain *e, const char *what); /* an address or guid */
enum db_result explain_payout(struct explain *e, const char *what); /* an id or txid */

#endif
