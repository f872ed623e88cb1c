/* Tables for people: columns as wide as their widest cell. */
#include "backend/ctl/ctl.h"

#include "common/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void ctl_table_add(struct ctl_table *t, const char *const *cells)
{
    assert(t->columns > 0 && t->columns <= CTL_COLUMNS_MAX);
    t->cell = mem_resize(t->cell, (t->rows + 1) * t->columns, sizeof *t->cell);
    for (size_t i = 0; i < t->columns; i++)
        t->cell[t->rows * t->columns + i] = mem_strdup(cells[i]);
    t->rows++;
}

bool ctl_table_print(const struct ctl_table *t)
{
    size_t width[CTL_COLUMNS_MAX] = {0};

    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t len = strlen(t->cell[i]);
        if (len > width[i % t->columns])
            width[i % t->columns] = len;
    }
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t column = i % t->columns;
        bool last = column == t->columns - 1, right = t->right >> column & 1;
        int room = (int)width[column];
        printf("%*s%s", right ? room : last ? 0 : -room, t->cell[i], last ? "\n" : "  ");
    }
    return fflush(stdout) == 0;
}

void ctl_table_free(struct ctl_table *t)
{
    for (size_t i = 0; i < t->rows * t->columns; i++)
        free(t->cell[i]);
    free(t->cell);
    t->cell = NULL;
    t->rows = 0;
}
