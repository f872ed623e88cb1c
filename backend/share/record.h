/* The transaction that records a judged batch. */
#ifndef PENSTOCK_BACKEND_SHARE_RECORD_H
#define PENSTOCK_BACKEND_SHARE_RECORD_H

#include "backend/share/share.h"
#include "common/db/db.h"

/*
 * Writes, in one transaction, a row of `share` for each accepted one of SHARES, a row of `rejected`
 * for each rejected one, a row of `block_candidate` for each candidate among them, and adds all of
 * these, and only these, to the roll-ups.
 *
 * On DB_OK the states say what is stored: a share whose hash another message was credited with in
 * the meantime has become rejected, one that another worker recorded from the same message is
 * SHARE_CREDITED or SHARE_REFUSED. After any other result nothing was written, except that after
 * DB_UNCERTAIN all of it may have been: look everything up again.
 */
enum db_result share_record(struct db *db, const char *network, struct share **shares, size_t n);

#endif
