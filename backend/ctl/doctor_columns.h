/* The tables and columns of the pool's database, as far as some accounts see them. */
#ifndef PENSTOCK_BACKEND_CTL_DOCTOR_COLUMNS_H
#define PENSTOCK_BACKEND_CTL_DOCTOR_COLUMNS_H

#include "common/base/buf.h"
#include "common/db/db.h"

#define COLUMN_NAME_MAX 64
#define COLUMNS_MAX     10000

struct column {
    char table[COLUMN_NAME_MAX + 1], name[COLUMN_NAME_MAX + 1];
    bool base;      /* of a table, not of a view */
    bool first;     /* of its table in this list */
    bool generated; /* computed from others: nobody writes it */
    bool automatic; /* the server counts it up, or stamps it */
};

struct columns {
    struct column *item;
    size_t n;
};

/* Adds what the account of CONF sees and was not there. Nothing when it cannot log in. */
void columns_add(struct columns *all, const struct db_conf *conf);
void columns_free(struct columns *all);

#endif
