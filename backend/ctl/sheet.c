#include "backend/ctl/sheet.h"

#include "backend/ledger/amount.h"
#include "common/base/mem.h"
#include "common/base/uuid.h"
#include "common/coin/address.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

struct sheet sheet_new(const struct sheet_column *column, size_t columns)
{
    struct sheet s = {.column = column, .columns = columns, .table = {.columns = columns}};
    const char *heading[CTL_COLUMNS_MAX];

    assert(columns <= CTL_COLUMNS_MAX);
    for (size_t i = 0; i < columns; i++) {
        heading[i] = column[i].name;
        if (column[i].kind == SHEET_COUNT || column[i].kind == SHEET_AMOUNT)
            s.table.right |= 1U << i;
    }
    ctl_table_add(&s.table, heading);
    s.list = json_array();
    return s;
}

void sheet_free(struct sheet *s)
{
    ctl_table_free(&s->table);
    json_decref(s->list);
    s->list = NULL;
}

size_t sheet_rows(const struct sheet *s)
{
    return s->table.rows - 1;
}

int64_t sheet_number(const struct db_value *v)
{
    char *end;

    if (v->type != DB_TEXT_T)
        return db_int(v);
    errno = 0;
    int64_t n = strtoll(v->data, &end, 10);
    assert(errno == 0 && end != v->data && *end == '\0');
    return n;
}

static json_t *as_json(enum sheet_kind kind, const struct db_value *v)
{
    char number[AMOUNT_TEXT];

    if (db_is_null(v))
        return json_null();
    switch (kind) {
    case SHEET_AMOUNT:
        snprintf(number, sizeof number, "%" PRId64, sheet_number(v));
        return json_string(number);
    case SHEET_COUNT:
        return json_integer(sheet_number(v));
    case SHEET_YES_NO:
        return json_boolean(sheet_number(v) != 0);
    case SHEET_TEXT:
        break;
    }
    return json_string(db_text(v));
}

static const char *as_text(enum sheet_kind kind, const struct db_value *v, char room[AMOUNT_TEXT])
{
    if (db_is_null(v))
        return "-";
    switch (kind) {
    case SHEET_AMOUNT:
        amount_format(sheet_number(v), room);
        return room;
    case SHEET_COUNT:
        snprintf(room, AMOUNT_TEXT, "%" PRId64, sheet_number(v));
        return room;
    case SHEET_YES_NO:
        return sheet_number(v) != 0 ? "yes" : "no";
    case SHEET_TEXT:
        break;
    }
    return db_text(v);
}

bool sheet_row(void *ctx, const struct db_value *row, size_t n)
{
    struct sheet *s = ctx;
    char room[CTL_COLUMNS_MAX][AMOUNT_TEXT];
    const char *cells[CTL_COLUMNS_MAX];
    json_t *object = json_object();

    assert(n == s->columns);
    for (size_t i = 0; i < n; i++) {
        cells[i] = as_text(s->column[i].kind, &row[i], room[i]);
        json_object_set_new(object, s->column[i].name, as_json(s->column[i].kind, &row[i]));
    }
    ctl_table_add(&s->table, cells);
    json_array_append_new(s->list, object);
    return true;
}

int sheet_print(struct sheet *s, bool json, const char *none)
{
    if (json)
        return ctl_print_json(json_incref(s->list));
    if (sheet_rows(s) == 0)
        return puts(none) >= 0 ? EX_OK : EXIT_FAILURE;
    return ctl_table_print(&s->table) ? EX_OK : EXIT_FAILURE;
}

/* --- miners --- */

static bool take_miner(void *ctx, const struct db_value *row, size_t n)
{
    struct miner_list *list = ctx;
    struct miner_row m = {.disabled = db_int(&row[3]) != 0};

    (void)n;
    snprintf(m.id, sizeof m.id, "%s", db_text(&row[0]));
    snprintf(m.network, sizeof m.network, "%s", db_text(&row[1]));
    snprintf(m.address, sizeof m.address, "%s", db_text(&row[2]));
    list->miner = mem_resize(list->miner, list->n + 1, sizeof *list->miner);
    list->miner[list->n++] = m;
    return true;
}

#define MINER_COLUMNS "SELECT CAST(id AS CHAR), network, address, disabled FROM miner"

enum db_result miner_find(struct db *db, const char *who, const char *network,
                          struct miner_list *ret)
{
    struct uuid id;
    const struct db_value params[] = {DB_TEXT(who), network != NULL ? DB_TEXT(network) : DB_NULL,
                                      network != NULL ? DB_TEXT(network) : DB_NULL};

    *ret = (struct miner_list){NULL, 0};
    if (strlen(who) > ADDRESS_MAX_TEXT)
        return DB_OK;
    if (uuid_parse(who, strlen(who), &id))
        return db_query(db, MINER_COLUMNS " WHERE id = ? AND (? IS NULL OR network = ?)", params, 3,
                        take_miner, ret);
    return db_query(db,
                    MINER_COLUMNS " WHERE address = ? AND (? IS NULL OR network = ?)"
                                  " ORDER BY network LIMIT 100",
                    params, 3, take_miner, ret);
}

void miner_list_free(struct miner_list *list)
{
    free(list->miner);
    *list = (struct miner_list){NULL, 0};
}
