/*
 * What commands print of the database: its rows, for people as a table with amounts in coins, or
 * as JSON with amounts in base units. There they are strings: beyond 2^53 most readers of
 * JSON would round a number. Counts are JSON integers, what is not known is null.
 */
#ifndef PENSTOCK_BACKEND_CTL_SHEET_H
#define PENSTOCK_BACKEND_CTL_SHEET_H

#include "backend/ctl/ctl.h"

enum sheet_kind { SHEET_TEXT, SHEET_COUNT, SHEET_AMOUNT, SHEET_YES_NO };

struct sheet_column {
    const char *name; /* the heading, and the member's name */
    enum sheet_kind kind;
};

struct sheet {
    const struct sheet_column *column;
    size_t columns;
    struct ctl_table table;
    json_t *list; /* an object per row */
};

struct sheet sheet_new(const struct sheet_column *column, size_t columns);
void sheet_free(struct sheet *s);

/* A db_row_fn with the sheet as its context. Integers of any type, and sums, which come as text. */
bool sheet_row(void *ctx, const struct db_value *row, size_t n);
size_t sheet_rows(const struct sheet *s);

/* A whole number from an integer column or from a sum. Beyond 64 bits it asserts. */
int64_t sheet_number(const struct db_value *v);

/* Prints the table, or NONE when it has no rows; or with JSON the list. EX_OK or 1. */
int sheet_print(struct sheet *s, bool json, const char *none);

/* --- miners by what people call them --- */

struct miner_row {
    char id[37], network[33], address[91];
    bool disabled;
};

struct miner_list {
    struct miner_row *miner;
    size_t n;
};

/* Those whose address or guid is WHO, on NETWORK or, when it is NULL, on any. */
enum db_result miner_find(struct db *db, const char *who, const char *network,
                          struct miner_list *ret);
void miner_list_free(struct miner_list *list);

#endif
