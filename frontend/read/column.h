/* Columns of a result as numbers and texts, for the readers of this folder. */
#ifndef PENSTOCK_FRONTEND_READ_COLUMN_H
#define PENSTOCK_FRONTEND_READ_COLUMN_H

#include "common/db/db.h"

/* DECIMAL comes as text, and so does SUM(); NULL is 0. Sums of difficulties may pass 64 bits: they
 * are rates in the end, so a double will do. */
double column_real(const struct db_value *v);
uint64_t column_uint(const struct db_value *v); /* also of a DECIMAL that fits; else UINT64_MAX */
int64_t column_int(const struct db_value *v);   /* the same with a sign */
void column_copy(const struct db_value *v, char *out, size_t size); /* NULL becomes "" */

/* For the reading of a result that has one row. */
#define PARAMS(...)                                                                                \
    (const struct db_value[]){__VA_ARGS__},                                                        \
        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

#endif
