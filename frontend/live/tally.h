/* How many there are of each key. */
#ifndef PENSTOCK_FRONTEND_LIVE_TALLY_H
#define PENSTOCK_FRONTEND_LIVE_TALLY_H

#include <stdbool.h>
#include <stddef.h>

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally **t);

/* One more of KEY, which is copied. False, with nothing changed, when there are MAX already; MAX 0:
 * without bound. */
bool tally_add(struct tally *t, const char *key, size_t max);
/* One less: of a key that tally_add() took. */
void tally_remove(struct tally *t, const char *key);
size_t tally_count(const struct tally *t, const char *key);

#endif
