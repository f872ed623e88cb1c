/* The bans that hold now and the miners that are disabled, as this process last read them from the
 * view intake_ban. */
#ifndef PENSTOCK_FRONTEND_LIMIT_BANS_H
#define PENSTOCK_FRONTEND_LIMIT_BANS_H

#include "common/base/ipnet.h"
#include "common/db/db.h"

/* Rows beyond this number are not seen; penstockctl does not make so many bans. A disabled miner
 * that is not seen gets work for which the workers credit nothing. */
#define BANS_MAX 10000

struct bans;

struct bans *bans_new(void); /* empty: nobody is banned */
void bans_free(struct bans **b);

/* Reads all of them. What was known stays when that fails. */
enum db_result bans_load(struct bans *b, struct db *db);

/* Takes one row of the view, as bans_load() does; a KIND or VALUE it does not know is no ban. */
void bans_add(struct bans *b, const char *kind, const char *network, const char *value);
/* Must follow the last bans_add(). */
void bans_sort(struct bans *b);

bool bans_ip(const struct bans *b, const struct ip *ip);
bool bans_address(const struct bans *b, const char *network, const char *address);
bool bans_disabled(const struct bans *b, const char *network, const char *address);
bool bans_miner(const struct bans *b, const char *network, const char *guid); /* in lower case */

#endif
