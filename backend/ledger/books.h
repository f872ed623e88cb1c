/*
 * What must hold in the stored books of a network at any moment: the ledger with itself, with the
 * blocks and how they were split, with the payouts, and the shares with their roll-ups. No wallet
 * is asked, nothing is changed.
 *
 * Each check is one statement, hence judges one consistent state whatever runs meanwhile: what
 * belongs together is written in one transaction.
 */
#ifndef PENSTOCK_BACKEND_LEDGER_BOOKS_H
#define PENSTOCK_BACKEND_LEDGER_BOOKS_H

#include "common/db/db.h"

#include <jansson.h>
#include <stdint.h>

#define FINDINGS_PER_CHECK 20 /* more of one kind are not listed */

/* Differences, in the order in which they were found: [{"check": NAME, "text": TEXT}, ...] */
struct findings {
    json_t *list;
};

struct findings findings_new(void);
void findings_free(struct findings *f);
size_t findings_count(const struct findings *f);
void findings_add(struct findings *f, const char *check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One line per difference, malloc'd, cut at SIZE bytes. */
char *findings_text(const struct findings *f, size_t size);

/* Adds to F what does not hold. Anything but DB_OK leaves some checks undone. */
enum db_result books_check(struct db *db, const char *network, struct findings *f);

/* What the pool owes by the ledger: to miners, to itself, unsplit, and in flight together. */
enum db_result books_owed(struct db *db, const char *network, int64_t *ret);

#endif
