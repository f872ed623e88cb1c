/* What the database knows of a batch of solutions, in three statements whatever its size. */
#ifndef PENSTOCK_BACKEND_SHARE_LOOKUP_H
#define PENSTOCK_BACKEND_SHARE_LOOKUP_H

#include "backend/share/share.h"
#include "common/db/db.h"

/* Of the open ones of SHARES, all of NETWORK: settles those that a former delivery recorded
 * (SHARE_CREDITED, SHARE_REFUSED), and fills in known and work of the others. Anything but DB_OK
 * leaves them half filled in; run it again. */
enum db_result share_lookup(struct db *db, const char *network, struct share **shares, size_t n);

/* The works alone, of those that are open or credited. */
enum db_result share_lookup_work(struct db *db, const char *network, struct share **shares,
                                 size_t n);

/* The second half of the guard against recording a message both as share and as rejected, inside
 * the transaction that has just written its rows: do rows of the other kind exist, committed by
 * another worker since share_lookup()? Waits for such a worker's transaction to end. Every share
 * concerned is settled (SHARE_CREDITED, SHARE_REFUSED) and *RET_FOUND set: roll back and write
 * again without them. */
enum db_result share_cross_check(struct db *db, const char *network, struct share **shares,
                                 size_t n, bool *ret_found);

/* Who was credited with the hash of S? */
enum share_owner { OWNER_NOBODY, OWNER_SELF, OWNER_OTHER };
enum db_result share_find_owner(struct db *db, const char *network, const struct share *s,
                                enum share_owner *ret);

#endif
