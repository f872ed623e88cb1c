/* Results, and the values in them. */
#include "common/base/mem.h"
#include "common/db/db-private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BINARY_CHARSET 63
#define CELL_MIN       64 /* room for a date or number that the library writes as text */

struct cell {
    struct db_value value; /* type and buffer; data is NULL for numbers */
    char *buffer;
    unsigned long length;
    my_bool null;
};

static bool is_integer(enum enum_field_types type)
{
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 ||
           type == MYSQL_TYPE_LONG || type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_YEAR;
}

static bool is_binary(const MYSQL_FIELD *f)
{
    bool string = f->type == MYSQL_TYPE_STRING || f->type == MYSQL_TYPE_VAR_STRING ||
                  (f->type >= MYSQL_TYPE_TINY_BLOB && f->type <= MYSQL_TYPE_BLOB);

    return f->type == MYSQL_TYPE_BIT || (string && f->charsetnr == BINARY_CHARSET);
}

static void bind_cell(MYSQL_BIND *b, struct cell *c, const MYSQL_FIELD *f)
{
    b->length = &c->length;
    b->is_null = &c->null;
    if (is_integer(f->type)) {
        b->buffer_type = MYSQL_TYPE_LONGLONG;
        b->is_unsigned = (f->flags & UNSIGNED_FLAG) != 0;
        b->buffer = &c->value.n;
        c->value.type = b->is_unsigned ? DB_UINT_T : DB_INT_T;
        return;
    }
    size_t room = (f->max_length > CELL_MIN ? f->max_length : CELL_MIN) + 1;
    c->value.type = is_binary(f) ? DB_BYTES_T : DB_TEXT_T;
    c->buffer = mem_zalloc(room);
    b->buffer_type = is_binary(f) ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
    b->buffer = c->buffer;
    b->buffer_length = room - 1;
}

static struct db_value cell_value(const struct cell *c)
{
    struct db_value v = c->value;

    if (c->null)
        return DB_NULL;
    if (c->buffer != NULL) {
        c->buffer[c->length] = '\0';
        v.data = c->buffer;
        v.len = c->length;
    }
    return v;
}

static void hand_out(MYSQL_STMT *stmt, const struct cell *cells, size_t n, db_row_fn *fn, void *ctx)
{
    struct db_value values[DB_PARAMS_MAX];
    int rc;

    while ((rc = mysql_stmt_fetch(stmt)) == 0) {
        for (size_t i = 0; i < n; i++)
            values[i] = cell_value(&cells[i]);
        if (!fn(ctx, values, n))
            return;
    }
    assert(rc == MYSQL_NO_DATA); /* everything is here already, in buffers of the right size */
}

static enum db_result store(struct db *db, MYSQL_STMT *stmt)
{
    static const my_bool yes = 1;
    int failed = 0;

    mysql_stmt_attr_set(stmt, STMT_ATTR_UPDATE_MAX_LENGTH, &yes);
    int wait = mysql_stmt_store_result_start(&failed, stmt);
    while (wait != 0)
        wait = mysql_stmt_store_result_cont(&failed, stmt, db_wait(db, wait));
    return failed ? db_fail(db, mysql_stmt_errno(stmt), mysql_stmt_error(stmt), false) : DB_OK;
}

enum db_result db_rows_read(struct db *db, MYSQL_STMT *stmt, db_row_fn *fn, void *ctx)
{
    MYSQL_BIND bind[DB_PARAMS_MAX] = {0};
    struct cell cells[DB_PARAMS_MAX] = {0};
    size_t n = mysql_stmt_field_count(stmt);

    assert(n > 0 && n <= DB_PARAMS_MAX); /* db_query() is for statements with a result */
    enum db_result r = store(db, stmt);
    if (r != DB_OK)
        return r;
    MYSQL_RES *meta = mysql_stmt_result_metadata(stmt);
    if (meta == NULL)
        abort(); /* out of memory */
    for (size_t i = 0; i < n; i++)
        bind_cell(&bind[i], &cells[i], mysql_fetch_field_direct(meta, (unsigned)i));
    mysql_free_result(meta);
    mysql_stmt_bind_result(stmt, bind);
    hand_out(stmt, cells, n, fn, ctx);
    for (size_t i = 0; i < n; i++)
        free(cells[i].buffer);
    return DB_OK;
}

int64_t db_int(const struct db_value *v)
{
    assert(v->type == DB_INT_T || (v->type == DB_UINT_T && v->n.u <= INT64_MAX));
    return v->n.i;
}

uint64_t db_uint(const struct db_value *v)
{
    assert(v->type == DB_UINT_T || (v->type == DB_INT_T && v->n.i >= 0));
    return v->n.u;
}

const char *db_text(const struct db_value *v)
{
    assert(v->type == DB_TEXT_T || v->type == DB_NULL_T);
    return v->data;
}

bool db_is_null(const struct db_value *v)
{
    return v->type == DB_NULL_T;
}
