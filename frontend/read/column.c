#include "frontend/read/column.h"

#include <stdio.h>
#include <stdlib.h>

double column_real(const struct db_value *v)
{
    switch (v->type) {
    case DB_INT_T:
        return (double)v->n.i;
    case DB_UINT_T:
        return (double)v->n.u;
    case DB_TEXT_T:
        return strtod(v->data, NULL);
    default:
        return 0;
    }
}

uint64_t column_uint(const struct db_value *v)
{
    switch (v->type) {
    case DB_INT_T:
    case DB_UINT_T:
        return db_uint(v);
    case DB_TEXT_T:
        return strtoull(v->data, NULL, 10);
    default:
        return 0;
    }
}

int64_t column_int(const struct db_value *v)
{
    switch (v->type) {
    case DB_INT_T:
    case DB_UINT_T:
        return db_int(v);
    case DB_TEXT_T:
        return strtoll(v->data, NULL, 10);
    default:
        return 0;
    }
}

void column_copy(const struct db_value *v, char *out, size_t size)
{
    snprintf(out, size, "%s", db_is_null(v) ? "" : db_text(v));
}
