#include "backend/ctl/doctor_columns.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_known(const struct columns *all, const struct column *c, bool *ret_table)
{
    bool column = false;

    for (size_t i = 0; i < all->n; i++) {
        bool table = strcmp(all->item[i].table, c->table) == 0;
        *ret_table |= table;
        column |= table && strcmp(all->item[i].name, c->name) == 0;
    }
    return column;
}

static void copy(char out[COLUMN_NAME_MAX + 1], const struct db_value *v)
{
    snprintf(out, COLUMN_NAME_MAX + 1, "%.*s", (int)v->len, (const char *)v->data);
}

static bool take_column(void *ctx, const struct db_value *v, size_t n)
{
    struct columns *all = ctx;
    struct column c = {.base = db_int(&v[2]) != 0,
                       .generated = db_int(&v[3]) != 0,
                       .automatic = db_int(&v[4]) != 0};
    bool table = false;

    (void)n;
    copy(c.table, &v[0]);
    copy(c.name, &v[1]);
    if (all->n == COLUMNS_MAX || strchr(c.table, '`') != NULL || strchr(c.name, '`') != NULL ||
        is_known(all, &c, &table))
        return true;
    c.first = !table;
    all->item = mem_resize(all->item, all->n + 1, sizeof *all->item);
    all->item[all->n++] = c;
    return true;
}

void columns_add(struct columns *all, const struct db_conf *conf)
{
    char err[512];
    struct db *db = db_open(conf, err, sizeof err);

    if (db == NULL)
        return; /* who tries the account says why */
    db_query(db,
             "SELECT c.TABLE_NAME, c.COLUMN_NAME, t.TABLE_TYPE = 'BASE TABLE',"
             " c.IS_GENERATED = 'ALWAYS', c.EXTRA LIKE '%auto_increment%'"
             " OR COALESCE(c.COLUMN_DEFAULT, '') LIKE 'current_timestamp%'"
             " FROM information_schema.COLUMNS c JOIN information_schema.TABLES t"
             " ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME"
             " WHERE c.TABLE_SCHEMA = DATABASE() ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION",
             NULL, 0, take_column, all);
    db_close(&db);
}

void columns_free(struct columns *all)
{
    free(all->item);
    *all = (struct columns){NULL, 0};
}
