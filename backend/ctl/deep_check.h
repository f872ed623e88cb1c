/* One archived solution after the other, held against its block and its row of `share`. */
#ifndef PENSTOCK_BACKEND_CTL_DEEP_CHECK_H
#define PENSTOCK_BACKEND_CTL_DEEP_CHECK_H

#include "backend/conf/settings.h"
#include "backend/share/intake.h"
#include "common/db/db.h"

/* Something differs: MESSAGE_ID in NETWORK, found at WHERE. */
typedef void deep_found_fn(void *ctx, const char *network, const char *message_id,
                           const char *where, const char *what);

struct deep_check;

/* CONF and DB are borrowed. NULL, with a reason in ERR. */
struct deep_check *deep_check_open(const struct backend_conf *conf, struct db *db,
                                   deep_found_fn *found, void *ctx, char *err, size_t err_size);
void deep_check_close(struct deep_check **d);

/* Takes over IN. False when the database fails; it may be called again after deep_check_flush(). */
bool deep_check_add(struct deep_check *d, struct intake *in, const char *where);
bool deep_check_flush(struct deep_check *d);

/* Notes the rows of all networks, or of NETWORK, that were received since SINCE_S: before the
 * archive is read, since shares go on being credited meanwhile. 24 bytes of memory a row. */
bool deep_check_note_rows(struct deep_check *d, const char *network, int64_t since_s);

/* Reports the noted rows whose solution was not added. */
void deep_check_rows(struct deep_check *d);

/* Solutions whose block was checked; rows looked at by deep_check_rows(). */
uint64_t deep_check_blocks(const struct deep_check *d);
uint64_t deep_check_row_count(const struct deep_check *d);

/* Solutions whose block could not be checked: of the I-th network of the settings, with the reason
 * ("" when there are none), or at their end of networks that are not there. */
uint64_t deep_check_unverified(const struct deep_check *d, size_t i, const char **ret_why);

#endif
