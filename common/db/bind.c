/* Parameters in the form that libmariadb wants them. */
#include "common/base/mem.h"
#include "common/db/db-private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const enum enum_field_types field_types[] = {
    [DB_NULL_T] = MYSQL_TYPE_NULL,     [DB_INT_T] = MYSQL_TYPE_LONGLONG,
    [DB_UINT_T] = MYSQL_TYPE_LONGLONG, [DB_TEXT_T] = MYSQL_TYPE_STRING,
    [DB_BYTES_T] = MYSQL_TYPE_BLOB,
};

static bool is_number(enum db_type type)
{
    return type == DB_INT_T || type == DB_UINT_T;
}

void db_bind_row(struct db_binding *b, const struct db_value *values, size_t cols)
{
    assert(cols <= DB_PARAMS_MAX);
    memset(b, 0, sizeof *b);
    for (size_t c = 0; c < cols; c++) {
        const struct db_value *v = &values[c];
        b->bind[c].buffer_type = field_types[v->type];
        b->bind[c].is_unsigned = v->type == DB_UINT_T;
        b->bind[c].buffer = is_number(v->type) ? (void *)&v->n : (void *)v->data;
        b->bind[c].buffer_length = v->len;
        b->bind[c].length_value = v->len;
    }
}

/* The type that all rows of the column have, besides NULL. */
static enum db_type column_type(const struct db_value *values, size_t cols, size_t rows, size_t c)
{
    enum db_type type = DB_NULL_T;

    for (size_t r = 0; r < rows; r++) {
        enum db_type t = values[r * cols + c].type;
        assert(t == DB_NULL_T || type == DB_NULL_T || t == type);
        if (t != DB_NULL_T)
            type = t;
    }
    return type == DB_NULL_T ? DB_TEXT_T : type;
}

/* One column of the array: numbers lie in the buffer itself, texts and bytes are pointed to. */
struct column {
    union {
        uint64_t *number;
        const void **data;
    } cell;
    unsigned long *length;
    char *null;
};

static void bind_column(MYSQL_BIND *bind, struct column col, const struct db_value *values,
                        size_t cols, size_t rows, size_t c)
{
    enum db_type type = column_type(values, cols, rows, c);

    for (size_t r = 0; r < rows; r++) {
        const struct db_value *v = &values[r * cols + c];
        col.null[r] = v->type == DB_NULL_T ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
        col.length[r] = v->len;
        if (is_number(type))
            col.cell.number[r] = v->n.u;
        else
            col.cell.data[r] = v->data != NULL ? v->data : "";
    }
    bind->buffer_type = field_types[type];
    bind->is_unsigned = type == DB_UINT_T;
    bind->buffer = col.cell.number;
    bind->length = col.length;
    bind->u.indicator = col.null;
}

void db_bind_array(struct db_binding *b, const struct db_value *values, size_t cols, size_t rows)
{
    const size_t cell = sizeof(uint64_t) + sizeof(unsigned long) + 1;

    assert(cols > 0 && cols <= DB_PARAMS_MAX);
    memset(b, 0, sizeof *b);
    b->memory = mem_resize(NULL, cols * rows, cell);
    uint64_t *number = b->memory;
    unsigned long *length = (unsigned long *)(number + cols * rows);
    char *null = (char *)(length + cols * rows);
    for (size_t c = 0; c < cols; c++) {
        struct column col = {{number + c * rows}, length + c * rows, null + c * rows};
        bind_column(&b->bind[c], col, values, cols, rows, c);
    }
}

void db_bind_clear(struct db_binding *b)
{
    free(b->memory);
    b->memory = NULL;
}
