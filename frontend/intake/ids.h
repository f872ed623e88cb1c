/*
 * What this process remembers of the database: the ids of miners and workers it met lately.
 *
 * Ids never change and are never deleted, so they are good as long as the connection they came
 * over. Whether the operator disabled the miner is not among them: that is known with the bans.
 */
#ifndef PENSTOCK_FRONTEND_INTAKE_IDS_H
#define PENSTOCK_FRONTEND_INTAKE_IDS_H

#include "common/base/uuid.h"

#define IDS_MAX 512 /* remembered; a newer one takes the place of an older one */

struct ids;

struct ids_entry {
    char miner_id[UUID_TEXT_LEN + 1];
    uint64_t worker_id;
    uint64_t connection; /* db_connection() when they were found */
};

struct ids *ids_new(void);
void ids_free(struct ids **ids);

/* NULL when unknown; valid until the next ids_put(). */
const struct ids_entry *ids_get(const struct ids *ids, const char *network, const char *address,
                                const char *worker);
void ids_put(struct ids *ids, const char *network, const char *address, const char *worker,
             const struct ids_entry *entry);

#endif
